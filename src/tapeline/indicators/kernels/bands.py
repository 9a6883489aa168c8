"""Bands, channels and stops drawn over the price."""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.kernels.steps import extremes, moving_variances, seeded, true_range
from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals


def bbands(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Bollinger bands, their width and %b. s: as for `moving_variances`."""
    c, n, factor = a[0], a[1], p[0]
    moving_variances(x, s, c, n, k, m, k % BLOCK == 0, z, 0)
    cold = min(max(n - 1 - k, 0), m)
    for i in range(cold):
        for o in range(5):
            y[i * w + o] = NAN
    for i in range(cold, m):
        mean, reach = z[i], factor * sqrt(z[BLOCK + i])
        y[i * w] = mean + reach
        y[i * w + 1] = mean
        y[i * w + 2] = mean - reach
        y[i * w + 3] = 2.0 * reach / mean
        y[i * w + 4] = 0.5 + 0.5 * (x[c + i] - mean) / reach if reach > 0.0 else 0.5


def donchian(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Highest high and lowest low of n bars, and their middle."""
    h, lo, n = a[0], a[1], a[2]
    extremes(x, h, n, m, 1.0, z, 0)
    extremes(x, lo, n, m, -1.0, z, BLOCK)
    for i in range(m):
        warm = k + i >= n - 1
        y[i * w] = z[i] if warm else NAN
        y[i * w + 1] = (z[i] + z[BLOCK + i]) / 2.0 if warm else NAN
        y[i * w + 2] = z[BLOCK + i] if warm else NAN


def keltner(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
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
        y[i * w] = s[0] + factor * s[1] if warm else NAN
        y[i * w + 1] = s[0] if warm else NAN
        y[i * w + 2] = s[0] - factor * s[1] if warm else NAN


def supertrend(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Supertrend and its direction, 1 or -1. s: ATR, upper and lower band, direction."""
    h, lo, c, n, factor = a[0], a[1], a[2], a[3], p[0]
    for i in range(m):
        here = k + i
        if here > 0:
            s[0] = seeded(s[0], true_range(x, h, lo, c, i), here - 1, n, 1.0 / n)
        if here < n:
            y[i * w] = y[i * w + 1] = NAN
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
        y[i * w] = s[2] if s[3] > 0.0 else s[1]
        y[i * w + 1] = s[3]


def sar(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Parabolic stop and reverse. s: stop, extreme point, acceleration, direction (1 or -1)."""
    h, lo, pace, limit = a[0], a[1], p[0], p[1]
    pace = min(pace, limit)
    stop, extreme, speed, way = s[0], s[1], s[2], s[3]
    for i in range(m):
        if k + i == 0:
            y[i * w] = NAN
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
            y[i * w] = stop
            stop = max(stop + speed * (extreme - stop), high_before, high)
        elif way < 0.0 and high >= stop:
            way, stop, speed = 1.0, min(extreme, low_before, low), pace
            extreme = high
            y[i * w] = stop
            stop = min(stop + speed * (extreme - stop), low_before, low)
        elif way > 0.0:
            y[i * w] = stop
            if high > extreme:
                extreme, speed = high, min(speed + pace, limit)
            stop = min(stop + speed * (extreme - stop), low_before, low)
        else:
            y[i * w] = stop
            if low < extreme:
                extreme, speed = low, min(speed + pace, limit)
            stop = max(stop + speed * (extreme - stop), high_before, high)
    s[0], s[1], s[2], s[3] = stop, extreme, speed, way


def ichimoku(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Ichimoku: conversion, base, and the two spans that stand at this bar (made `base` bars ago).

    Own columns: the spans.
    """
    h, lo, span_a, span_b, conversion, base, span = a[0], a[1], a[2], a[3], a[4], a[5], a[6]
    for o in range(3):
        extremes(x, h, a[4 + o], m, 1.0, z, 2 * o * BLOCK)
        extremes(x, lo, a[4 + o], m, -1.0, z, (2 * o + 1) * BLOCK)
    for i in range(m):
        here = k + i
        first = (z[i] + z[BLOCK + i]) / 2.0
        second = (z[2 * BLOCK + i] + z[3 * BLOCK + i]) / 2.0
        x[span_a + i] = (first + second) / 2.0
        x[span_b + i] = (z[4 * BLOCK + i] + z[5 * BLOCK + i]) / 2.0
        y[i * w] = first if here >= conversion - 1 else NAN
        y[i * w + 1] = second if here >= base - 1 else NAN
        y[i * w + 2] = x[span_a + i - base] if here >= base + max(conversion, base) - 1 else NAN
        y[i * w + 3] = x[span_b + i - base] if here >= base + span - 1 else NAN
