"""Where the price stands within its recent range or against its recent mean."""

from __future__ import annotations

from tapeline.indicators.kernels.interface import BLOCK, NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.steps import (
    age_of_highest,
    age_of_lowest,
    deviations,
    extremes,
    means,
    moving_sums,
    smoothed,
    step,
    window_sum,
)


def stoch(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Stochastic: %K smoothed, and %D, its mean; 0 where there is no range. Own columns: raw and smoothed %K."""
    c, top, bottom, raw, smooth, n, n_k, n_d = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
    for i in range(m):
        reach = x[top + i] - x[bottom + i]
        x[raw + i] = 100.0 * ((x[c + i] - x[bottom + i]) / reach) if reach > 0.0 else 0.0
    means(x, raw, n_k, m, x, smooth)
    means(x, smooth, n_d, m, z, 0)
    cold = min(max(n + n_k + n_d - 3 - k, 0), m)
    for i in range(cold):
        y[i * w] = y[i * w + u] = NAN
    for i in range(cold, m):
        y[i * w] = x[smooth + i]
    for i in range(cold, m):
        y[i * w + u] = z[i]


def stochrsi(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Stochastic of the RSI, and its mean; 0 where the RSI has no range but what rounding gives it.

    s: Wilder averages of rises and of falls. Own columns: the RSI, its raw stochastic and its extremes.
    """
    c, strength, raw, top, bottom, n, n_k, n_d = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
    for i in range(m):
        if k + i > 0:
            change = x[c + i] - x[c + i - 1]
            s[0] = smoothed(s[0], max(change, 0.0), k + i - 1, n, 1.0 - 1.0 / n, 1.0 / n)
            s[1] = smoothed(s[1], max(-change, 0.0), k + i - 1, n, 1.0 - 1.0 / n, 1.0 / n)
        total = s[0] + s[1]
        x[strength + i] = 100.0 * (s[0] / total) if total > 0.0 else 0.0
    extremes(x, strength, n_k, m, 1.0, x, top, z)
    extremes(x, strength, n_k, m, -1.0, x, bottom, z)
    for i in range(m):
        reach = x[top + i] - x[bottom + i]
        x[raw + i] = 100.0 * ((x[strength + i] - x[bottom + i]) / reach) if reach > 1e-11 else 0.0
    means(x, raw, n_d, m, z, 0)
    for i in range(m):
        warm = k + i >= n + n_k + n_d - 2
        y[i * w] = x[raw + i] if warm else NAN
        y[i * w + u] = z[i] if warm else NAN


def willr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Williams' %R; 0 where there is no range."""
    c, top, bottom, n = a[0], a[1], a[2], a[3]
    cold = min(max(n - 1 - k, 0), m)
    for i in range(cold):
        y[i * w] = NAN
    for i in range(cold, m):
        reach = x[top + i] - x[bottom + i]
        y[i * w] = -100.0 * ((x[top + i] - x[c + i]) / reach) if reach > 0.0 else 0.0


@step
def _precise_cci(x: Reals, at: int, n: int) -> float:
    """The same for one bar, where the deviation is so small that rounding in the running sum could show."""
    mean = deviation = 0.0
    for j in range(n):
        mean += x[at - j] - x[at]
    mean /= n
    for j in range(n):
        deviation += abs((x[at - j] - x[at]) - mean)
    return -mean / (0.015 * (deviation / n)) if deviation > 1e-14 * x[at] else 0.0


def cci(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Commodity channel index; 0 where nothing deviates. s: sum of typical prices."""
    typical, n = a[0], a[1]
    total = window_sum(x, typical - 1, n) if k % REBASE == 0 else s[0]
    share = 1.0 / n
    for i in range(m):
        total += x[typical + i] - x[typical + i - n]
        z[i] = total * share
    s[0] = total
    deviations(x, typical, n, m, z, 0, BLOCK)
    cold = min(max(n - 1 - k, 0), m)
    for i in range(cold):
        y[i * w] = NAN
    for i in range(cold, m):
        y[i * w] = (x[typical + i] - z[i]) / (0.015 * (z[BLOCK + i] * share))
    for i in range(cold, m):
        if z[BLOCK + i] * share < 1e-5 * z[i]:
            y[i * w] = _precise_cci(x, typical + i, n)


def mfi(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Money flow index; 0 where nothing flowed. s: as for `moving_sums`.

    Typical prices that differ by rounding only are equal. Own columns: inflow and all flow.
    """
    v, typical, inflow, flow, n = a[0], a[1], a[2], a[3], a[4]
    for i in range(m):
        price = x[typical + i]
        change, money, least = price - x[typical + i - 1], price * x[v + i], 1e-15 * price
        x[inflow + i] = money if change > least else 0.0
        x[flow + i] = money if abs(change) > least else 0.0
    if k == 0:
        x[inflow] = x[flow] = 0.0
    moving_sums(x, s, inflow, flow, n, m, k % REBASE == 0, z)
    cold = min(max(n - k, 0), m)
    for i in range(cold):
        y[i * w] = NAN
    for i in range(cold, m):
        y[i * w] = 100.0 * (z[i] / z[BLOCK + i]) if z[BLOCK + i] > 0.0 else 0.0


def ultosc(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Ultimate oscillator over three periods, the shortest weighing most. Own column: the pressure."""
    lo, c, reach, pressure = a[0], a[1], a[2], a[3]
    shortest, longest = min(a[4], a[5], a[6]), max(a[4], a[5], a[6])
    middle = a[4] + a[5] + a[6] - shortest - longest
    for i in range(m):
        if k + i > 0:
            x[pressure + i] = x[c + i] - min(x[lo + i], x[c + i - 1])
        if k + i < longest:
            y[i * w] = NAN
            continue
        total, weight = 0.0, 4.0
        for n in (shortest, middle, longest):
            span = window_sum(x, reach + i, n)
            if span > 0.0:
                total += weight * (window_sum(x, pressure + i, n) / span)
            weight /= 2.0
        y[i * w] = 100.0 * (total / 7.0)


def aroon(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Aroon up and down: how near the highest high and the lowest low of n + 1 bars are. s: how many bars ago."""
    h, lo, n = a[0], a[1], a[2]
    for i in range(m):
        s[0] = age_of_highest(x, h + i, n + 1, k + i, int(s[0]))
        s[1] = age_of_lowest(x, lo + i, n + 1, k + i, int(s[1]))
        y[i * w] = 100.0 * (n - s[0]) / n if k + i >= n else NAN
        y[i * w + u] = 100.0 * (n - s[1]) / n if k + i >= n else NAN


def aroonosc(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Aroon up less Aroon down. s: as for `aroon`."""
    h, lo, n = a[0], a[1], a[2]
    for i in range(m):
        s[0] = age_of_highest(x, h + i, n + 1, k + i, int(s[0]))
        s[1] = age_of_lowest(x, lo + i, n + 1, k + i, int(s[1]))
        y[i * w] = 100.0 * (s[1] - s[0]) / n if k + i >= n else NAN
