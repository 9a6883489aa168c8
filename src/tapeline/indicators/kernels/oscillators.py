"""Where the price stands within its recent range or against its recent mean."""

from __future__ import annotations

from tapeline.indicators.kernels.steps import (
    age_of_highest,
    age_of_lowest,
    moving_sum,
    seeded,
    true_range,
    window_deviation,
    window_sum,
)
from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals


def stoch(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Stochastic: %K smoothed, and %D, its mean; 0 where there is no range.

    s: how many bars ago the extremes were. Own columns: raw and smoothed %K.
    """
    h, lo, c, raw, smooth, n, n_k, n_d = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
    top, bottom = int(s[0]), int(s[1])
    for i in range(m):
        top = age_of_highest(x, h + i, n, k + i, top)
        bottom = age_of_lowest(x, lo + i, n, k + i, bottom)
        lowest = x[lo + i - bottom]
        reach = x[h + i - top] - lowest
        x[raw + i] = 100.0 * ((x[c + i] - lowest) / reach) if reach > 0.0 else 0.0
        x[smooth + i] = window_sum(x, raw + i, n_k) / n_k
        warm = k + i >= n + n_k + n_d - 3
        y[i] = x[smooth + i] if warm else NAN
        y[BLOCK + i] = window_sum(x, smooth + i, n_d) / n_d if warm else NAN
    s[0], s[1] = top, bottom


def stochrsi(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Stochastic of the RSI, and its mean; 0 where the RSI has no range but what rounding gives it.

    s: rises, falls, how many bars ago the extremes of the RSI were. Own columns: the RSI, and its raw stochastic.
    """
    c, strength, raw, n, n_k, n_d = a[0], a[1], a[2], a[3], a[4], a[5]
    for i in range(m):
        here = k + i
        y[i] = y[BLOCK + i] = NAN
        if here == 0:
            continue
        change = x[c + i] - x[c + i - 1]
        s[0] = seeded(s[0], max(change, 0.0), here - 1, n, 1.0 / n)
        s[1] = seeded(s[1], max(-change, 0.0), here - 1, n, 1.0 / n)
        if here < n:
            continue
        total = s[0] + s[1]
        x[strength + i] = 100.0 * (s[0] / total) if total > 0.0 else 0.0
        s[2] = age_of_highest(x, strength + i, n_k, here - n, int(s[2]))
        s[3] = age_of_lowest(x, strength + i, n_k, here - n, int(s[3]))
        lowest = x[strength + i - int(s[3])]
        reach = x[strength + i - int(s[2])] - lowest
        x[raw + i] = 100.0 * ((x[strength + i] - lowest) / reach) if reach > 1e-11 else 0.0
        if here >= n + n_k + n_d - 2:
            y[i] = x[raw + i]
            y[BLOCK + i] = window_sum(x, raw + i, n_d) / n_d


def willr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Williams' %R; 0 where there is no range. s: how many bars ago the extremes were."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    top, bottom = int(s[0]), int(s[1])
    for i in range(m):
        top = age_of_highest(x, h + i, n, k + i, top)
        bottom = age_of_lowest(x, lo + i, n, k + i, bottom)
        highest = x[h + i - top]
        reach = highest - x[lo + i - bottom]
        value = -100.0 * ((highest - x[c + i]) / reach) if reach > 0.0 else 0.0
        y[i] = value if k + i >= n - 1 else NAN
    s[0], s[1] = top, bottom


def cci(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Commodity channel index; 0 where nothing deviates. Own column: the typical price."""
    h, lo, c, typical, n = a[0], a[1], a[2], a[3], a[4]
    total = window_sum(x, typical - 1, n) if k % BLOCK == 0 else s[0]
    for i in range(m):
        price = (x[h + i] + x[lo + i] + x[c + i]) / 3.0
        x[typical + i] = price
        total += price - x[typical + i - n]
        if k + i < n - 1:
            y[i] = NAN
            continue
        mean = total / n
        deviation = window_deviation(x, typical + i, n, mean) / n
        if deviation < 1e-5 * mean:  # so small that rounding in the sum could show
            mean = 0.0
            for j in range(n):
                mean += x[typical + i - j] - price
            mean = price + mean / n
            deviation = window_deviation(x, typical + i, n, mean) / n
        y[i] = (price - mean) / (0.015 * deviation) if deviation > 1e-14 * mean else 0.0
    s[0] = total


def mfi(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Money flow index; 0 where nothing flowed. s: typical price, sums of inflow and of all flow with their peaks.

    Typical prices that differ by rounding only are equal. Own columns: inflow and all flow.
    """
    h, lo, c, v, inflow, flow, n = a[0], a[1], a[2], a[3], a[4], a[5], a[6]
    for i in range(m):
        here = k + i
        price = (x[h + i] + x[lo + i] + x[c + i]) / 3.0
        money = price * x[v + i]
        moved = here > 0 and abs(price - s[0]) > 1e-15 * price
        x[inflow + i] = money if moved and price > s[0] else 0.0
        x[flow + i] = money if moved else 0.0
        s[0] = price
        came = moving_sum(x, s, 1, inflow + i, n, here % BLOCK == 0)
        total = moving_sum(x, s, 3, flow + i, n, here % BLOCK == 0)
        value = 100.0 * (came / total) if total > 0.0 else 0.0
        y[i] = value if here >= n else NAN


def ultosc(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Ultimate oscillator over three periods, the shortest weighing most. Own columns: pressure and true range."""
    h, lo, c, pressure, reach = a[0], a[1], a[2], a[3], a[4]
    shortest, longest = min(a[5], a[6], a[7]), max(a[5], a[6], a[7])
    middle = a[5] + a[6] + a[7] - shortest - longest
    for i in range(m):
        if k + i > 0:
            x[pressure + i] = x[c + i] - min(x[lo + i], x[c + i - 1])
            x[reach + i] = true_range(x, h, lo, c, i)
        if k + i < longest:
            y[i] = NAN
            continue
        total, weight = 0.0, 4.0
        for n in (shortest, middle, longest):
            span = window_sum(x, reach + i, n)
            if span > 0.0:
                total += weight * (window_sum(x, pressure + i, n) / span)
            weight /= 2.0
        y[i] = 100.0 * (total / 7.0)


def aroon(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Aroon up and down: how near the highest high and the lowest low of n + 1 bars are. s: how many bars ago."""
    h, lo, n = a[0], a[1], a[2]
    for i in range(m):
        s[0] = age_of_highest(x, h + i, n + 1, k + i, int(s[0]))
        s[1] = age_of_lowest(x, lo + i, n + 1, k + i, int(s[1]))
        y[i] = 100.0 * (n - s[0]) / n if k + i >= n else NAN
        y[BLOCK + i] = 100.0 * (n - s[1]) / n if k + i >= n else NAN


def aroonosc(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Aroon up less Aroon down. s: as for `aroon`."""
    h, lo, n = a[0], a[1], a[2]
    for i in range(m):
        s[0] = age_of_highest(x, h + i, n + 1, k + i, int(s[0]))
        s[1] = age_of_lowest(x, lo + i, n + 1, k + i, int(s[1]))
        y[i] = 100.0 * (s[1] - s[0]) / n if k + i >= n else NAN
