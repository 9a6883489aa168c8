"""Import the libraries that only research needs.

They are imported late, because each takes up to seconds, and a missing one is one clear line.
"""

from __future__ import annotations

import importlib
import importlib.util
import platform
import warnings
from types import ModuleType
from typing import Any

import numpy as np

from tapeline import __version__
from tapeline.errors import MissingLibraryError


def import_extra(module: str, need: str) -> Any:
    """Import and return a module of the extra `train`. Raises `MissingLibraryError`.

    `need` begins the error's line, such as "the backtest needs bt". Warnings are silenced: they are about the library's
    own code, which the user cannot fix.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError:
        raise MissingLibraryError(f"{need}: pip install 'tapeline[train]'") from None


def is_installed(package: str) -> bool:
    """Return whether a package is there to be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module in its place, or None: whoever put it there wants it to be missing
        return False


def import_lightgbm() -> ModuleType:
    """Import and return LightGBM. Raises `MissingLibraryError`, also for the OpenMP runtime that it needs."""
    try:
        import lightgbm
    except ImportError:
        raise MissingLibraryError("training needs the package lightgbm: pip install lightgbm") from None
    except OSError as error:
        if "omp" in str(error):
            remedy = "brew install libomp" if platform.system() == "Darwin" else "apt-get install libgomp1"
            raise MissingLibraryError(f"LightGBM needs the OpenMP runtime, which is missing: {remedy}") from None
        raise MissingLibraryError(f"LightGBM cannot be loaded: {error}") from None
    module: ModuleType = lightgbm
    return module


def library_versions() -> dict[str, str]:
    """Return the versions that a result depends on, to keep beside it."""
    return {"tapeline": __version__, "numpy": np.__version__, "python": platform.python_version()}
