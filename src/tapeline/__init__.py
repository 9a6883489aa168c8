"""Tapeline: live bars in, indicators and honest predictions out, on one machine or on AWS.

`__init__.pyi` beside this has the types of what is loaded at its first use.
"""

import importlib

try:
    from tapeline._version import __version__  # written by the build, from the tag
except ImportError:  # the sources as they lie in the repository
    __version__ = "0.1.0"

#: What is loaded at its first use, and where it is: `import tapeline` stays instant, and imports still point down.
_PLACES = {"analyse": "frames", "load": "loading", "resample": "resampling", "scan": "scanning"}

__all__ = ["__version__", "analyse", "load", "resample", "scan"]


def __getattr__(name: str) -> object:
    if name in _PLACES:
        return getattr(importlib.import_module(f"tapeline.app.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
