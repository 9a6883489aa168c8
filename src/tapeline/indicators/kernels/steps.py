"""Steps that several kernels share.

Those over a window take `at`, the place in `x` of the newest value at the block's first bar, and leave one result for
each of the m bars, from place `o` on. They have a way for many bars, which the compiler turns into vector
instructions, and one for few; both add in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from numba import njit

from tapeline.indicators.kernels.interface import BLOCK, LONGEST, Reals

_Function = TypeVar("_Function", bound=Callable[..., object])

_FEW = 8


def step(function: _Function) -> _Function:
    """Lets kernels call the function. It is compiled with, and cached in, each kernel that does."""
    compiled: _Function = njit(error_model="numpy")(function)
    return compiled


@step
def window_sum(x: Reals, at: int, n: int) -> float:
    """The sum of the n values up to x[at], in four strands."""
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
def means(x: Reals, at: int, n: int, m: int, out: Reals, o: int) -> None:
    """The mean of the last n values, added up at every bar: for short windows. Leaves them in `out`."""
    share = 1.0 / n
    if m < _FEW:
        for i in range(m):
            total = x[at + i]
            for j in range(1, n):
                total += x[at + i - j]
            out[o + i] = total * share
        return
    for i in range(m):
        out[o + i] = x[at + i]
    for j in range(1, n):
        for i in range(m):
            out[o + i] += x[at + i - j]
    for i in range(m):
        out[o + i] *= share


@step
def deviations(x: Reals, at: int, n: int, m: int, z: Reals, middle: int, o: int) -> None:
    """The sum of the distances of the last n values from z[middle + i], at every bar i."""
    if m < _FEW:
        for i in range(m):
            q, total, j = z[middle + i], 0.0, 0
            while j + 3 < n:
                total += (abs(x[at + i - j] - q) + abs(x[at + i - j - 1] - q)) + (
                    abs(x[at + i - j - 2] - q) + abs(x[at + i - j - 3] - q)
                )
                j += 4
            while j < n:
                total += abs(x[at + i - j] - q)
                j += 1
            z[o + i] = total
        return
    for i in range(m):
        z[o + i] = 0.0
    j = 0
    while j + 3 < n:
        for i in range(m):
            q = z[middle + i]
            z[o + i] += (abs(x[at + i - j] - q) + abs(x[at + i - j - 1] - q)) + (
                abs(x[at + i - j - 2] - q) + abs(x[at + i - j - 3] - q)
            )
        j += 4
    while j < n:
        for i in range(m):
            z[o + i] += abs(x[at + i - j] - z[middle + i])
        j += 1


@step
def extremes(x: Reals, at: int, n: int, m: int, sign: float, out: Reals, o: int, z: Reals) -> None:
    """The highest (sign 1.0) or lowest (-1.0) of the last n values, whichever are there; leaves them in `out`."""
    if m < _FEW:
        for i in range(m):
            b0 = b1 = b2 = b3 = sign * x[at + i]
            j = 1
            while j + 3 < n:
                b0 = max(b0, sign * x[at + i - j])
                b1 = max(b1, sign * x[at + i - j - 1])
                b2 = max(b2, sign * x[at + i - j - 2])
                b3 = max(b3, sign * x[at + i - j - 3])
                j += 4
            while j < n:
                b0 = max(b0, sign * x[at + i - j])
                j += 1
            out[o + i] = sign * max(b0, b1, b2, b3)
        return
    # The highest of 2d values is the higher of two highest of d values: as many passes as n has binary digits.
    here, there, length, d = 0, LONGEST + BLOCK, n - 1 + m, 1
    for i in range(length):
        z[here + i] = sign * x[at - n + 1 + i]
    while 2 * d <= n:
        for i in range(2 * d - 1, length):
            z[there + i] = max(z[here + i], z[here + i - d])
        here, there, d = there, here, 2 * d
    for i in range(m):
        out[o + i] = sign * max(z[here + n - 1 + i], z[here + d - 1 + i])


@step
def moving_sums(x: Reals, s: Reals, at: int, also: int, n: int, m: int, rebase: bool, z: Reals) -> None:
    """The sums of the last n values of two columns, none of them negative, to the first two blocks of z.

    s: for each column the running sum and its peak since the last re-basing. Where a sum is so small beside its peak
    that what is left could be rounding, the window is added up anew.
    """
    t1, peak1, t2, peak2 = s[0], s[1], s[2], s[3]
    if rebase:
        t1 = peak1 = window_sum(x, at - 1, n)
        t2 = peak2 = window_sum(x, also - 1, n)
    s[1], s[3] = peak1, peak2
    least = 0.0
    for i in range(m):
        t1 += x[at + i] - x[at + i - n]
        t2 += x[also + i] - x[also + i - n]
        peak1, peak2 = max(peak1, t1), max(peak2, t2)
        z[i], z[BLOCK + i] = t1, t2
        least = max(least, 1e-4 * peak1 - t1, 1e-4 * peak2 - t2)
    if least > 0.0:
        _precise_sums(x, at, n, m, s[1], z, 0)
        _precise_sums(x, also, n, m, s[3], z, BLOCK)
    s[0], s[1], s[2], s[3] = t1, peak1, t2, peak2


@step
def _precise_sums(x: Reals, at: int, n: int, m: int, peak: float, z: Reals, o: int) -> None:
    """Adds up anew the windows whose sums in z are small beside the peak."""
    for i in range(m):
        peak = max(peak, z[o + i])
        if z[o + i] < 1e-4 * peak:
            z[o + i] = window_sum(x, at + i, n)


@step
def _variance(x: Reals, at: int, n: int, mean: int, variance: int) -> None:
    """Mean and population variance of the n values up to x[at], in two passes, to x[mean] and x[variance]."""
    offset = 0.0
    for j in range(at - n + 1, at + 1):
        offset += x[j] - x[at]
    offset /= n
    total = 0.0
    for j in range(at - n + 1, at + 1):
        d = x[j] - x[at] - offset
        total += d * d
    x[mean], x[variance] = x[at] + offset, total / n


@step
def moving_variances(
    x: Reals, s: Reals, at: int, n: int, seen: int, m: int, rebase: bool, mean: int, variance: int, z: Reals
) -> None:
    """Mean (to x[mean + i]) and population variance (to x[variance + i]) of the last n values, from n values on.

    `seen` is the number of values before x[at]. s[0] is a reference near the values, s[1] the sum of the distances from
    it, s[2] of their squares, s[3] the peak of s[2] since the last re-basing. Where the variance is so small beside
    that peak that what is left could be rounding, it is computed from the window itself.
    """
    reference, t1, t2, peak = s[0], s[1], s[2], s[3]
    if rebase or seen == 0:
        reference = x[at - 1] if seen > 0 else x[at]
        t1 = t2 = 0.0
        for j in range(at - min(n, seen), at):
            d = x[j] - reference
            t1 += d
            t2 += d * d
        peak = t2
    cold = min(max(n - seen, 0), m)
    for i in range(cold):
        new = x[at + i] - reference
        t1 += new
        t2 += new * new
        peak = max(peak, t2)
        z[i], z[BLOCK + i], z[2 * BLOCK + i] = t1, t2, peak
    for i in range(cold, m):
        new, old = x[at + i] - reference, x[at + i - n] - reference
        t1 += new - old
        t2 += new * new - old * old
        peak = max(peak, t2)
        z[i], z[BLOCK + i], z[2 * BLOCK + i] = t1, t2, peak
    s[0], s[1], s[2], s[3] = reference, t1, t2, peak
    share = 1.0 / n
    for i in range(m):
        offset = z[i] * share
        x[mean + i] = reference + offset
        x[variance + i] = z[BLOCK + i] * share - offset * offset
    for i in range(min(max(n - 1 - seen, 0), m), m):
        if x[variance + i] * n < 1e-4 * z[2 * BLOCK + i]:
            _variance(x, at + i, n, mean + i, variance + i)


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
def smoothed(value: float, new: float, seen: int, n: int, keep: float, weight: float) -> float:
    """One step of an exponential average, seeded as `seeded`; `keep` is 1 - `weight`, which is 1/n in Wilder's.

    Faster than `seeded`, but a flat series may leave it off by a last digit.
    """
    if seen >= n:
        return value * keep + new * weight
    return (value + new) / n if seen == n - 1 else value + new


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
