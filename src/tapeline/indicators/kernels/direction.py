"""Wilder's directional movement."""

from __future__ import annotations

from tapeline.indicators.kernels.steps import seeded, step, true_range
from tapeline.indicators.kernels.types import NAN, Integers, Reals


@step
def _directional(x: Reals, h: int, lo: int, c: int, i: int) -> tuple[float, float, float]:
    """Bar i's movement up, movement down and true range."""
    up, down = x[h + i] - x[h + i - 1], x[lo + i - 1] - x[lo + i]
    return (
        up if up > 0.0 and up > down else 0.0,
        down if down > 0.0 and down > up else 0.0,
        true_range(x, h, lo, c, i),
    )


@step
def _smoothed(value: float, new: float, here: int, n: int) -> float:
    """Wilder's sum: a plain one over the first n - 1 changes, then a share of it is given up for every new one."""
    return value + new if here < n else value - value / n + new


@step
def _adx(x: Reals, s: Reals, h: int, lo: int, c: int, n: int, here: int, i: int) -> float:
    """Moves the ADX on by a bar. s: sums of movement up, down and of range, and the ADX (before: the sum of DX).

    A bar without movement leaves the ADX as it is.
    """
    if here > 0:
        up, down, reach = _directional(x, h, lo, c, i)
        s[0] = _smoothed(s[0], up, here, n)
        s[1] = _smoothed(s[1], down, here, n)
        s[2] = _smoothed(s[2], reach, here, n)
    total = s[0] + s[1]
    moved = total > 0.0 and s[2] > 0.0
    dx = 100.0 * (abs(s[0] - s[1]) / total) if moved else 0.0
    if here >= 2 * n:
        if moved:
            s[3] += (dx - s[3]) / n
    elif here >= n:
        s[3] = seeded(s[3], dx, here - n, n, 0.0)
    return s[3]


def plus_di(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Upward movement in percent of the range; 0 where there is no range. s: sums of movement and of range."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i > 0:
            up, _, reach = _directional(x, h, lo, c, i)
            s[0] = _smoothed(s[0], up, k + i, n)
            s[1] = _smoothed(s[1], reach, k + i, n)
        value = 100.0 * (s[0] / s[1]) if s[1] > 0.0 else 0.0
        y[i] = value if k + i >= n else NAN


def minus_di(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Downward movement in percent of the range; 0 where there is no range. s: sums of movement and of range."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i > 0:
            _, down, reach = _directional(x, h, lo, c, i)
            s[0] = _smoothed(s[0], down, k + i, n)
            s[1] = _smoothed(s[1], reach, k + i, n)
        value = 100.0 * (s[0] / s[1]) if s[1] > 0.0 else 0.0
        y[i] = value if k + i >= n else NAN


def adx(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Average directional index. s: as for `_adx`."""
    h, lo, c, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        value = _adx(x, s, h, lo, c, n, k + i, i)
        y[i] = value if k + i >= 2 * n - 1 else NAN


def adxr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Mean of the ADX and the ADX n - 1 bars earlier. s: as for `_adx`. Own column: the ADX."""
    h, lo, c, index, n = a[0], a[1], a[2], a[3], a[4]
    for i in range(m):
        x[index + i] = _adx(x, s, h, lo, c, n, k + i, i)
        y[i] = (x[index + i] + x[index + i - (n - 1)]) / 2.0 if k + i >= 3 * n - 2 else NAN
