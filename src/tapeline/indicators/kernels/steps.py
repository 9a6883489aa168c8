"""Steps that several kernels share."""

from __future__ import annotations

from numba import njit

from tapeline.indicators.kernels.types import BLOCK, Reals


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def rebased_sum(x: Reals, c: int, n: int) -> float:
    """The sum of the n values before x[c], in four strands that are added in a fixed order."""
    t0 = t1 = t2 = t3 = 0.0
    i = c - n
    while i + 4 <= c:
        t0 += x[i]
        t1 += x[i + 1]
        t2 += x[i + 2]
        t3 += x[i + 3]
        i += 4
    while i < c:
        t0 += x[i]
        i += 1
    return float((t0 + t1) + (t2 + t3))


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def window_variance(x: Reals, s: Reals, c: int, n: int, k: int, i: int) -> tuple[float, float]:
    """Moves a window of n values on to bar k + i; its mean and its population variance, once k + i >= n - 1.

    s[0] is a reference near the values, s[1] the sum of the distances from it, s[2] of their squares, s[3] the largest
    s[2] since the last re-basing. When the variance is so small beside that peak that rounding could show, it is
    computed from the window itself.
    """
    if (k + i) % BLOCK == 0:
        here = k + i
        start = c + i - min(n, here)
        s[0] = x[c + i - 1] if here > 0 else x[c + i]
        s[1] = s[2] = 0.0
        for j in range(start, c + i):
            d = x[j] - s[0]
            s[1] += d
            s[2] += d * d
        s[3] = s[2]
    new = x[c + i] - s[0]
    if k + i >= n:
        old = x[c + i - n] - s[0]
        s[1] += new - old
        s[2] += new * new - old * old
    else:
        s[1] += new
        s[2] += new * new
    s[3] = max(s[3], s[2])
    if k + i < n - 1:
        return 0.0, 0.0
    offset = s[1] / n
    variance = s[2] / n - offset * offset
    if variance * n < 1e-4 * s[3]:
        mean = 0.0
        for j in range(c + i - n + 1, c + i + 1):
            mean += x[j] - s[0]
        mean /= n
        variance = 0.0
        for j in range(c + i - n + 1, c + i + 1):
            d = x[j] - s[0] - mean
            variance += d * d
        variance /= n
    return s[0] + offset, variance
