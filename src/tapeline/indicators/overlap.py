"""Averages drawn over the price."""

from __future__ import annotations

from tapeline.indicators.kernels.interface import NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.steps import moving_sums, seeded, smoothed, window_sum


def sma(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Simple moving average. s: the window's sum."""
    c, n = a[0], a[1]
    total = window_sum(x, c - 1, n) if k % REBASE == 0 else s[0]
    share = 1.0 / n
    for i in range(m):
        total += x[c + i] - x[c + i - n]
        y[i * w] = total * share if k + i >= n - 1 else NAN
    s[0] = total


def ema(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Exponential moving average. s: the average (before it is warm: the sum)."""
    c, n = a[0], a[1]
    weight = 2.0 / (n + 1)
    keep = 1.0 - weight
    value = s[0]
    cold = min(max(n - k, 0), m)
    for i in range(cold):
        value = smoothed(value, x[c + i], k + i, n, keep, weight)
        y[i * w] = value if k + i >= n - 1 else NAN
    for i in range(cold, m):
        value = value * keep + x[c + i] * weight
        y[i * w] = value
    s[0] = value


def wma(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Weighted moving average, 1 for the oldest to n for the newest. s: the plain and the weighted sum."""
    c, n = a[0], a[1]
    if k % REBASE == 0:
        s[0] = window_sum(x, c - 1, n)
        s[1] = 0.0
        for j in range(n):
            s[1] += (j + 1) * x[c - n + j]
    plain, weighted = s[0], s[1]
    share = 1.0 / (n * (n + 1) // 2)
    for i in range(m):
        weighted += n * x[c + i] - plain
        plain += x[c + i] - x[c + i - n]
        y[i * w] = weighted * share if k + i >= n - 1 else NAN
    s[0], s[1] = plain, weighted


def dema(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Double exponential moving average. s: the EMA and the EMA of the EMA."""
    c, n = a[0], a[1]
    weight = 2.0 / (n + 1)
    for i in range(m):
        seen = k + i
        s[0] = seeded(s[0], x[c + i], seen, n, weight)
        if seen >= n - 1:
            s[1] = seeded(s[1], s[0], seen - (n - 1), n, weight)
        y[i * w] = 2.0 * s[0] - s[1] if seen >= 2 * (n - 1) else NAN


def tema(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Triple exponential moving average. s: the EMA, its EMA, and that one's EMA."""
    c, n = a[0], a[1]
    weight = 2.0 / (n + 1)
    for i in range(m):
        seen = k + i
        s[0] = seeded(s[0], x[c + i], seen, n, weight)
        for level in range(1, 3):
            if seen >= level * (n - 1):
                s[level] = seeded(s[level], s[level - 1], seen - level * (n - 1), n, weight)
        y[i * w] = 3.0 * s[0] - 3.0 * s[1] + s[2] if seen >= 3 * (n - 1) else NAN


def t3(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Tillson's T3. s: six EMAs, each of the one before."""
    c, n, v = a[0], a[1], p[0]
    weight = 2.0 / (n + 1)
    c1 = -v * v * v
    c2 = 3.0 * (v * v - c1)
    c3 = -6.0 * v * v - 3.0 * (v - c1)
    c4 = 1.0 + 3.0 * v - c1 + 3.0 * v * v
    for i in range(m):
        seen = k + i
        s[0] = seeded(s[0], x[c + i], seen, n, weight)
        for level in range(1, 6):
            if seen >= level * (n - 1):
                s[level] = seeded(s[level], s[level - 1], seen - level * (n - 1), n, weight)
        y[i * w] = c1 * s[5] + c2 * s[4] + c3 * s[3] + c4 * s[2] if seen >= 6 * (n - 1) else NAN


def kama(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Kaufman's adaptive moving average. s: as for `moving_sums`, and the average. Own column: the moves.

    As TA-Lib has it, a fall by as much as the sum of the moves counts as it is, a rise beyond it as fully efficient.
    """
    c, moves, n = a[0], a[1], a[2]
    for i in range(m):
        x[moves + i] = abs(x[c + i] - x[c + i - 1]) if k + i > 0 else 0.0
    moving_sums(x, s, moves, moves, n, m, k % REBASE == 0, z)
    value = s[4]
    for i in range(m):
        if k + i < n:
            value = x[c + i]
            y[i * w] = NAN
            continue
        way, total = x[c + i] - x[c + i - n], z[i]
        efficiency = 1.0 if total <= way or total == 0.0 else abs(way / total)
        pace = efficiency * (2.0 / 3.0 - 2.0 / 31.0) + 2.0 / 31.0
        value += pace * pace * (x[c + i] - value)
        y[i * w] = value
    s[4] = value


def midpoint(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Middle between the highest and the lowest of n closes."""
    top, bottom, n = a[0], a[1], a[2]
    for i in range(m):
        y[i * w] = (x[top + i] + x[bottom + i]) / 2.0 if k + i >= n - 1 else NAN


def linearreg(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """End of the least-squares line through n closes, as 3 WMA - 2 SMA. s: as for `wma`, of distances from s[2]."""
    c, n = a[0], a[1]
    for i in range(m):
        here = k + i
        if here % REBASE == 0:
            s[2] = x[c + i - 1] if here > 0 else x[c + i]
            s[0] = s[1] = 0.0
            for j in range(max(n - here, 0), n):
                s[0] += x[c + i - n + j] - s[2]
                s[1] += (j + 1) * (x[c + i - n + j] - s[2])
        new = x[c + i] - s[2]
        s[1] += n * new - s[0]
        s[0] += new - (x[c + i - n] - s[2] if here >= n else 0.0)
        y[i * w] = s[2] + 6.0 * s[1] / (n * (n + 1.0)) - 2.0 * s[0] / n if here >= n - 1 else NAN


def vwap(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Volume-weighted average price since the session began. s: session, sums of price times volume and of volume."""
    v, session, typical = a[0], a[1], a[2]
    for i in range(m):
        if k + i == 0 or x[session + i] != s[0]:
            s[0], s[1], s[2] = x[session + i], 0.0, 0.0
        s[1] += x[typical + i] * x[v + i]
        s[2] += x[v + i]
        y[i * w] = s[1] / s[2] if s[2] > 0.0 else NAN
