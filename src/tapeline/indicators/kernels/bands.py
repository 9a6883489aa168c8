"""Bands, channels and stops drawn over the price."""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.kernels.steps import age_of_highest, age_of_lowest, moving_variance, seeded, true_range
from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals


def bbands(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Bollinger bands, their width and %b. s: as for `moving_variance`."""
    c, n, factor = a[0], a[1], p[0]
    for i in range(m):
        mean, variance = moving_variance(x, s, c + i, n, k + i, (k + i) % BLOCK == 0)
        if k + i < n - 1:
            y[i] = y[BLOCK + i] = y[2 * BLOCK + i] = y[3 * BLOCK + i] = y[4 * BLOCK + i] = NAN
            continue
        reach = factor * sqrt(variance)
        y[i] = mean + reach
        y[BLOCK + i] = mean
        y[2 * BLOCK + i] = mean - reach
        y[3 * BLOCK + i] = 2.0 * reach / mean
        y[4 * BLOCK + i] = (x[c + i] - (mean - reach)) / (2.0 * reach) if reach > 0.0 else 0.5


def donchian(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Highest high and lowest low of n bars, and their middle. s: how many bars ago they were."""
    h, lo, n = a[0], a[1], a[2]
    top, bottom = int(s[0]), int(s[1])
    for i in range(m):
        top = age_of_highest(x, h + i, n, k + i, top)
        bottom = age_of_lowest(x, lo + i, n, k + i, bottom)
        warm = k + i >= n - 1
        upper, lower = x[h + i - top], x[lo + i - bottom]
        y[i] = upper if warm else NAN
        y[BLOCK + i] = (upper + lower) / 2.0 if warm else NAN
        y[2 * BLOCK + i] = lower if warm else NAN
    s[0], s[1] = top, bottom


def keltner(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Keltner channels: EMA of the typical price ± ATRs. s: both averages, seeded over windows that end together."""
    h, lo, c, n, n_range, factor = a[0], a[1], a[2], a[3], a[4], p[0]
    start = max(n - 1, n_range)
    for i in range(m):
        here = k + i
        if here > start - n:
            typical = (x[h + i] + x[lo + i] + x[c + i]) / 3.0
            s[0] = seeded(s[0], typical, here - (start - n + 1), n, 2.0 / (n + 1))
        if here > start - n_range:
            s[1] = seeded(s[1], true_range(x, h, lo, c, i), here - (start - n_range + 1), n_range, 1.0 / n_range)
        warm = here >= start
        y[i] = s[0] + factor * s[1] if warm else NAN
        y[BLOCK + i] = s[0] if warm else NAN
        y[2 * BLOCK + i] = s[0] - factor * s[1] if warm else NAN


def supertrend(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Supertrend and its direction, 1 or -1. s: ATR, upper and lower band, direction."""
    h, lo, c, n, factor = a[0], a[1], a[2], a[3], p[0]
    for i in range(m):
        here = k + i
        if here > 0:
            s[0] = seeded(s[0], true_range(x, h, lo, c, i), here - 1, n, 1.0 / n)
        if here < n:
            y[i] = y[BLOCK + i] = NAN
            continue
        middle = (x[h + i] + x[lo + i]) / 2.0
        upper, lower = middle + factor * s[0], middle - factor * s[0]
        if here == n:
            s[1], s[2], s[3] = upper, lower, 1.0
        else:
            if upper < s[1] or x[c + i - 1] > s[1]:
                s[1] = upper
            if lower > s[2] or x[c + i - 1] < s[2]:
                s[2] = lower
            if s[3] > 0.0 and x[c + i] < s[2]:
                s[3] = -1.0
            elif s[3] < 0.0 and x[c + i] > s[1]:
                s[3] = 1.0
        y[i] = s[2] if s[3] > 0.0 else s[1]
        y[BLOCK + i] = s[3]


def sar(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Parabolic stop and reverse. s: stop, extreme point, acceleration, direction (1 or -1)."""
    h, lo, pace, limit = a[0], a[1], p[0], p[1]
    pace = min(pace, limit)
    stop, extreme, speed, way = s[0], s[1], s[2], s[3]
    for i in range(m):
        if k + i == 0:
            y[i] = NAN
            continue
        high, low, high_before, low_before = x[h + i], x[lo + i], x[h + i - 1], x[lo + i - 1]
        if k + i == 1:
            fall = low_before - low
            way = -1.0 if fall > 0.0 and high - high_before < fall else 1.0
            speed = pace
            stop, extreme = (low_before, high) if way > 0.0 else (high_before, low)
            low_before, high_before = low, high
        if way > 0.0 and low <= stop:
            way, stop, speed = -1.0, max(extreme, high_before, high), pace
            extreme = low
            y[i] = stop
            stop = max(stop + speed * (extreme - stop), high_before, high)
        elif way < 0.0 and high >= stop:
            way, stop, speed = 1.0, min(extreme, low_before, low), pace
            extreme = high
            y[i] = stop
            stop = min(stop + speed * (extreme - stop), low_before, low)
        elif way > 0.0:
            y[i] = stop
            if high > extreme:
                extreme, speed = high, min(speed + pace, limit)
            stop = min(stop + speed * (extreme - stop), low_before, low)
        else:
            y[i] = stop
            if low < extreme:
                extreme, speed = low, min(speed + pace, limit)
            stop = max(stop + speed * (extreme - stop), high_before, high)
    s[0], s[1], s[2], s[3] = stop, extreme, speed, way


def ichimoku(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Ichimoku: conversion, base, and the two spans that stand at this bar (made `base` bars ago).

    s: how many bars ago the extremes of the three windows were. Own columns: the spans.
    """
    h, lo, span_a, span_b = a[0], a[1], a[2], a[3]
    back = a[5]
    for i in range(m):
        here = k + i
        for w in range(3):
            n = a[4 + w]
            s[2 * w] = age_of_highest(x, h + i, n, here, int(s[2 * w]))
            s[2 * w + 1] = age_of_lowest(x, lo + i, n, here, int(s[2 * w + 1]))
        conversion = (x[h + i - int(s[0])] + x[lo + i - int(s[1])]) / 2.0
        base = (x[h + i - int(s[2])] + x[lo + i - int(s[3])]) / 2.0
        x[span_a + i] = (conversion + base) / 2.0
        x[span_b + i] = (x[h + i - int(s[4])] + x[lo + i - int(s[5])]) / 2.0
        y[i] = conversion if here >= a[4] - 1 else NAN
        y[BLOCK + i] = base if here >= back - 1 else NAN
        y[2 * BLOCK + i] = x[span_a + i - back] if here >= back + back - 1 else NAN
        y[3 * BLOCK + i] = x[span_b + i - back] if here >= back + a[6] - 1 else NAN
