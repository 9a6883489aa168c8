"""How far prices move."""

from __future__ import annotations

from math import log, sqrt

from tapeline.indicators.kernels.interface import NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.steps import moving_sums, moving_variances, smoothed

_PARKINSON = 4.0 * log(2.0)


def atr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Average true range, Wilder's. s: the average (before it is warm: the sum)."""
    reach, n = a[0], a[1]
    weight = 1.0 / n
    keep = 1.0 - weight
    value = s[0]
    cold = min(max(n + 1 - k, 0), m)
    for i in range(cold):
        if k + i > 0:
            value = smoothed(value, x[reach + i], k + i - 1, n, keep, weight)
        y[i * w] = value if k + i >= n else NAN
    for i in range(cold, m):
        value = value * keep + x[reach + i] * weight
        y[i * w] = value
    s[0] = value


def natr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Average true range in percent of the close. s: as for `atr`."""
    c, reach, n = a[0], a[1], a[2]
    for i in range(m):
        if k + i > 0:
            s[0] = smoothed(s[0], x[reach + i], k + i - 1, n, 1.0 - 1.0 / n, 1.0 / n)
        y[i * w] = s[0] / x[c + i] * 100.0 if k + i >= n else NAN


def trange(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """True range."""
    for i in range(m):
        y[i * w] = x[a[0] + i] if k + i > 0 else NAN


def stddev(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Population standard deviation of n closes."""
    variance, n = a[1], a[2]
    cold = min(max(n - 1 - k, 0), m)
    for i in range(cold):
        y[i * w] = NAN
    for i in range(cold, m):
        y[i * w] = sqrt(x[variance + i])


def volatility(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Sample standard deviation of n log returns. s: as for `moving_variances`.

    Own columns: the log returns, their mean and their variance.
    """
    c, returns, mean, variance, n = a[0], a[1], a[2], a[3], a[4]
    first = 1 if k == 0 else 0  # the first bar has no return
    for i in range(first, m):
        x[returns + i] = log(x[c + i] / x[c + i - 1])
    moving_variances(
        x, s, returns + first, n, k + first - 1, m - first, k % REBASE == 0, mean + first, variance + first, z
    )
    for i in range(m):
        y[i * w] = sqrt(x[variance + i] * (n / (n - 1.0))) if k + i >= n else NAN


def parkinson(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Parkinson's volatility of n bars' ranges. s: as for `moving_sums`. Own column: squared log ranges."""
    h, lo, squares, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        reach = log(x[h + i] / x[lo + i])
        x[squares + i] = reach * reach
    moving_sums(x, s, squares, squares, n, m, k % REBASE == 0, z)
    for i in range(m):
        y[i * w] = sqrt(z[i] / (n * _PARKINSON)) if k + i >= n - 1 else NAN
