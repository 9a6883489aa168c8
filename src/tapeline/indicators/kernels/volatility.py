"""How far prices move."""

from __future__ import annotations

from tapeline.indicators.kernels.types import NAN, Integers, Reals


def atr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Average true range, Wilder's. The first bar has no true range. s: the average (before: the sum)."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    weight = 1.0 / n
    value = s[0]
    for i in range(m):
        here = k + i
        if here == 0:
            y[i] = NAN
            continue
        before = x[c + i - 1]
        reach = max(x[h + i], before) - min(x[lo + i], before)
        if here > n:
            value += weight * (reach - value)
            y[i] = value
        elif here == n:
            value = (value + reach) / n
            y[i] = value
        else:
            value += reach
            y[i] = NAN
    s[0] = value
