"""Averages and bands drawn over the price."""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.kernels.steps import rebased_sum, window_variance
from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals


def sma(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Simple moving average. s: the window's sum."""
    c, n = a[0], a[1]
    total = rebased_sum(x, c, n) if k % BLOCK == 0 else s[0]
    for i in range(m):
        total += x[c + i] - x[c + i - n]
        y[i] = total / n if k + i >= n - 1 else NAN
    s[0] = total


def ema(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Exponential moving average, seeded with the mean of its first window. s: the average (before: the sum)."""
    c, n = a[0], a[1]
    weight = 2.0 / (n + 1)
    value = s[0]
    for i in range(m):
        if k + i >= n:
            value += weight * (x[c + i] - value)
            y[i] = value
        elif k + i == n - 1:
            value = (value + x[c + i]) / n
            y[i] = value
        else:
            value += x[c + i]
            y[i] = NAN
    s[0] = value


def bbands(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Bollinger bands, width and %b. s: reference price, sums of distances from it and of their squares, their peak."""
    c, n = a[0], a[1]
    factor = p[0]
    for i in range(m):
        mean, variance = window_variance(x, s, c, n, k, i)
        if k + i < n - 1:
            y[i] = y[BLOCK + i] = y[2 * BLOCK + i] = y[3 * BLOCK + i] = y[4 * BLOCK + i] = NAN
            continue
        reach = factor * sqrt(variance)
        y[i] = mean + reach
        y[BLOCK + i] = mean
        y[2 * BLOCK + i] = mean - reach
        y[3 * BLOCK + i] = 2.0 * reach / mean
        y[4 * BLOCK + i] = (x[c + i] - (mean - reach)) / (2.0 * reach) if reach > 0.0 else 0.5
