"""Import LightGBM, which only training needs and which takes a second, and say what a result was made with."""

from __future__ import annotations

import platform
from types import ModuleType
from typing import Any

import numpy as np

from tapeline import __version__
from tapeline.core.extras import import_extra, missing
from tapeline.errors import MissingLibraryError


def import_lightgbm() -> ModuleType:
    """Import and return LightGBM. Raises `MissingLibraryError`, also for the OpenMP runtime that it needs."""
    try:
        import lightgbm
    except ImportError:
        raise missing("training a direction model needs LightGBM", "train") from None
    except OSError as error:
        if "omp" in str(error):
            remedy = "brew install libomp" if platform.system() == "Darwin" else "apt-get install libgomp1"
            raise MissingLibraryError(f"LightGBM needs the OpenMP runtime, which is missing: {remedy}") from None
        raise MissingLibraryError(f"LightGBM cannot be loaded: {error}") from None
    module: ModuleType = lightgbm
    return module


def require_training(trials: int = 0) -> None:
    """Raise `MissingLibraryError` where a model cannot be trained here, before bars are read, which takes minutes.

    With `trials`, parameters are to be searched for.
    """
    import_lightgbm()
    if trials:
        import_optuna()


def import_optuna() -> Any:
    """Import and return Optuna. Raises `MissingLibraryError`."""
    return import_extra("optuna", "the parameter search needs Optuna", "research")


def library_versions() -> dict[str, str]:
    """Return the versions that a result depends on, to keep beside it."""
    return {"tapeline": __version__, "numpy": np.__version__, "python": platform.python_version()}
