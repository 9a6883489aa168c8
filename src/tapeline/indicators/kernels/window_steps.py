"""Define the steps over a window that several kernels share.

They take `at`, the index in `values` of the newest value at the block's first bar, and write one result for each of the
`count` bars, from index `target` on. `period` is the length of the window. They have one way for many bars, which the
compiler turns into vector instructions, and one for few; both add in the same order, so that the result does not depend
on the batch.
"""

from __future__ import annotations

from tapeline.indicators.kernels.interface import BLOCK, LONGEST, Reals
from tapeline.indicators.kernels.steps import step

_FEW = 8


@step
def window_sum(values: Reals, at: int, period: int) -> float:
    """Return the sum of the `period` values up to values[at], in four strands."""
    t0 = t1 = t2 = t3 = 0.0
    i = at - period + 1
    while i + 3 <= at:
        t0 += values[i]
        t1 += values[i + 1]
        t2 += values[i + 2]
        t3 += values[i + 3]
        i += 4
    while i <= at:
        t0 += values[i]
        i += 1
    return (t0 + t1) + (t2 + t3)


@step
def means(values: Reals, at: int, period: int, count: int, out: Reals, target: int) -> None:
    """Write the mean of each window to `out`, added up in full at every bar: for short windows."""
    share = 1.0 / period
    if count < _FEW:
        for i in range(count):
            total = values[at + i]
            for j in range(1, period):
                total += values[at + i - j]
            out[target + i] = total * share
        return
    for i in range(count):
        out[target + i] = values[at + i]
    for j in range(1, period):
        for i in range(count):
            out[target + i] += values[at + i - j]
    for i in range(count):
        out[target + i] *= share


@step
def deviations(values: Reals, at: int, period: int, count: int, scratch: Reals, middle: int, target: int) -> None:
    """Write the sum of the distances of each window's values from scratch[middle + i]."""
    if count < _FEW:
        for i in range(count):
            center, total, j = scratch[middle + i], 0.0, 0
            while j + 3 < period:
                total += (abs(values[at + i - j] - center) + abs(values[at + i - j - 1] - center)) + (
                    abs(values[at + i - j - 2] - center) + abs(values[at + i - j - 3] - center)
                )
                j += 4
            while j < period:
                total += abs(values[at + i - j] - center)
                j += 1
            scratch[target + i] = total
        return
    for i in range(count):
        scratch[target + i] = 0.0
    j = 0
    while j + 3 < period:
        for i in range(count):
            center = scratch[middle + i]
            scratch[target + i] += (abs(values[at + i - j] - center) + abs(values[at + i - j - 1] - center)) + (
                abs(values[at + i - j - 2] - center) + abs(values[at + i - j - 3] - center)
            )
        j += 4
    while j < period:
        for i in range(count):
            scratch[target + i] += abs(values[at + i - j] - scratch[middle + i])
        j += 1


@step
def extremes(
    values: Reals, at: int, period: int, count: int, sign: float, out: Reals, target: int, scratch: Reals
) -> None:
    """Write the highest (sign 1.0) or lowest (-1.0) value of each window to `out`."""
    if count < _FEW:
        for i in range(count):
            b0 = b1 = b2 = b3 = sign * values[at + i]
            j = 1
            while j + 3 < period:
                b0 = max(b0, sign * values[at + i - j])
                b1 = max(b1, sign * values[at + i - j - 1])
                b2 = max(b2, sign * values[at + i - j - 2])
                b3 = max(b3, sign * values[at + i - j - 3])
                j += 4
            while j < period:
                b0 = max(b0, sign * values[at + i - j])
                j += 1
            out[target + i] = sign * max(b0, b1, b2, b3)
        return
    # The highest of 2w values is the higher of two highest of w values: as many passes as n has binary digits.
    here, there, length, width = 0, LONGEST + BLOCK, period - 1 + count, 1
    for i in range(length):
        scratch[here + i] = sign * values[at - period + 1 + i]
    while 2 * width <= period:
        for i in range(2 * width - 1, length):
            scratch[there + i] = max(scratch[here + i], scratch[here + i - width])
        here, there, width = there, here, 2 * width
    for i in range(count):
        out[target + i] = sign * max(scratch[here + period - 1 + i], scratch[here + width - 1 + i])


