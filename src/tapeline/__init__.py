"""Tapeline: live bars in, indicators and honest predictions out, on one machine or on AWS.

`__init__.pyi` beside this has the types of what is loaded at its first use.
"""

import importlib
import sys
import types

try:
    from tapeline._version import __version__  # written by the build, from the tag
except ImportError:  # the sources as they lie in the repository
    __version__ = "0.1.0"

#: What is loaded at its first use, and where it is: `import tapeline` stays instant, and imports still point down.
_PLACES = {
    "analyse": "frames",
    "connect": "server_client",
    "extend_pandas": "pandas_accessor",
    "forecast": "expectations",
    "load": "loading",
    "odds": "expectations",
    "plot": "candle_picture",
    "resample": "resampling",
    "scan": "scanning",
}

__all__ = [
    "__version__", "analyse", "connect", "errors", "extend_pandas", "forecast", "load", "odds", "plot", "resample",
    "scan",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _PLACES:
        return getattr(importlib.import_module(f"tapeline.app.{_PLACES[name]}"), name)
    if name == "errors":
        return importlib.import_module("tapeline.errors")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _Room(types.ModuleType):
    """Be a folder of the package that is called as a function is: `tapeline.forecast("TSLA")` calls the function."""

    def __call__(self, *arguments: object, **options: object) -> object:
        function = __getattr__(self.__name__.rpartition(".")[2])
        return function(*arguments, **options)  # type: ignore[operator]


class _Door(types.ModuleType):
    """Be the package. An import of a folder sets its name here, which must not take that of a function away."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _PLACES and isinstance(value, types.ModuleType):
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door
