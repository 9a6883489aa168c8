"""Speed and exhaustion of a move."""

from __future__ import annotations

from tapeline.indicators.kernels.types import BLOCK, NAN, Integers, Reals


def macd(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Difference of two EMAs, its own EMA, and their difference. s: fast, slow and signal average (before: sums).

    Both averages are seeded over windows that end at bar slow - 1, so that they start together.
    """
    c, n_fast, n_slow, n_signal = a[0], a[1], a[2], a[3]
    w_fast, w_slow, w_signal = 2.0 / (n_fast + 1), 2.0 / (n_slow + 1), 2.0 / (n_signal + 1)
    fast, slow, signal = s[0], s[1], s[2]
    for i in range(m):
        here, price = k + i, x[c + i]
        y[i] = y[BLOCK + i] = y[2 * BLOCK + i] = NAN
        if here < n_slow:
            slow += price
            if here >= n_slow - n_fast:
                fast += price
            if here < n_slow - 1:
                continue
            slow /= n_slow
            fast /= n_fast
        else:
            slow += w_slow * (price - slow)
            fast += w_fast * (price - fast)
        line = fast - slow
        if here < n_slow + n_signal - 1:
            signal += line
            if here < n_slow + n_signal - 2:
                continue
            signal /= n_signal
        else:
            signal += w_signal * (line - signal)
        y[i] = line
        y[BLOCK + i] = signal
        y[2 * BLOCK + i] = line - signal
    s[0], s[1], s[2] = fast, slow, signal


def rsi(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Relative strength index; 0 where nothing moved. s: Wilder averages of gains and of losses (before: sums)."""
    c, n = a[0], a[1]
    weight = 1.0 / n
    gain, loss = s[0], s[1]
    for i in range(m):
        here = k + i
        change = x[c + i] - x[c + i - 1] if here > 0 else 0.0
        up, down = max(change, 0.0), max(-change, 0.0)
        if here > n:
            gain += weight * (up - gain)
            loss += weight * (down - loss)
        else:
            gain += up
            loss += down
            if here < n:
                y[i] = NAN
                continue
            gain /= n
            loss /= n
        total = gain + loss
        y[i] = 100.0 * (gain / total) if total > 0.0 else 0.0
    s[0], s[1] = gain, loss


def roc(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, k: int, m: int) -> None:
    """Rate of change over n bars, in percent."""
    c, n = a[0], a[1]
    for i in range(m):
        y[i] = (x[c + i] / x[c + i - n] - 1.0) * 100.0 if k + i >= n else NAN
