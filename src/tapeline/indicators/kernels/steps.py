"""Define the steps that several kernels share, but for those over a window (`window_steps`), and what a step is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar, cast

from tapeline.indicators.kernels.interface import Reals

_Function = TypeVar("_Function", bound=Callable[..., object])


class _Step:
    """Be what Numba takes for a function compiled by `njit`, and import Numba no earlier than it compiles a caller.

    Numba takes a third of a second to import, and who reads the catalogue compiles nothing.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any) -> Any:
        return self._compiled(*arguments)

    @cached_property
    def _compiled(self) -> Any:
        from numba import njit

        return njit(error_model="numpy")(self._function)

    @property
    def _numba_type_(self) -> Any:
        return self._compiled._numba_type_


def step(function: _Function) -> _Function:
    """Let kernels call the function. It is compiled with, and cached in, each kernel that calls it."""
    return cast("_Function", _Step(function))


@step
def compensated_sum(state: Reals, at: int, new: float) -> float:
    """Add to a sum that is never re-based, and return it. Neumaier's method (1974).

    state[at] is the sum, state[at + 1] what rounding took from it.
    """
    total = state[at] + new
    state[at + 1] += (state[at] - total) + new if abs(state[at]) >= abs(new) else (new - total) + state[at]
    state[at] = total
    return total + state[at + 1]


@step
def smoothed(value: float, new: float, seen: int, period: int, keep: float, weight: float) -> float:
    """Take one step of an exponential average, seeded as in `seeded`; `keep` is 1 - `weight`, which is 1/n in Wilder's.

    Faster than `seeded`, but a flat series may leave it off by a last digit.
    """
    if seen >= period:
        return value * keep + new * weight
    return (value + new) / period if seen == period - 1 else value + new


@step
def seeded(value: float, new: float, seen: int, period: int, weight: float) -> float:
    """Take one step of an exponential average seeded with the mean of its first n values; before that, sum them.

    `seen` is the number of values before `new`.
    """
    if seen >= period:
        return value + weight * (new - value)
    return (value + new) / period if seen == period - 1 else value + new


@step
def true_range(values: Reals, high: int, low: int, close: int, i: int) -> float:
    """Return the range of bar i, the previous close included."""
    before = values[close + i - 1]
    return max(values[high + i], before) - min(values[low + i], before)
