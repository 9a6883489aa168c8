"""Bands, channels and stops drawn over the price."""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.kernels.interface import NAN, Integers, Reals
from tapeline.indicators.kernels.steps import seeded


def bbands(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Bollinger bands, their width and %b."""
    c, mean, variance, n, factor = a[0], a[1], a[2], a[3], p[0]
    for i in range(m):
        z[i] = factor * sqrt(x[variance + i])
    cold = min(max(n - 1 - k, 0), m)
    for o in range(5):
        for i in range(cold):
            y[i * w + o * u] = NAN
    # A loop for each output: the compiler makes vector instructions of these, not of one that writes five.
    for i in range(cold, m):
        y[i * w] = x[mean + i] + z[i]
    for i in range(cold, m):
        y[i * w + u] = x[mean + i]
    for i in range(cold, m):
        y[i * w + 2 * u] = x[mean + i] - z[i]
    for i in range(cold, m):
        y[i * w + 3 * u] = 2.0 * z[i] / x[mean + i]
    for i in range(cold, m):
        y[i * w + 4 * u] = 0.5 + 0.5 * (x[c + i] - x[mean + i]) / z[i] if z[i] > 0.0 else 0.5


def donchian(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Highest high and lowest low of n bars, and their middle."""
    top, bottom, n = a[0], a[1], a[2]
    for i in range(m):
        warm = k + i >= n - 1
        y[i * w] = x[top + i] if warm else NAN
        y[i * w + u] = (x[top + i] + x[bottom + i]) / 2.0 if warm else NAN
        y[i * w + 2 * u] = x[bottom + i] if warm else NAN


def keltner(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Keltner channels: EMA of the typical price ± ATRs. s: both averages, seeded over windows that end together."""
    typical, reach, n, n_range, factor = a[0], a[1], a[2], a[3], p[0]
    start = max(n - 1, n_range)
    for i in range(m):
        here = k + i
        if here > start - n:
            s[0] = seeded(s[0], x[typical + i], here - (start - n + 1), n, 2.0 / (n + 1))
        if here > start - n_range:
            s[1] = seeded(s[1], x[reach + i], here - (start - n_range + 1), n_range, 1.0 / n_range)
        warm = here >= start
        y[i * w] = s[0] + factor * s[1] if warm else NAN
        y[i * w + u] = s[0] if warm else NAN
        y[i * w + 2 * u] = s[0] - factor * s[1] if warm else NAN


def supertrend(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Supertrend and its direction, 1 or -1. s: ATR, upper and lower band, direction."""
    h, lo, c, reach, n, factor = a[0], a[1], a[2], a[3], a[4], p[0]
    for i in range(m):
        here = k + i
        if here > 0:
            s[0] = seeded(s[0], x[reach + i], here - 1, n, 1.0 / n)
        if here < n:
            y[i * w] = y[i * w + u] = NAN
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
        y[i * w + u] = s[3]


def sar(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
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


def ichimoku(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Ichimoku: conversion, base, and the two spans that stand at this bar (made `base` bars ago).

    Shared: highest and lowest of the three windows. Own columns: the spans.
    """
    span_a, span_b, conversion, base, span = a[6], a[7], a[8], a[9], a[10]
    for i in range(m):
        here = k + i
        first = (x[a[0] + i] + x[a[1] + i]) / 2.0
        second = (x[a[2] + i] + x[a[3] + i]) / 2.0
        x[span_a + i] = (first + second) / 2.0
        x[span_b + i] = (x[a[4] + i] + x[a[5] + i]) / 2.0
        y[i * w] = first if here >= conversion - 1 else NAN
        y[i * w + u] = second if here >= base - 1 else NAN
        y[i * w + 2 * u] = x[span_a + i - base] if here >= base + max(conversion, base) - 1 else NAN
        y[i * w + 3 * u] = x[span_b + i - base] if here >= base + span - 1 else NAN
