"""Import libraries that the core does without: a missing one is one clear line that says what to install."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from typing import Any

from tapeline.errors import MissingLibraryError


def import_extra(module: str, need: str, extra: str) -> Any:
    """Import and return a module of an extra. Raises `MissingLibraryError`.

    `need` begins the error's line, such as "the backtest needs bt". Warnings are silenced: they are about the library's
    own code, which the user cannot fix.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError:
        raise missing(need, extra) from None


def import_package(name: str, need: str, instead: str = "") -> Any:
    """Import and return a package of no extra, which users bring, such as pandas. Raises `MissingLibraryError`.

    `need` begins the error's line as in `import_extra`, and `instead` ends it with what does without the package.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingLibraryError(f"{need}: pip install {name}{instead}") from None


def missing(need: str, extra: str) -> MissingLibraryError:
    """Return the error that says which extra to install for what is needed."""
    return MissingLibraryError(f"{need}: pip install 'tapeline[{extra}]'")


def is_installed(package: str) -> bool:
    """Return whether a package is there to be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module in its place, or None: whoever put it there wants it to be missing
        return False
