"""Steps that several kernels share: sums, means, extremes and deviations of a window, and averages seeded with a mean.

`at` is where in `x` the newest value is; a window of n values is x[at - n + 1] to x[at].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from numba import njit

from tapeline.indicators.kernels.types import Reals

_Function = TypeVar("_Function", bound=Callable[..., object])


def step(function: _Function) -> _Function:
    """Lets kernels call the function. It is compiled with, and cached in, each kernel that does."""
    compiled: _Function = njit(error_model="numpy")(function)
    return compiled


@step
def window_sum(x: Reals, at: int, n: int) -> float:
    """The sum of the n values up to x[at], in four strands that are added in a fixed order."""
    t0 = t1 = t2 = t3 = 0.0
    i = at - n + 1
    while i + 3 <= at:
        t0 += x[i]
        t1 += x[i + 1]
        t2 += x[i + 2]
        t3 += x[i + 3]
        i += 4
    while i <= at:
        t0 += x[i]
        i += 1
    return (t0 + t1) + (t2 + t3)


@step
def window_deviation(x: Reals, at: int, n: int, middle: float) -> float:
    """The sum of the distances of the n values up to x[at] from `middle`, in four strands."""
    t0 = t1 = t2 = t3 = 0.0
    i = at - n + 1
    while i + 3 <= at:
        t0 += abs(x[i] - middle)
        t1 += abs(x[i + 1] - middle)
        t2 += abs(x[i + 2] - middle)
        t3 += abs(x[i + 3] - middle)
        i += 4
    while i <= at:
        t0 += abs(x[i] - middle)
        i += 1
    return (t0 + t1) + (t2 + t3)


@step
def moving_sum(x: Reals, s: Reals, o: int, at: int, n: int, rebase: bool) -> float:
    """Moves a window of n values that are not negative on to x[at]; its sum.

    s[o] is the running sum, s[o + 1] its peak since the last re-basing: where the sum is so small beside it that what
    is left could be rounding, the window is added up anew.
    """
    if rebase:
        s[o] = s[o + 1] = window_sum(x, at - 1, n)
    s[o] += x[at] - x[at - n]
    s[o + 1] = max(s[o + 1], s[o])
    if s[o] < 1e-4 * s[o + 1]:
        return window_sum(x, at, n)
    return s[o]


@step
def moving_variance(x: Reals, s: Reals, at: int, n: int, seen: int, rebase: bool) -> tuple[float, float]:
    """Moves a window of n values on to x[at], the value number `seen`; its mean and its population variance.

    Of any use only once seen >= n - 1. s[0] is a reference near the values, s[1] the sum of the distances from it, s[2]
    of their squares, s[3] the peak of s[2] since the last re-basing. When the variance is so small beside that peak
    that what is left could be rounding, it is computed from the window itself.
    """
    if rebase or seen == 0:
        reference = x[at - 1] if seen > 0 else x[at]
        t1 = t2 = 0.0
        for j in range(at - min(n, seen), at):
            d = x[j] - reference
            t1 += d
            t2 += d * d
        s[0], s[1], s[2], s[3] = reference, t1, t2, t2
    reference, t1, t2 = s[0], s[1], s[2]
    new = x[at] - reference
    if seen >= n:
        old = x[at - n] - reference
        t1 += new - old
        t2 += new * new - old * old
    else:
        t1 += new
        t2 += new * new
    s[1], s[2] = t1, t2
    s[3] = max(s[3], t2)
    offset = t1 / n
    variance = t2 / n - offset * offset
    if seen >= n - 1 and variance * n < 1e-4 * s[3]:
        offset = 0.0
        for j in range(at - n + 1, at + 1):
            offset += x[j] - reference
        offset /= n
        variance = 0.0
        for j in range(at - n + 1, at + 1):
            d = x[j] - reference - offset
            variance += d * d
        variance /= n
    return reference + offset, variance


@step
def age_of_highest(x: Reals, at: int, n: int, here: int, age: int) -> int:
    """How many bars ago the highest of the last n values was, the newest of equals; `age` is the answer one bar ago."""
    age += 1
    if age < n and here > 0:
        return 0 if x[at] >= x[at - age] else age
    age = 0
    for j in range(1, min(n, here + 1)):
        if x[at - j] > x[at - age]:
            age = j
    return age


@step
def age_of_lowest(x: Reals, at: int, n: int, here: int, age: int) -> int:
    """How many bars ago the lowest of the last n values was, the newest of equals; `age` is the answer one bar ago."""
    age += 1
    if age < n and here > 0:
        return 0 if x[at] <= x[at - age] else age
    age = 0
    for j in range(1, min(n, here + 1)):
        if x[at - j] < x[at - age]:
            age = j
    return age


@step
def seeded(value: float, new: float, seen: int, n: int, weight: float) -> float:
    """One step of an exponential average seeded with the mean of its first n values; before that, the sum of them.

    `seen` is the number of values before `new`.
    """
    if seen >= n:
        return value + weight * (new - value)
    return (value + new) / n if seen == n - 1 else value + new


@step
def true_range(x: Reals, h: int, lo: int, c: int, i: int) -> float:
    """The range of bar i, together with the previous close."""
    before = x[c + i - 1]
    return max(x[h + i], before) - min(x[lo + i], before)
