"""Compute indicators: streaming, exact, and the same to the last bit in any batch.

Importing compiles nothing and does not import Numba. A name is imported at its first use, so that who wants only the
default set, or to check a spec, does not wait for the engine.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapeline.indicators.catalogue import CATALOGUE
    from tapeline.indicators.engine.streaming import Engine
    from tapeline.indicators.spec import Spec, parse, spec_of_output

__all__ = ["CATALOGUE", "DEFAULT", "Engine", "Spec", "parse", "spec_of_output", "warm_up"]

#: What is computed unless other indicators are chosen.
DEFAULT: tuple[str, ...] = (
    "sma_20", "sma_50", "sma_200", "ema_12", "ema_26", "macd_12_26_9", "rsi_14", "bbands_20_2", "atr_14",
)  # fmt: skip

_MODULES = {"CATALOGUE": "catalogue", "Engine": "engine.streaming"} | dict.fromkeys(
    ("Spec", "parse", "spec_of_output"), "spec"
)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found


def warm_up(specs: Sequence[str] = DEFAULT) -> int:
    """Compile everything that these specs run, or load it. Return how many functions no cache held."""
    from tapeline.indicators.engine import driver
    from tapeline.indicators.engine.compiling import compile_all
    from tapeline.indicators.engine.program import Program
    from tapeline.indicators.spec import parse_all

    return compile_all(Program(parse_all(specs)).kernels) + driver.compile_all()
