"""Prices at which others are watching."""

from __future__ import annotations

from tapeline.indicators.kernels.steps import age_of_highest, age_of_lowest
from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals


def pivots(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Floor traders' pivot points of the previous session: the pivot, resistances 1 to 3, supports 1 to 3.

    s: session, its high, low and close so far, those of the session before it, and whether there was one.
    """
    h, lo, c, session = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i == 0 or x[session + i] != s[0]:
            if k + i > 0:
                s[4], s[5], s[6], s[7] = s[1], s[2], s[3], 1.0
            s[0], s[1], s[2] = x[session + i], x[h + i], x[lo + i]
        s[1], s[2], s[3] = max(s[1], x[h + i]), min(s[2], x[lo + i]), x[c + i]
        if s[7] == 0.0:
            for o in range(7):
                y[o * BLOCK + i] = NAN
            continue
        high, low = s[4], s[5]
        pivot = (high + low + s[6]) / 3.0
        reach = high - low
        y[i] = pivot
        y[BLOCK + i] = 2.0 * pivot - low
        y[2 * BLOCK + i] = pivot + reach
        y[3 * BLOCK + i] = high + 2.0 * (pivot - low)
        y[4 * BLOCK + i] = 2.0 * pivot - high
        y[5 * BLOCK + i] = pivot - reach
        y[6 * BLOCK + i] = low - 2.0 * (high - pivot)


def fibonacci(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Retracements of the range of the last n bars, counted from its high. s: how many bars ago the extremes were."""
    h, lo, n = a[0], a[1], a[2]
    for i in range(m):
        s[0] = age_of_highest(x, h + i, n, k + i, int(s[0]))
        s[1] = age_of_lowest(x, lo + i, n, k + i, int(s[1]))
        high, low = x[h + i - int(s[0])], x[lo + i - int(s[1])]
        warm = k + i >= n - 1
        o = 0
        for share in (0.0, 0.236, 0.382, 0.5, 0.618, 0.786):
            y[o * BLOCK + i] = high - share * (high - low) if warm else NAN
            o += 1
        y[o * BLOCK + i] = low if warm else NAN
