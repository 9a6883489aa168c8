"""Define indicators of the speed and exhaustion of a move."""

from __future__ import annotations

from tapeline.indicators.entry import Entries, Storage, bar_count
from tapeline.indicators.kernels.interface import BLOCK, NAN, Integers, Reals
from tapeline.indicators.kernels.steps import seeded, smoothed

ENTRIES = Entries("momentum")


def _fast_below_slow(fast: int, slow: int, *_: int) -> str:
    return "" if fast < slow else "fast must be below slow"


@ENTRIES.add(
    "Moving average convergence/divergence", (bar_count(12, "fast"), bar_count(26, "slow"), bar_count(9, "signal")),
    lambda fast, slow, signal: Storage({"close": 0}, 3), lambda fast, slow, signal: slow + signal - 2,
    "fast EMA - slow EMA, both seeded to start together; signal = EMA of that; hist = difference", "TA-Lib MACD",
    outputs=("", "_signal", "_hist"), check=_fast_below_slow, memory="decaying",
)  # fmt: skip
def macd(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the difference of two EMAs, its own EMA, and their difference. State: fast, slow and signal average.

    Both averages are seeded over windows that end at bar slow - 1, so that they start together.
    """
    close, fast_period, slow_period, signal_period = ints[0], ints[1], ints[2], ints[3]
    fast_weight, slow_weight = 2.0 / (fast_period + 1), 2.0 / (slow_period + 1)
    signal_weight = 2.0 / (signal_period + 1)
    fast_keep, slow_keep, signal_keep = 1.0 - fast_weight, 1.0 - slow_weight, 1.0 - signal_weight
    fast, slow, signal = state[0], state[1], state[2]
    cold = min(max(slow_period + signal_period - 1 - first, 0), count)
    for i in range(cold):
        here, price = first + i, columns[close + i]
        slow = smoothed(slow, price, here, slow_period, slow_keep, slow_weight)
        if here >= slow_period - fast_period:
            fast = smoothed(fast, price, here - (slow_period - fast_period), fast_period, fast_keep, fast_weight)
        line = fast - slow
        if here >= slow_period - 1:
            signal = smoothed(signal, line, here - (slow_period - 1), signal_period, signal_keep, signal_weight)
        warm = here == slow_period + signal_period - 2
        out[i * row_stride] = line if warm else NAN
        out[i * row_stride + column_stride] = signal if warm else NAN
        out[i * row_stride + 2 * column_stride] = line - signal if warm else NAN
    for i in range(cold, count):
        fast = fast * fast_keep + columns[close + i] * fast_weight
        slow = slow * slow_keep + columns[close + i] * slow_weight
        line = fast - slow
        signal = signal * signal_keep + line * signal_weight
        out[i * row_stride] = line
        out[i * row_stride + column_stride] = signal
        out[i * row_stride + 2 * column_stride] = line - signal
    state[0], state[1], state[2] = fast, slow, signal


@ENTRIES.add(
    "Percentage price oscillator", (bar_count(12, "fast"), bar_count(26, "slow")),
    lambda fast, slow: Storage({"close": 0}, 2), lambda fast, slow: slow - 1,
    "100 (fast EMA - slow EMA)/slow EMA", "TA-Lib PPO", scale_free=True, check=_fast_below_slow, memory="decaying",
)  # fmt: skip
def ppo(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the difference of two EMAs in percent of the slow one. State: fast and slow average."""
    close, fast_period, slow_period = ints[0], ints[1], ints[2]
    for i in range(count):
        here, price = first + i, columns[close + i]
        state[0] = seeded(state[0], price, here, fast_period, 2.0 / (fast_period + 1))
        state[1] = seeded(state[1], price, here, slow_period, 2.0 / (slow_period + 1))
        out[i * row_stride] = (state[0] - state[1]) / state[1] * 100.0 if here >= slow_period - 1 else NAN


@ENTRIES.add(
    "Relative strength index", (bar_count(14, low=2),),
    lambda period: Storage({"close": 1}, 2), lambda period: period,
    "100 rise/(rise + fall), Wilder averages of rises and falls; 0 where nothing moved", "TA-Lib RSI", scale_free=True,
    memory="decaying",
)  # fmt: skip
def rsi(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the relative strength index; 0 where nothing moved. State: Wilder averages of rises and of falls."""
    close, period = ints[0], ints[1]
    weight = 1.0 / period
    keep = 1.0 - weight
    gain, loss = state[0], state[1]
    cold = min(max(period + 1 - first, 0), count)
    for i in range(cold):
        if first + i > 0:
            change = columns[close + i] - columns[close + i - 1]
            gain = smoothed(gain, max(change, 0.0), first + i - 1, period, keep, weight)
            loss = smoothed(loss, max(-change, 0.0), first + i - 1, period, keep, weight)
        scratch[i], scratch[BLOCK + i] = gain, gain + loss
    for i in range(cold, count):
        change = columns[close + i] - columns[close + i - 1]
        gain = gain * keep + max(change, 0.0) * weight
        loss = loss * keep + max(-change, 0.0) * weight
        scratch[i], scratch[BLOCK + i] = gain, gain + loss
    state[0], state[1] = gain, loss
    cold = min(max(period - first, 0), count)
    for i in range(cold):
        out[i * row_stride] = NAN
    for i in range(cold, count):
        out[i * row_stride] = 100.0 * (scratch[i] / scratch[BLOCK + i]) if scratch[BLOCK + i] > 0.0 else 0.0


@ENTRIES.add(
    "Chande's momentum oscillator", (bar_count(14, low=2),),
    lambda period: Storage({"close": 1}, 2), lambda period: period,
    "100 (rise - fall)/(rise + fall), Wilder averages; 0 where nothing moved", "TA-Lib CMO", scale_free=True,
    memory="decaying",
)  # fmt: skip
def cmo(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Chande's momentum oscillator, with Wilder averages as in TA-Lib; 0 where nothing moved.

    State: as for `rsi`.
    """
    close, period = ints[0], ints[1]
    weight = 1.0 / period
    for i in range(count):
        if first + i > 0:
            change = columns[close + i] - columns[close + i - 1]
            state[0] = smoothed(state[0], max(change, 0.0), first + i - 1, period, 1.0 - weight, weight)
            state[1] = smoothed(state[1], max(-change, 0.0), first + i - 1, period, 1.0 - weight, weight)
        total = state[0] + state[1]
        value = 100.0 * ((state[0] - state[1]) / total) if total > 0.0 else 0.0
        out[i * row_stride] = value if first + i >= period else NAN


@ENTRIES.add(
    "Rate of change", (bar_count(10),),
    lambda period: Storage({"close": period}), lambda period: period,
    "100 (close/close n bars ago - 1)", "TA-Lib ROC", scale_free=True,
)  # fmt: skip
def roc(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the rate of change over n bars, in percent."""
    close, period = ints[0], ints[1]
    cold = min(max(period - first, 0), count)
    for i in range(cold):
        out[i * row_stride] = NAN
    for i in range(cold, count):
        out[i * row_stride] = (columns[close + i] / columns[close + i - period] - 1.0) * 100.0


@ENTRIES.add(
    "Momentum", (bar_count(10),),
    lambda period: Storage({"close": period}), lambda period: period,
    "close - close n bars ago", "TA-Lib MOM",
)  # fmt: skip
def mom(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the change over n bars."""
    close, period = ints[0], ints[1]
    for i in range(count):
        out[i * row_stride] = columns[close + i] - columns[close + i - period] if first + i >= period else NAN


@ENTRIES.add(
    "TRIX", (bar_count(30),),
    lambda period: Storage({"close": 0}, 3), lambda period: 3 * (period - 1) + 1,
    "one-bar rate of change of the triple EMA, in percent", "TA-Lib TRIX", scale_free=True, memory="decaying",
)  # fmt: skip
def trix(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the one-bar rate of change of a triple EMA, in percent. State: the three EMAs."""
    close, period = ints[0], ints[1]
    weight = 2.0 / (period + 1)
    for i in range(count):
        seen, before = first + i, state[2]
        state[0] = seeded(state[0], columns[close + i], seen, period, weight)
        for level in range(1, 3):
            if seen >= level * (period - 1):
                state[level] = seeded(state[level], state[level - 1], seen - level * (period - 1), period, weight)
        out[i * row_stride] = (state[2] / before - 1.0) * 100.0 if seen > 3 * (period - 1) else NAN


@ENTRIES.add(
    "Balance of power", (),
    lambda: Storage({"open": 0, "high": 0, "low": 0, "close": 0}), lambda: 0,
    "(close - open)/(high - low), 0 without a range", "TA-Lib BOP", scale_free=True,
)  # fmt: skip
def bop(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the balance of power, body over range; 0 where there is no range."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        reach = columns[high + i] - columns[low + i]
        out[i * row_stride] = (columns[close + i] - columns[open_ + i]) / reach if reach > 0.0 else 0.0
