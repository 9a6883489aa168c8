"""Define candlestick patterns of three candles as TA-Lib does, with the values of `patterns`."""

from __future__ import annotations

from tapeline.indicators.candle_measures import (
    SHARE,
    body_of,
    bottom_of,
    is_long,
    is_white,
    lower_shadow,
    mean_range,
    pattern,
    top_of,
    upper_shadow,
)
from tapeline.indicators.entry import Entries, real_number
from tapeline.indicators.kernels.interface import NAN, Integers, Reals

ENTRIES = Entries("pattern")


@pattern(
    ENTRIES, "Morning star", "100: long black, a short one that gaps below it, white back into the first", 12,
    ("open", "close"), (real_number(0.3, SHARE, 0.0, 10.0),),
)  # fmt: skip
def cdlmorningstar(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a long black body, a short one that gaps below it, and a white one back into the first.

    It must reach into the first by at least the share reals[0].
    """
    open_, close, share = ints[0], ints[1], reals[0]
    for i in range(count):
        if first + i < 12:
            out[i * row_stride] = NAN
            continue
        found = (
            not is_white(columns, open_, close, i - 2)
            and top_of(columns, open_, close, i - 1) < bottom_of(columns, open_, close, i - 2)
            and is_white(columns, open_, close, i)
            and columns[close + i] > columns[close + i - 2] + share * body_of(columns, open_, close, i - 2)
            and is_long(columns, open_, close, i - 2)
            and not is_long(columns, open_, close, i - 1)
            and is_long(columns, open_, close, i)
        )
        out[i * row_stride] = 100.0 if found else 0.0


@pattern(
    ENTRIES, "Evening star", "-100: long white, a short one that gaps above it, black back into the first", 12,
    ("open", "close"), (real_number(0.3, SHARE, 0.0, 10.0),),
)  # fmt: skip
def cdleveningstar(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a long white body, a short one that gaps above it, and a black one back into the first.

    It must reach into the first by at least the share reals[0].
    """
    open_, close, share = ints[0], ints[1], reals[0]
    for i in range(count):
        if first + i < 12:
            out[i * row_stride] = NAN
            continue
        found = (
            is_white(columns, open_, close, i - 2)
            and bottom_of(columns, open_, close, i - 1) > top_of(columns, open_, close, i - 2)
            and not is_white(columns, open_, close, i)
            and columns[close + i] < columns[close + i - 2] - share * body_of(columns, open_, close, i - 2)
            and is_long(columns, open_, close, i - 2)
            and not is_long(columns, open_, close, i - 1)
            and is_long(columns, open_, close, i)
        )
        out[i * row_stride] = -100.0 if found else 0.0


@pattern(ENTRIES, "Three white soldiers", "100: three white bodies, each closing higher near its high", 12)
def cdl3whitesoldiers(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find three white bodies, each closing higher near its high and opening within or near the one before."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 12:
            out[i * row_stride] = NAN
            continue
        found = columns[close + i] > columns[close + i - 1] and columns[close + i - 1] > columns[close + i - 2]
        for j in range(i - 2, i + 1):
            found = (
                found
                and is_white(columns, open_, close, j)
                and upper_shadow(columns, open_, high, close, j) < 0.1 * mean_range(columns, high, low, j, 10)
            )
        for j in range(i - 1, i + 1):
            if found:
                reach = mean_range(columns, high, low, j - 1, 5)
                found = (
                    columns[open_ + j] > columns[open_ + j - 1]
                    and columns[open_ + j] <= columns[close + j - 1] + 0.2 * reach
                    and body_of(columns, open_, close, j) > body_of(columns, open_, close, j - 1) - 0.6 * reach
                )
        out[i * row_stride] = 100.0 if found and is_long(columns, open_, close, i) else 0.0


@pattern(ENTRIES, "Three black crows", "-100: after a white body three black ones, each closing lower", 13)
def cdl3blackcrows(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find three black bodies after a white one, each opening within the one before.

    Each must close lower than the one before, near its own low.
    """
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 13:
            out[i * row_stride] = NAN
            continue
        found = (
            is_white(columns, open_, close, i - 3)
            and columns[high + i - 3] > columns[close + i - 2]
            and columns[close + i - 2] > columns[close + i - 1]
            and columns[close + i - 1] > columns[close + i]
        )
        for j in range(i - 2, i + 1):
            found = (
                found
                and not is_white(columns, open_, close, j)
                and lower_shadow(columns, open_, low, close, j) < 0.1 * mean_range(columns, high, low, j, 10)
            )
        for j in range(i - 1, i + 1):
            found = (
                found and columns[open_ + j] < columns[open_ + j - 1] and columns[open_ + j] > columns[close + j - 1]
            )
        out[i * row_stride] = -100.0 if found else 0.0