@step
def moving_sums(
    values: Reals, state: Reals, at: int, other: int, period: int, count: int, rebase: bool, scratch: Reals,
    own: int = 0,
) -> None:  # fmt: skip
    """Write the sums of the windows of two columns, none of them negative, to the first two blocks of `scratch`.

    State, from `own` on: for each column the running sum and its peak since the last re-basing. Where a sum is
    so small beside its peak that what is left could be rounding, the window is added up again.
    """
    t1, peak1, t2, peak2 = state[own], state[own + 1], state[own + 2], state[own + 3]
    if rebase:
        t1 = peak1 = window_sum(values, at - 1, period)
        t2 = peak2 = window_sum(values, other - 1, period)
    state[own + 1], state[own + 3] = peak1, peak2
    least = 0.0
    for i in range(count):
        t1 += values[at + i] - values[at + i - period]
        t2 += values[other + i] - values[other + i - period]
        peak1, peak2 = max(peak1, t1), max(peak2, t2)
        scratch[i], scratch[BLOCK + i] = t1, t2
        least = max(least, 1e-4 * peak1 - t1, 1e-4 * peak2 - t2)
    if least > 0.0:
        _precise_sums(values, at, period, count, state[own + 1], scratch, 0)
        _precise_sums(values, other, period, count, state[own + 3], scratch, BLOCK)
    state[own], state[own + 1], state[own + 2], state[own + 3] = t1, peak1, t2, peak2


@step
def _precise_sums(values: Reals, at: int, period: int, count: int, peak: float, scratch: Reals, target: int) -> None:
    """Add up again the windows whose sums in `scratch` are small beside the peak."""
    for i in range(count):
        peak = max(peak, scratch[target + i])
        if scratch[target + i] < 1e-4 * peak:
            scratch[target + i] = window_sum(values, at + i, period)


@step
def _variance(values: Reals, at: int, period: int, mean: int, variance: int) -> None:
    """Write mean and population variance of the window that ends at values[at], from two passes over it."""
    offset = 0.0
    for j in range(at - period + 1, at + 1):
        offset += values[j] - values[at]
    offset /= period
    total = 0.0
    for j in range(at - period + 1, at + 1):
        distance = values[j] - values[at] - offset
        total += distance * distance
    values[mean], values[variance] = values[at] + offset, total / period


@step
def moving_variances(
    values: Reals, state: Reals, at: int, period: int, seen: int, count: int, rebase: bool,
    mean: int, variance: int, scratch: Reals,
) -> None:  # fmt: skip
    """Write mean (to values[mean + i]) and population variance (to values[variance + i]) of each full window.

    `seen` is the number of values before values[at]. state[0] is a reference near the values, state[1] the sum of the
    distances from it, state[2] of their squares, state[3] the peak of state[2] since the last re-basing. Where the
    variance is so small beside that peak that what is left could be rounding, it is computed from the window itself.
    """
    reference, t1, t2, peak = state[0], state[1], state[2], state[3]
    if rebase or seen == 0:
        reference = values[at - 1] if seen > 0 else values[at]
        t1 = t2 = 0.0
        for j in range(at - min(period, seen), at):
            distance = values[j] - reference
            t1 += distance
            t2 += distance * distance
        peak = t2
    cold = min(max(period - seen, 0), count)
    for i in range(cold):
        new = values[at + i] - reference
        t1 += new
        t2 += new * new
        peak = max(peak, t2)
        scratch[i], scratch[BLOCK + i], scratch[2 * BLOCK + i] = t1, t2, peak
    for i in range(cold, count):
        new, old = values[at + i] - reference, values[at + i - period] - reference
        t1 += new - old
        t2 += new * new - old * old
        peak = max(peak, t2)
        scratch[i], scratch[BLOCK + i], scratch[2 * BLOCK + i] = t1, t2, peak
    state[0], state[1], state[2], state[3] = reference, t1, t2, peak
    share = 1.0 / period
    for i in range(count):
        offset = scratch[i] * share
        values[mean + i] = reference + offset
        values[variance + i] = scratch[BLOCK + i] * share - offset * offset
    for i in range(min(max(period - 1 - seen, 0), count), count):
        if values[variance + i] * period < 1e-4 * scratch[2 * BLOCK + i]:
            _variance(values, at + i, period, mean + i, variance + i)


@step
def age_of_highest(values: Reals, at: int, period: int, here: int, age: int) -> int:
    """Return how many bars ago the window's highest value was (the newest of equals); `age` was the last answer."""
    if 0 <= age < period - 1 and here > 0:  # a forged state may hold any number
        return 0 if values[at] >= values[at - age - 1] else age + 1
    age = 0
    for j in range(1, min(period, here + 1)):
        if values[at - j] > values[at - age]:
            age = j
    return age


@step
def age_of_lowest(values: Reals, at: int, period: int, here: int, age: int) -> int:
    """Return how many bars ago the window's lowest value was (the newest of equals); `age` was the last answer."""
    if 0 <= age < period - 1 and here > 0:  # a forged state may hold any number
        return 0 if values[at] <= values[at - age - 1] else age + 1
    age = 0
    for j in range(1, min(period, here + 1)):
        if values[at - j] < values[at - age]:
            age = j
    return age
