"""Measure candles for the patterns that are made of them, and enter patterns in the catalogue.

"Long", "short" and "near" are measured against the bars before: each rule is a mean over the ten (five for near and
far) bars before the candle it judges, times a factor.
"""

from __future__ import annotations

from collections.abc import Callable

from tapeline.indicators.entry import Entries, Parameter, Storage
from tapeline.indicators.kernels.interface import Input, Kernel, Reals
from tapeline.indicators.kernels.steps import step

_OHLC: tuple[Input, ...] = ("open", "high", "low", "close")

#: The parameter that says how far a candle must reach into an earlier one.
SHARE = "penetration"


def pattern(
    entries: Entries, title: str, formula: str, warm_up: int, inputs: tuple[Input, ...] = _OHLC,
    parameters: tuple[Parameter, ...] = (),
) -> Callable[[Kernel], Kernel]:  # fmt: skip
    """Return the decorator that enters a pattern, which looks `warm_up` bars back on all its inputs."""

    def enter(kernel: Kernel) -> Kernel:
        return entries.add(
            title, parameters, lambda *_: Storage(dict.fromkeys(inputs, warm_up)), lambda *_: warm_up,
            formula, f"TA-Lib {kernel.__name__.upper()}", scale_free=True,
        )(kernel)  # fmt: skip

    return enter


@step
def body_of(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the size of candle i's body."""
    return abs(columns[close + i] - columns[open_ + i])


@step
def is_white(columns: Reals, open_: int, close: int, i: int) -> bool:
    """Return whether candle i closed at or above its open."""
    return columns[close + i] >= columns[open_ + i]


@step
def top_of(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the upper end of candle i's body."""
    return max(columns[open_ + i], columns[close + i])


@step
def bottom_of(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the lower end of candle i's body."""
    return min(columns[open_ + i], columns[close + i])


@step
def upper_shadow(columns: Reals, open_: int, high: int, close: int, i: int) -> float:
    """Return the length of candle i's upper shadow."""
    return columns[high + i] - top_of(columns, open_, close, i)


@step
def lower_shadow(columns: Reals, open_: int, low: int, close: int, i: int) -> float:
    """Return the length of candle i's lower shadow."""
    return bottom_of(columns, open_, close, i) - columns[low + i]


@step
def mean_body(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the mean body of the ten candles before i."""
    total = 0.0
    for j in range(i - 10, i):
        total += abs(columns[close + j] - columns[open_ + j])
    return total / 10.0


@step
def is_long(columns: Reals, open_: int, close: int, i: int) -> bool:
    """Return whether candle i's body is longer than the mean body of the ten candles before it."""
    return body_of(columns, open_, close, i) > mean_body(columns, open_, close, i)


@step
def mean_range(columns: Reals, high: int, low: int, i: int, period: int) -> float:
    """Return the mean high-low range of the n candles before i."""
    total = 0.0
    for j in range(i - period, i):
        total += columns[high + j] - columns[low + j]
    return total / period
