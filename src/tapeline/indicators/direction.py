"""Wilder's directional movement."""

from __future__ import annotations

from tapeline.indicators.kernels.interface import NAN, Integers, Reals
from tapeline.indicators.kernels.steps import smoothed, step


@step
def _movement(x: Reals, h: int, lo: int, i: int) -> tuple[float, float]:
    """Bar i's movement up and its movement down; one of them is 0."""
    up, down = x[h + i] - x[h + i - 1], x[lo + i - 1] - x[lo + i]
    return up if up > max(down, 0.0) else 0.0, down if down > max(up, 0.0) else 0.0


@step
def _smoothed(value: float, new: float, here: int, n: int, keep: float) -> float:
    """Wilder's sum: a plain one over the first n - 1 changes, then a share 1/n of it is given up for every new one."""
    return value * keep + new if here >= n else value + new


@step
def _adx(x: Reals, s: Reals, h: int, lo: int, span: int, n: int, z: Reals, k: int, m: int) -> None:
    """Moves the ADX on, to the block at the start of z. A bar without any movement leaves it as it is.

    s: sums of movement up, of movement down and of range, and the ADX (before it is warm: the sum of DX).
    """
    weight = 1.0 / n
    keep = 1.0 - weight
    plus, minus, whole, value = s[0], s[1], s[2], s[3]
    for i in range(m):
        here = k + i
        if here > 0:
            up, down = _movement(x, h, lo, i)
            plus = _smoothed(plus, up, here, n, keep)
            minus = _smoothed(minus, down, here, n, keep)
            whole = _smoothed(whole, x[span + i], here, n, keep)
        total = plus + minus
        moved = total > 0.0 and whole > 0.0
        dx = 100.0 * (abs(plus - minus) / total) if moved else 0.0
        if here >= 2 * n:
            value = value * keep + dx * weight if moved else value
        elif here >= n:
            value = smoothed(value, dx, here - n, n, keep, weight)
        z[i] = value
    s[0], s[1], s[2], s[3] = plus, minus, whole, value


def plus_di(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Upward movement in percent of the range; 0 where there is no range. s: sums of movement and of range."""
    h, lo, span, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i > 0:
            up, _ = _movement(x, h, lo, i)
            s[0] = _smoothed(s[0], up, k + i, n, 1.0 - 1.0 / n)
            s[1] = _smoothed(s[1], x[span + i], k + i, n, 1.0 - 1.0 / n)
        value = 100.0 * (s[0] / s[1]) if s[1] > 0.0 else 0.0
        y[i * w] = value if k + i >= n else NAN


def minus_di(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Downward movement in percent of the range; 0 where there is no range. s: sums of movement and of range."""
    h, lo, span, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i > 0:
            _, down = _movement(x, h, lo, i)
            s[0] = _smoothed(s[0], down, k + i, n, 1.0 - 1.0 / n)
            s[1] = _smoothed(s[1], x[span + i], k + i, n, 1.0 - 1.0 / n)
        value = 100.0 * (s[0] / s[1]) if s[1] > 0.0 else 0.0
        y[i * w] = value if k + i >= n else NAN


def adx(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Average directional index. s: as for `_adx`."""
    h, lo, span, n = a[0], a[1], a[2], a[3]
    _adx(x, s, h, lo, span, n, z, k, m)
    for i in range(m):
        y[i * w] = z[i] if k + i >= 2 * n - 1 else NAN


def adxr(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Mean of the ADX and the ADX n - 1 bars earlier. s: as for `_adx`. Own column: the ADX."""
    h, lo, span, index, n = a[0], a[1], a[2], a[3], a[4]
    _adx(x, s, h, lo, span, n, z, k, m)
    for i in range(m):
        x[index + i] = z[i]
        y[i * w] = (z[i] + x[index + i - (n - 1)]) / 2.0 if k + i >= 3 * n - 2 else NAN
