"""How far prices move."""

from __future__ import annotations

from math import log, sqrt

from tapeline.indicators.kernels.steps import moving_sums, moving_variances, true_range, wilder
from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals

_PARKINSON = 4.0 * log(2.0)


def atr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Average true range, Wilder's. The first bar has no true range. s: the average (before: the sum)."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    weight = 1.0 / n
    keep = 1.0 - weight
    value = s[0]
    cold = min(max(n + 1 - k, 0), m)
    for i in range(cold):
        if k + i > 0:
            value = wilder(value, true_range(x, h, lo, c, i), k + i - 1, n, keep, weight)
        y[i * w] = value if k + i >= n else NAN
    for i in range(cold, m):
        value = value * keep + true_range(x, h, lo, c, i) * weight
        y[i * w] = value
    s[0] = value


def natr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Average true range in percent of the close. s: as for `atr`."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i > 0:
            s[0] = wilder(s[0], true_range(x, h, lo, c, i), k + i - 1, n, 1.0 - 1.0 / n, 1.0 / n)
        y[i * w] = s[0] / x[c + i] * 100.0 if k + i >= n else NAN


def trange(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """True range."""
    h, lo, c = a[0], a[1], a[2]
    for i in range(m):
        y[i * w] = true_range(x, h, lo, c, i) if k + i > 0 else NAN


def stddev(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Population standard deviation of n closes. s: as for `moving_variances`."""
    c, n = a[0], a[1]
    moving_variances(x, s, c, n, k, m, k % BLOCK == 0, z, 0)
    cold = min(max(n - 1 - k, 0), m)
    for i in range(cold):
        y[i * w] = NAN
    for i in range(cold, m):
        y[i * w] = sqrt(z[BLOCK + i])


def volatility(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Sample standard deviation of n log returns. s: as for `moving_variances`. Own column: the log returns."""
    c, returns, n = a[0], a[1], a[2]
    first = 1 if k == 0 else 0  # the first bar has no return
    for i in range(first, m):
        x[returns + i] = log(x[c + i] / x[c + i - 1])
    moving_variances(x, s, returns + first, n, k + first - 1, m - first, k % BLOCK == 0, z, first)
    for i in range(m):
        y[i * w] = sqrt(z[BLOCK + i] * (n / (n - 1.0))) if k + i >= n else NAN


def parkinson(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, k: int, m: int) -> None:
    """Parkinson's volatility of n bars' ranges. s: as for `moving_sums`. Own column: squared log ranges."""
    h, lo, squares, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        reach = log(x[h + i] / x[lo + i])
        x[squares + i] = reach * reach
    moving_sums(x, s, 0, squares, n, m, k % BLOCK == 0, z, 0)
    for i in range(m):
        y[i * w] = sqrt(z[i] / (n * _PARKINSON)) if k + i >= n - 1 else NAN
