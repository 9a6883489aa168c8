"""Define averages drawn over the price."""

from __future__ import annotations

from tapeline.indicators.entry import Entries, Storage, bar_count, real_number
from tapeline.indicators.kernels.interface import NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.shared_columns import highest, lowest, typical
from tapeline.indicators.kernels.steps import seeded, smoothed
from tapeline.indicators.kernels.window_steps import moving_sums, window_sum

ENTRIES = Entries("overlap")


@ENTRIES.add(
    "Simple moving average", (bar_count(20),),
    lambda period: Storage({"close": period}, 1), lambda period: period - 1,
    "mean of the last n closes", "TA-Lib SMA", pane="price",
)  # fmt: skip
def sma(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the simple moving average. State: the window's sum."""
    close, period = ints[0], ints[1]
    total = window_sum(columns, close - 1, period) if first % REBASE == 0 else state[0]
    share = 1.0 / period
    for i in range(count):
        total += columns[close + i] - columns[close + i - period]
        out[i * row_stride] = total * share if first + i >= period - 1 else NAN
    state[0] = total


@ENTRIES.add(
    "Exponential moving average", (bar_count(20),),
    lambda period: Storage({"close": 0}, 1), lambda period: period - 1,
    "e += 2/(n + 1) (close - e), seeded with the mean of the first n closes", "TA-Lib EMA", pane="price",
    memory="decaying",
)  # fmt: skip
def ema(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the exponential moving average. State: the average (before it is warm: the sum)."""
    close, period = ints[0], ints[1]
    weight = 2.0 / (period + 1)
    keep = 1.0 - weight
    value = state[0]
    cold = min(max(period - first, 0), count)
    for i in range(cold):
        value = smoothed(value, columns[close + i], first + i, period, keep, weight)
        out[i * row_stride] = value if first + i >= period - 1 else NAN
    for i in range(cold, count):
        value = value * keep + columns[close + i] * weight
        out[i * row_stride] = value
    state[0] = value


@ENTRIES.add(
    "Weighted moving average", (bar_count(20),),
    lambda period: Storage({"close": period}, 2), lambda period: period - 1,
    "mean of the last n closes, weighted n for the newest down to 1", "TA-Lib WMA", pane="price",
)  # fmt: skip
def wma(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the weighted moving average, 1 for the oldest to n for the newest. State: the plain and weighted sums."""
    close, period = ints[0], ints[1]
    if first % REBASE == 0:
        state[0] = window_sum(columns, close - 1, period)
        state[1] = 0.0
        for j in range(period):
            state[1] += (j + 1) * columns[close - period + j]
    plain, weighted = state[0], state[1]
    share = 1.0 / (period * (period + 1) // 2)
    for i in range(count):
        weighted += period * columns[close + i] - plain
        plain += columns[close + i] - columns[close + i - period]
        out[i * row_stride] = weighted * share if first + i >= period - 1 else NAN
    state[0], state[1] = plain, weighted


@ENTRIES.add(
    "Double exponential moving average", (bar_count(20),),
    lambda period: Storage({"close": 0}, 2), lambda period: 2 * (period - 1),
    "2 EMA - EMA of the EMA", "TA-Lib DEMA", pane="price", memory="decaying",
)  # fmt: skip
def dema(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the double exponential moving average. State: the EMA and the EMA of the EMA."""
    close, period = ints[0], ints[1]
    weight = 2.0 / (period + 1)
    for i in range(count):
        seen = first + i
        state[0] = seeded(state[0], columns[close + i], seen, period, weight)
        if seen >= period - 1:
            state[1] = seeded(state[1], state[0], seen - (period - 1), period, weight)
        out[i * row_stride] = 2.0 * state[0] - state[1] if seen >= 2 * (period - 1) else NAN


@ENTRIES.add(
    "Triple exponential moving average", (bar_count(20),),
    lambda period: Storage({"close": 0}, 3), lambda period: 3 * (period - 1),
    "3 EMA - 3 EMA² + EMA³, where EMA² is the EMA of the EMA", "TA-Lib TEMA", pane="price", memory="decaying",
)  # fmt: skip
def tema(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the triple exponential moving average. State: the EMA, its EMA, and that one's EMA."""
    close, period = ints[0], ints[1]
    weight = 2.0 / (period + 1)
    for i in range(count):
        seen = first + i
        state[0] = seeded(state[0], columns[close + i], seen, period, weight)
        for level in range(1, 3):
            if seen >= level * (period - 1):
                state[level] = seeded(state[level], state[level - 1], seen - level * (period - 1), period, weight)
        out[i * row_stride] = 3.0 * state[0] - 3.0 * state[1] + state[2] if seen >= 3 * (period - 1) else NAN


@ENTRIES.add(
    "Kaufman's adaptive moving average", (bar_count(30, low=2),),
    lambda period: Storage({"close": period}, 5, (period,)), lambda period: period,
    "k += (e (2/3 - 2/31) + 2/31)² (close - k), e = way of n bars over the sum of their moves", "TA-Lib KAMA",
    pane="price", memory="decaying",
)  # fmt: skip
def kama(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Kaufman's adaptive moving average. State: as for `moving_sums`, and the average. Own column: the moves.

    As in TA-Lib, a fall as large as the sum of the moves counts as it is; a larger rise counts as fully efficient.
    """
    close, moves, period = ints[0], ints[1], ints[2]
    for i in range(count):
        columns[moves + i] = abs(columns[close + i] - columns[close + i - 1]) if first + i > 0 else 0.0
    moving_sums(columns, state, moves, moves, period, count, first % REBASE == 0, scratch)
    value = state[4]
    for i in range(count):
        if first + i < period:
            value = columns[close + i]
            out[i * row_stride] = NAN
            continue
        way, total = columns[close + i] - columns[close + i - period], scratch[i]
        efficiency = 1.0 if total <= way or total == 0.0 else abs(way / total)
        pace = efficiency * (2.0 / 3.0 - 2.0 / 31.0) + 2.0 / 31.0
        value += pace * pace * (columns[close + i] - value)
        out[i * row_stride] = value
    state[4] = value


@ENTRIES.add(
    "Tillson's T3", (bar_count(5, low=2), real_number(0.7, "volume factor", 0.0, 1.0)),
    lambda period, factor: Storage({"close": 0}, 6), lambda period, factor: 6 * (period - 1),
    "weighted sum of the third to the sixth nested EMA", "TA-Lib T3", pane="price", memory="decaying",
)  # fmt: skip
def t3(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Tillson's T3 with volume factor v. State: six EMAs, each of the one before."""
    close, period, v = ints[0], ints[1], reals[0]
    weight = 2.0 / (period + 1)
    c1 = -v * v * v
    c2 = 3.0 * (v * v - c1)
    c3 = -6.0 * v * v - 3.0 * (v - c1)
    c4 = 1.0 + 3.0 * v - c1 + 3.0 * v * v
    for i in range(count):
        seen = first + i
        state[0] = seeded(state[0], columns[close + i], seen, period, weight)
        for level in range(1, 6):
            if seen >= level * (period - 1):
                state[level] = seeded(state[level], state[level - 1], seen - level * (period - 1), period, weight)
        value = c1 * state[5] + c2 * state[4] + c3 * state[3] + c4 * state[2]
        out[i * row_stride] = value if seen >= 6 * (period - 1) else NAN


@ENTRIES.add(
    "Midpoint", (bar_count(14, low=2),),
    lambda period: Storage({}, shared=(highest("close", period), lowest("close", period))), lambda period: period - 1,
    "(highest close + lowest close)/2 of n bars", "TA-Lib MIDPOINT", pane="price",
)  # fmt: skip
def midpoint(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the middle between the highest and the lowest of n closes."""
    top, bottom, period = ints[0], ints[1], ints[2]
    for i in range(count):
        out[i * row_stride] = (columns[top + i] + columns[bottom + i]) / 2.0 if first + i >= period - 1 else NAN


@ENTRIES.add(
    "Linear regression", (bar_count(14, low=2),),
    lambda period: Storage({"close": period}, 3), lambda period: period - 1,
    "end of the least-squares line through n closes", "TA-Lib LINEARREG", pane="price",
)  # fmt: skip
def linearreg(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the end of the least-squares line through n closes, as 3 WMA - 2 SMA.

    State: as for `wma`, of distances from state[2].
    """
    close, period = ints[0], ints[1]
    for i in range(count):
        here = first + i
        if here % REBASE == 0:
            state[2] = columns[close + i - 1] if here > 0 else columns[close + i]
            state[0] = state[1] = 0.0
            for j in range(max(period - here, 0), period):
                state[0] += columns[close + i - period + j] - state[2]
                state[1] += (j + 1) * (columns[close + i - period + j] - state[2])
        new = columns[close + i] - state[2]
        state[1] += period * new - state[0]
        state[0] += new - (columns[close + i - period] - state[2] if here >= period else 0.0)
        value = state[2] + 6.0 * state[1] / (period * (period + 1.0)) - 2.0 * state[0] / period
        out[i * row_stride] = value if here >= period - 1 else NAN


@ENTRIES.add(
    "Volume-weighted average price", (),
    lambda: Storage({"volume": 0, "session": 0}, 3, shared=(typical(),)), lambda: 0,
    "sum of typical price times volume over sum of volume, since the session began; absent before its first volume",
    "TA-Lib VWAP, restarted with every session", pane="price", memory="session",
)  # fmt: skip
def vwap(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the volume-weighted average price since the session began.

    State: the session, the sum of price times volume, and the sum of volume.
    """
    volume, session, typical = ints[0], ints[1], ints[2]
    for i in range(count):
        if first + i == 0 or columns[session + i] != state[0]:
            state[0], state[1], state[2] = columns[session + i], 0.0, 0.0
        state[1] += columns[typical + i] * columns[volume + i]
        state[2] += columns[volume + i]
        out[i * row_stride] = state[1] / state[2] if state[2] > 0.0 else NAN
