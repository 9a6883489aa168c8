"""Tapeline: live bars in, indicators and honest predictions out, on one machine or on AWS.

`__init__.pyi` beside this has the types of what is loaded at its first use.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "analyse"]


def __getattr__(name: str) -> Any:
    if name == "analyse":  # loaded at its first use: `import tapeline` stays instant, and imports still point down
        return importlib.import_module("tapeline.app.frames").analyse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
