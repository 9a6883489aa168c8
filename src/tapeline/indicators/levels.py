"""Define price levels that other traders watch."""

from __future__ import annotations

from tapeline.indicators.entry import Entries, Storage, bar_count
from tapeline.indicators.kernels.interface import NAN, Integers, Reals
from tapeline.indicators.kernels.shared_columns import highest, lowest

ENTRIES = Entries("levels")


@ENTRIES.add(
    "Pivot points of the previous session", (),
    lambda: Storage({"high": 0, "low": 0, "close": 0, "session": 0}, 8), lambda: 1,
    "p = (high + low + close)/3; r1 = 2p - low, r2 = p + (high - low), r3 = high + 2(p - low); s1 = 2p - high, "
    "s2 = p - (high - low), s3 = low - 2(high - p); absent in the first session",
    "floor traders' pivots: J. Person, A Complete Guide to Technical Trading Tactics (2004)",
    outputs=("_p", "_r1", "_r2", "_r3", "_s1", "_s2", "_s3"), pane="price", memory="session",
)  # fmt: skip
def pivots(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute floor traders' pivots of the previous session: the pivot, resistances 1 to 3, supports 1 to 3.

    State: the session, its high, low and close so far, those of the session before it, and whether there was one.
    """
    high, low, close, session = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i == 0 or columns[session + i] != state[0]:
            if first + i > 0:
                state[4], state[5], state[6], state[7] = state[1], state[2], state[3], 1.0
            state[0], state[1], state[2] = columns[session + i], columns[high + i], columns[low + i]
        state[1], state[2] = max(state[1], columns[high + i]), min(state[2], columns[low + i])
        state[3] = columns[close + i]
        if state[7] == 0.0:
            for output in range(7):
                out[i * row_stride + output * column_stride] = NAN
            continue
        highest, lowest = state[4], state[5]
        pivot = (highest + lowest + state[6]) / 3.0
        reach = highest - lowest
        out[i * row_stride] = pivot
        out[i * row_stride + column_stride] = 2.0 * pivot - lowest
        out[i * row_stride + 2 * column_stride] = pivot + reach
        out[i * row_stride + 3 * column_stride] = highest + 2.0 * (pivot - lowest)
        out[i * row_stride + 4 * column_stride] = 2.0 * pivot - highest
        out[i * row_stride + 5 * column_stride] = pivot - reach
        out[i * row_stride + 6 * column_stride] = lowest - 2.0 * (highest - pivot)


@ENTRIES.add(
    "Fibonacci retracements", (bar_count(60, low=2),),
    lambda period: Storage({}, shared=(highest("high", period), lowest("low", period))), lambda period: period - 1,
    "highest high - share (highest high - lowest low) of n bars, for 0, 23.6, 38.2, 50, 61.8, 78.6 and 100 percent",
    "R. Fischer, Fibonacci Applications and Strategies for Traders (1993)",
    outputs=("_0", "_236", "_382", "_500", "_618", "_786", "_1000"), pane="price",
)  # fmt: skip
def fibonacci(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the retracements of the range of the last n bars, counted from its high."""
    top, bottom, period = ints[0], ints[1], ints[2]
    for i in range(count):
        high, low = columns[top + i], columns[bottom + i]
        warm = first + i >= period - 1
        output = 0
        for share in (0.0, 0.236, 0.382, 0.5, 0.618, 0.786):
            out[i * row_stride + output * column_stride] = high - share * (high - low) if warm else NAN
            output += 1
        out[i * row_stride + output * column_stride] = low if warm else NAN


@ENTRIES.add(
    "Heikin-Ashi bars", (),
    lambda: Storage({"open": 0, "high": 0, "low": 0, "close": 0}, 2), lambda: 0,
    "close = (open + high + low + close)/4; open = middle of the Heikin-Ashi body before it, at first of the bar's; "
    "high and low include both", "TA-Lib HA", outputs=("_open", "_high", "_low", "_close"), pane="price",
    memory="decaying",
)  # fmt: skip
def heikin_ashi(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Heikin-Ashi bars. State: open and close of the last one."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        opened, highest, lowest, closed = columns[open_ + i], columns[high + i], columns[low + i], columns[close + i]
        state[0] = (opened + closed) / 2.0 if first + i == 0 else (state[0] + state[1]) / 2.0
        state[1] = (opened + highest + lowest + closed) / 4.0
        out[i * row_stride] = state[0]
        out[i * row_stride + column_stride] = max(highest, state[0], state[1])
        out[i * row_stride + 2 * column_stride] = min(lowest, state[0], state[1])
        out[i * row_stride + 3 * column_stride] = state[1]


@ENTRIES.add(
    "Fractals", (bar_count(2, "bars on each side", high=500),),
    lambda side: Storage({"high": 2 * side, "low": 2 * side}), lambda side: 2 * side,
    "high: 1 where the high of the bar n bars ago is above those of n bars on each side, else 0; low: 1 where its low "
    "is below", "TA-Lib FRACTAL; B. Williams, Trading Chaos (1995)", outputs=("_high", "_low"), scale_free=True,
)  # fmt: skip
def fractals(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute fractals at the bar that confirms them, n bars after their own: earlier nobody knows them."""
    high, low, side = ints[0], ints[1], ints[2]
    for i in range(count):
        top, bottom = columns[high + i - side], columns[low + i - side]
        is_top = is_bottom = 1.0
        for j in range(2 * side + 1):
            if j != side and columns[high + i - j] >= top:
                is_top = 0.0
            if j != side and columns[low + i - j] <= bottom:
                is_bottom = 0.0
        warm = first + i >= 2 * side
        out[i * row_stride] = is_top if warm else NAN
        out[i * row_stride + column_stride] = is_bottom if warm else NAN
