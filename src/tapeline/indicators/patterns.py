"""Define candlestick patterns of one or two candles as TA-Lib does: 100 for a bullish one, -100 a bearish one, else 0.

The value stands where the pattern ends. Patterns keep nothing but the columns they read.
"""

from __future__ import annotations

from tapeline.indicators.candle_measures import (
    SHARE,
    body_of,
    bottom_of,
    is_long,
    is_white,
    lower_shadow,
    mean_body,
    mean_range,
    pattern,
    top_of,
    upper_shadow,
)
from tapeline.indicators.entry import Entries, real_number
from tapeline.indicators.kernels.interface import NAN, Integers, Reals
from tapeline.indicators.kernels.steps import step

ENTRIES = Entries("pattern")


@pattern(ENTRIES, "Doji", "100 where the body is at most a tenth of the mean range", 10)
def cdldoji(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a body of at most a tenth of the mean range."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 10:
            out[i * row_stride] = NAN
            continue
        found = body_of(columns, open_, close, i) <= 0.1 * mean_range(columns, high, low, i, 10)
        out[i * row_stride] = 100.0 if found else 0.0


@step
def _hammer_like(columns: Reals, open_: int, high: int, low: int, close: int, i: int) -> bool:
    """Return whether candle i has a short body, a longer lower shadow and hardly any upper shadow."""
    body = body_of(columns, open_, close, i)
    return (
        body < mean_body(columns, open_, close, i)
        and lower_shadow(columns, open_, low, close, i) > body
        and upper_shadow(columns, open_, high, close, i) < 0.1 * mean_range(columns, high, low, i, 10)
    )


@pattern(ENTRIES, "Hammer", "100: short body near the previous low, long lower shadow, hardly any upper one", 11)
def cdlhammer(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a hammer at or near the low of the bar before."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 11:
            out[i * row_stride] = NAN
            continue
        found = _hammer_like(columns, open_, high, low, close, i)
        if found:
            near = columns[low + i - 1] + 0.2 * mean_range(columns, high, low, i - 1, 5)
            found = bottom_of(columns, open_, close, i) <= near
        out[i * row_stride] = 100.0 if found else 0.0


@pattern(ENTRIES, "Hanging man", "-100: short body near the previous high, long lower shadow, hardly any upper", 11)
def cdlhangingman(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a hammer at or near the high of the bar before."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 11:
            out[i * row_stride] = NAN
            continue
        found = _hammer_like(columns, open_, high, low, close, i)
        if found:
            near = columns[high + i - 1] - 0.2 * mean_range(columns, high, low, i - 1, 5)
            found = bottom_of(columns, open_, close, i) >= near
        out[i * row_stride] = -100.0 if found else 0.0


@pattern(ENTRIES, "Shooting star", "-100: short body that gaps up, long upper shadow, hardly any lower one", 11)
def cdlshootingstar(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a short body that gaps up, with a long upper shadow and hardly any lower shadow."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 11:
            out[i * row_stride] = NAN
            continue
        body = body_of(columns, open_, close, i)
        found = (
            body < mean_body(columns, open_, close, i)
            and upper_shadow(columns, open_, high, close, i) > body
            and lower_shadow(columns, open_, low, close, i) < 0.1 * mean_range(columns, high, low, i, 10)
            and bottom_of(columns, open_, close, i) > top_of(columns, open_, close, i - 1)
        )
        out[i * row_stride] = -100.0 if found else 0.0


@pattern(
    ENTRIES, "Engulfing", "±100 (±80 with one end in common): a body around the opposite one before it", 2,
    ("open", "close"),
)  # fmt: skip
def cdlengulfing(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a body around the opposite body before it; 80 in place of 100 where they share one end."""
    opens, closes = ints[0], ints[1]
    for i in range(count):
        if first + i < 2:
            out[i * row_stride] = NAN
            continue
        open_, close = columns[opens + i], columns[closes + i]
        open_before, close_before = columns[opens + i - 1], columns[closes + i - 1]
        white, white_before = close >= open_, close_before >= open_before
        rise = (
            white
            and not white_before
            and ((close >= open_before and open_ < close_before) or (close > open_before and open_ <= close_before))
        )
        fall = (
            white_before
            and not white
            and ((open_ >= close_before and close < open_before) or (open_ > close_before and close <= open_before))
        )
        size = 100.0 if open_ != close_before and close != open_before else 80.0
        out[i * row_stride] = size if rise else (-size if fall else 0.0)


@pattern(
    ENTRIES, "Harami", "±100 (±80 with one end in common): a short body within the long one before it", 11,
    ("open", "close"),
)  # fmt: skip
def cdlharami(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a short body within the long body before it; 80 in place of 100 where they share one end."""
    open_, close = ints[0], ints[1]
    for i in range(count):
        if first + i < 11:
            out[i * row_stride] = NAN
            continue
        out[i * row_stride] = 0.0
        if is_long(columns, open_, close, i - 1) and not is_long(columns, open_, close, i):
            top, bottom = top_of(columns, open_, close, i), bottom_of(columns, open_, close, i)
            top_before, bottom_before = top_of(columns, open_, close, i - 1), bottom_of(columns, open_, close, i - 1)
            sign = -1.0 if is_white(columns, open_, close, i - 1) else 1.0
            if top < top_before and bottom > bottom_before:
                out[i * row_stride] = sign * 100.0
            elif top <= top_before and bottom >= bottom_before:
                out[i * row_stride] = sign * 80.0


@pattern(
    ENTRIES, "Piercing", "100: a long white body from below the low of a long black one to above its middle", 11,
    ("open", "low", "close"),
)  # fmt: skip
def cdlpiercing(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a long black body, then a long white one from below its low to above its middle but not its open."""
    open_, low, close = ints[0], ints[1], ints[2]
    for i in range(count):
        if first + i < 11:
            out[i * row_stride] = NAN
            continue
        found = (
            not is_white(columns, open_, close, i - 1)
            and is_white(columns, open_, close, i)
            and columns[open_ + i] < columns[low + i - 1]
            and columns[close + i] < columns[open_ + i - 1]
            and columns[close + i] > columns[close + i - 1] + 0.5 * body_of(columns, open_, close, i - 1)
            and is_long(columns, open_, close, i - 1)
            and is_long(columns, open_, close, i)
        )
        out[i * row_stride] = 100.0 if found else 0.0


@pattern(
    ENTRIES, "Dark cloud cover", "-100: a black body from above the high of a long white one into it", 11,
    ("open", "high", "close"), (real_number(0.5, SHARE, 0.0, 10.0),),
)  # fmt: skip
def cdldarkcloudcover(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a long white body, then a black one from above its high down into it by at least the share reals[0]."""
    open_, high, close, share = ints[0], ints[1], ints[2], reals[0]
    for i in range(count):
        if first + i < 11:
            out[i * row_stride] = NAN
            continue
        found = (
            is_white(columns, open_, close, i - 1)
            and not is_white(columns, open_, close, i)
            and columns[open_ + i] > columns[high + i - 1]
            and columns[close + i] > columns[open_ + i - 1]
            and columns[close + i] < columns[close + i - 1] - share * body_of(columns, open_, close, i - 1)
            and is_long(columns, open_, close, i - 1)
        )
        out[i * row_stride] = -100.0 if found else 0.0
