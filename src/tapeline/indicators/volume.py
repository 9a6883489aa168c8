"""What the volume says of the move."""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.kernels.interface import NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.steps import moving_sums, step


@step
def _add(s: Reals, o: int, new: float) -> float:
    """Adds to a sum that is never re-based: s[o], with what rounding took from it in s[o + 1]. Neumaier (1974)."""
    total = s[o] + new
    s[o + 1] += (s[o] - total) + new if abs(s[o]) >= abs(new) else (new - total) + s[o]
    s[o] = total
    return total + s[o + 1]


@step
def _flow(x: Reals, h: int, lo: int, c: int, v: int, i: int) -> float:
    """Bar i's volume, weighted from -1 (close at the low) to 1 (close at the high)."""
    reach = x[h + i] - x[lo + i]
    return ((x[c + i] - x[lo + i]) - (x[h + i] - x[c + i])) / reach * x[v + i] if reach > 0.0 else 0.0


def obv(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """On-balance volume, which begins with the first bar's volume. s: the sum."""
    c, v = a[0], a[1]
    total = s[0]
    for i in range(m):
        change = x[c + i] - x[c + i - 1]  # the first bar's is its price
        total += x[v + i] * float((change > 0.0) - (change < 0.0))
        y[i * w] = total
    s[0] = total


def ad(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Accumulation/distribution line. s: as for `_add`."""
    h, lo, c, v = a[0], a[1], a[2], a[3]
    for i in range(m):
        y[i * w] = _add(s, 0, _flow(x, h, lo, c, v, i))


def adosc(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Fast less slow EMA of the accumulation/distribution line, both seeded with its first value.

    s: the line as for `_add`, the fast and the slow average.
    """
    h, lo, c, v, n_fast, n_slow = a[0], a[1], a[2], a[3], a[4], a[5]
    w_fast, w_slow = 2.0 / (n_fast + 1), 2.0 / (n_slow + 1)
    for i in range(m):
        line = _add(s, 0, _flow(x, h, lo, c, v, i))
        if k + i == 0:
            s[2] = s[3] = line
        else:
            s[2] += w_fast * (line - s[2])
            s[3] += w_slow * (line - s[3])
        y[i * w] = s[2] - s[3] if k + i >= max(n_fast, n_slow) - 1 else NAN


def volume_zscore(
    x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int
) -> None:
    """Distance of the volume from the mean of n volumes, in standard deviations; 0 where there are none."""
    v, mean, variance, n = a[0], a[1], a[2], a[3]
    for i in range(m):
        value = (x[v + i] - x[mean + i]) / sqrt(x[variance + i]) if x[variance + i] > 0.0 else 0.0
        y[i * w] = value if k + i >= n - 1 else NAN


def relative_volume(
    x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int
) -> None:
    """Volume over the mean of the n volumes before it; none where those are all 0. s: their sum, and its peak."""
    v, n = a[0], a[1]
    moving_sums(x, s, v - 1, v - 1, n, m, k % REBASE == 0, z)
    for i in range(m):
        y[i * w] = x[v + i] * n / z[i] if k + i >= n and z[i] > 0.0 else NAN
