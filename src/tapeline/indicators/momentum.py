"""Speed and exhaustion of a move."""

from __future__ import annotations

from tapeline.indicators.kernels.interface import BLOCK, NAN, Integers, Reals
from tapeline.indicators.kernels.steps import seeded, smoothed


def macd(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Difference of two EMAs, its own EMA, and their difference. s: fast, slow and signal average.

    Both averages are seeded over windows that end at bar slow - 1, so that they start together.
    """
    c, n_fast, n_slow, n_signal = a[0], a[1], a[2], a[3]
    w_fast, w_slow, w_signal = 2.0 / (n_fast + 1), 2.0 / (n_slow + 1), 2.0 / (n_signal + 1)
    keep_fast, keep_slow, keep_signal = 1.0 - w_fast, 1.0 - w_slow, 1.0 - w_signal
    fast, slow, signal = s[0], s[1], s[2]
    cold = min(max(n_slow + n_signal - 1 - k, 0), m)
    for i in range(cold):
        here, price = k + i, x[c + i]
        slow = smoothed(slow, price, here, n_slow, keep_slow, w_slow)
        if here >= n_slow - n_fast:
            fast = smoothed(fast, price, here - (n_slow - n_fast), n_fast, keep_fast, w_fast)
        line = fast - slow
        if here >= n_slow - 1:
            signal = smoothed(signal, line, here - (n_slow - 1), n_signal, keep_signal, w_signal)
        warm = here == n_slow + n_signal - 2
        y[i * w] = line if warm else NAN
        y[i * w + u] = signal if warm else NAN
        y[i * w + 2 * u] = line - signal if warm else NAN
    for i in range(cold, m):
        fast = fast * keep_fast + x[c + i] * w_fast
        slow = slow * keep_slow + x[c + i] * w_slow
        line = fast - slow
        signal = signal * keep_signal + line * w_signal
        y[i * w] = line
        y[i * w + u] = signal
        y[i * w + 2 * u] = line - signal
    s[0], s[1], s[2] = fast, slow, signal


def ppo(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Difference of two EMAs in percent of the slow one. s: fast and slow average."""
    c, n_fast, n_slow = a[0], a[1], a[2]
    for i in range(m):
        here, price = k + i, x[c + i]
        s[0] = seeded(s[0], price, here, n_fast, 2.0 / (n_fast + 1))
        s[1] = seeded(s[1], price, here, n_slow, 2.0 / (n_slow + 1))
        y[i * w] = (s[0] - s[1]) / s[1] * 100.0 if here >= n_slow - 1 else NAN


def rsi(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Relative strength index; 0 where nothing moved. s: Wilder averages of rises and of falls."""
    c, n = a[0], a[1]
    weight = 1.0 / n
    keep = 1.0 - weight
    gain, loss = s[0], s[1]
    cold = min(max(n + 1 - k, 0), m)
    for i in range(cold):
        if k + i > 0:
            change = x[c + i] - x[c + i - 1]
            gain = smoothed(gain, max(change, 0.0), k + i - 1, n, keep, weight)
            loss = smoothed(loss, max(-change, 0.0), k + i - 1, n, keep, weight)
        z[i], z[BLOCK + i] = gain, gain + loss
    for i in range(cold, m):
        change = x[c + i] - x[c + i - 1]
        gain = gain * keep + max(change, 0.0) * weight
        loss = loss * keep + max(-change, 0.0) * weight
        z[i], z[BLOCK + i] = gain, gain + loss
    s[0], s[1] = gain, loss
    cold = min(max(n - k, 0), m)
    for i in range(cold):
        y[i * w] = NAN
    for i in range(cold, m):
        y[i * w] = 100.0 * (z[i] / z[BLOCK + i]) if z[BLOCK + i] > 0.0 else 0.0


def cmo(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Chande's momentum oscillator, with Wilder averages as TA-Lib has it; 0 where nothing moved. s: as for `rsi`."""
    c, n = a[0], a[1]
    weight = 1.0 / n
    for i in range(m):
        if k + i > 0:
            change = x[c + i] - x[c + i - 1]
            s[0] = smoothed(s[0], max(change, 0.0), k + i - 1, n, 1.0 - weight, weight)
            s[1] = smoothed(s[1], max(-change, 0.0), k + i - 1, n, 1.0 - weight, weight)
        total = s[0] + s[1]
        value = 100.0 * ((s[0] - s[1]) / total) if total > 0.0 else 0.0
        y[i * w] = value if k + i >= n else NAN


def roc(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Rate of change over n bars, in percent."""
    c, n = a[0], a[1]
    cold = min(max(n - k, 0), m)
    for i in range(cold):
        y[i * w] = NAN
    for i in range(cold, m):
        y[i * w] = (x[c + i] / x[c + i - n] - 1.0) * 100.0


def mom(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Change over n bars."""
    c, n = a[0], a[1]
    for i in range(m):
        y[i * w] = x[c + i] - x[c + i - n] if k + i >= n else NAN


def trix(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """One-bar rate of change of a triple EMA, in percent. s: the three EMAs."""
    c, n = a[0], a[1]
    weight = 2.0 / (n + 1)
    for i in range(m):
        seen, before = k + i, s[2]
        s[0] = seeded(s[0], x[c + i], seen, n, weight)
        for level in range(1, 3):
            if seen >= level * (n - 1):
                s[level] = seeded(s[level], s[level - 1], seen - level * (n - 1), n, weight)
        y[i * w] = (s[2] / before - 1.0) * 100.0 if seen > 3 * (n - 1) else NAN


def bop(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """Balance of power: body over range; 0 where there is no range."""
    o, h, lo, c = a[0], a[1], a[2], a[3]
    for i in range(m):
        reach = x[h + i] - x[lo + i]
        y[i * w] = (x[c + i] - x[o + i]) / reach if reach > 0.0 else 0.0
