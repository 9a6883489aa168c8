"""Prices at which others are watching."""

from __future__ import annotations

from tapeline.indicators.kernels.interface import NAN, Integers, Reals


def pivots(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
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
                y[i * w + o * u] = NAN
            continue
        high, low = s[4], s[5]
        pivot = (high + low + s[6]) / 3.0
        reach = high - low
        y[i * w] = pivot
        y[i * w + u] = 2.0 * pivot - low
        y[i * w + 2 * u] = pivot + reach
        y[i * w + 3 * u] = high + 2.0 * (pivot - low)
        y[i * w + 4 * u] = 2.0 * pivot - high
        y[i * w + 5 * u] = pivot - reach
        y[i * w + 6 * u] = low - 2.0 * (high - pivot)


def fibonacci(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Retracements of the range of the last n bars, counted from its high."""
    top, bottom, n = a[0], a[1], a[2]
    for i in range(m):
        high, low = x[top + i], x[bottom + i]
        warm = k + i >= n - 1
        o = 0
        for share in (0.0, 0.236, 0.382, 0.5, 0.618, 0.786):
            y[i * w + o * u] = high - share * (high - low) if warm else NAN
            o += 1
        y[i * w + o * u] = low if warm else NAN
