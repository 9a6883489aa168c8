"""How far prices move."""

from __future__ import annotations

from math import log, sqrt

from tapeline.indicators.kernels.steps import moving_sum, moving_variance, seeded, true_range
from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals

_PARKINSON = 4.0 * log(2.0)


def atr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Average true range, Wilder's. The first bar has no true range. s: the average (before: the sum)."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    weight = 1.0 / n
    value = s[0]
    for i in range(m):
        if k + i > 0:
            value = seeded(value, true_range(x, h, lo, c, i), k + i - 1, n, weight)
        y[i] = value if k + i >= n else NAN
    s[0] = value


def natr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Average true range in percent of the close. s: as for `atr`."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i > 0:
            s[0] = seeded(s[0], true_range(x, h, lo, c, i), k + i - 1, n, 1.0 / n)
        y[i] = s[0] / x[c + i] * 100.0 if k + i >= n else NAN


def trange(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """True range."""
    h, lo, c = a[0], a[1], a[2]
    for i in range(m):
        y[i] = true_range(x, h, lo, c, i) if k + i > 0 else NAN


def stddev(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Population standard deviation of n closes. s: as for `moving_variance`."""
    c, n = a[0], a[1]
    for i in range(m):
        _, variance = moving_variance(x, s, c + i, n, k + i, (k + i) % BLOCK == 0)
        y[i] = sqrt(variance) if k + i >= n - 1 else NAN


def volatility(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Sample standard deviation of n log returns. s: as for `moving_variance`. Own column: the log returns."""
    c, returns, n = a[0], a[1], a[2]
    y[0] = NAN
    for i in range(m):
        here = k + i
        if here > 0:
            x[returns + i] = log(x[c + i] / x[c + i - 1])
            _, variance = moving_variance(x, s, returns + i, n, here - 1, here % BLOCK == 0)
            y[i] = sqrt(variance * (n / (n - 1.0))) if here >= n else NAN


def parkinson(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Parkinson's volatility of n bars' ranges. s: as for `moving_sum`. Own column: squared log ranges."""
    h, lo, squares, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        reach = log(x[h + i] / x[lo + i])
        x[squares + i] = reach * reach
        total = moving_sum(x, s, 0, squares + i, n, (k + i) % BLOCK == 0)
        y[i] = sqrt(total / (n * _PARKINSON)) if k + i >= n - 1 else NAN
