"""Compute indicators: streaming, exact, and the same to the last bit in any batch. Importing compiles nothing."""

from __future__ import annotations

from collections.abc import Sequence

from tapeline.indicators.catalogue import CATALOGUE, DEFAULT
from tapeline.indicators.engine.compiling import compile_all
from tapeline.indicators.engine.program import Program
from tapeline.indicators.engine.streaming import Engine
from tapeline.indicators.spec import Spec, parse, parse_all, spec_of_output

__all__ = ["CATALOGUE", "DEFAULT", "Engine", "Spec", "parse", "spec_of_output", "warm_up"]


def warm_up(specs: Sequence[str] = DEFAULT) -> int:
    """Compile everything that these specs run, or load it. Return how many functions no cache held."""
    from tapeline.indicators.engine import driver

    return compile_all(Program(parse_all(specs)).kernels) + driver.compile_all()
