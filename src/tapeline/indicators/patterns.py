"""Define candlestick patterns as TA-Lib does: 100 where a bullish one ends, -100 a bearish one, otherwise 0.

"Long", "short" and "near" are measured against the bars before: each rule below is a mean over the ten (five for
near and far) bars before the candle it judges, times a factor. Patterns keep nothing but the columns they read.
"""

from __future__ import annotations

from collections.abc import Callable

from tapeline.indicators.entry import Entries, Parameter, Storage, real_number
from tapeline.indicators.kernels.interface import NAN, Input, Integers, Kernel, Reals
from tapeline.indicators.kernels.steps import step

ENTRIES = Entries("pattern")


_OHLC: tuple[Input, ...] = ("open", "high", "low", "close")
_SHARE = "penetration"


def _pattern(
    title: str, formula: str, warm_up: int, inputs: tuple[Input, ...] = _OHLC, parameters: tuple[Parameter, ...] = ()
) -> Callable[[Kernel], Kernel]:
    """Return the decorator that enters a pattern, which looks `warm_up` bars back on all its inputs."""

    def enter(kernel: Kernel) -> Kernel:
        return ENTRIES.add(
            title, parameters, lambda *_: Storage(dict.fromkeys(inputs, warm_up)), lambda *_: warm_up,
            formula, f"TA-Lib {kernel.__name__.upper()}", scale_free=True,
        )(kernel)  # fmt: skip

    return enter


@step
def _body(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the size of candle i's body."""
    return abs(columns[close + i] - columns[open_ + i])


@step
def _white(columns: Reals, open_: int, close: int, i: int) -> bool:
    """Return whether candle i closed at or above its open."""
    return columns[close + i] >= columns[open_ + i]


@step
def _top(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the upper end of candle i's body."""
    return max(columns[open_ + i], columns[close + i])


@step
def _bottom(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the lower end of candle i's body."""
    return min(columns[open_ + i], columns[close + i])


@step
def _upper(columns: Reals, open_: int, high: int, close: int, i: int) -> float:
    """Return the length of candle i's upper shadow."""
    return columns[high + i] - _top(columns, open_, close, i)


@step
def _lower(columns: Reals, open_: int, low: int, close: int, i: int) -> float:
    """Return the length of candle i's lower shadow."""
    return _bottom(columns, open_, close, i) - columns[low + i]


@step
def _mean_body(columns: Reals, open_: int, close: int, i: int) -> float:
    """Return the mean body of the ten candles before i."""
    total = 0.0
    for j in range(i - 10, i):
        total += abs(columns[close + j] - columns[open_ + j])
    return total / 10.0


@step
def _long(columns: Reals, open_: int, close: int, i: int) -> bool:
    """Return whether candle i's body is longer than the mean body of the ten candles before it."""
    return _body(columns, open_, close, i) > _mean_body(columns, open_, close, i)


@step
def _mean_range(columns: Reals, high: int, low: int, i: int, period: int) -> float:
    """Return the mean high-low range of the n candles before i."""
    total = 0.0
    for j in range(i - period, i):
        total += columns[high + j] - columns[low + j]
    return total / period


@_pattern("Doji", "100 where the body is at most a tenth of the mean range", 10)
def cdldoji(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a body of at most a tenth of the mean range."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 10:
            out[i * row_stride] = NAN
            continue
        found = _body(columns, open_, close, i) <= 0.1 * _mean_range(columns, high, low, i, 10)
        out[i * row_stride] = 100.0 if found else 0.0


@step
def _hammer_like(columns: Reals, open_: int, high: int, low: int, close: int, i: int) -> bool:
    """Return whether candle i has a short body, a longer lower shadow and hardly any upper shadow."""
    body = _body(columns, open_, close, i)
    return (
        body < _mean_body(columns, open_, close, i)
        and _lower(columns, open_, low, close, i) > body
        and _upper(columns, open_, high, close, i) < 0.1 * _mean_range(columns, high, low, i, 10)
    )


@_pattern("Hammer", "100: short body near the previous low, long lower shadow, hardly any upper one", 11)
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
            near = columns[low + i - 1] + 0.2 * _mean_range(columns, high, low, i - 1, 5)
            found = _bottom(columns, open_, close, i) <= near
        out[i * row_stride] = 100.0 if found else 0.0


@_pattern("Hanging man", "-100: short body near the previous high, long lower shadow, hardly any upper", 11)
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
            near = columns[high + i - 1] - 0.2 * _mean_range(columns, high, low, i - 1, 5)
            found = _bottom(columns, open_, close, i) >= near
        out[i * row_stride] = -100.0 if found else 0.0


@_pattern("Shooting star", "-100: short body that gaps up, long upper shadow, hardly any lower one", 11)
def cdlshootingstar(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Find a short body that gaps up, with a long upper shadow and hardly any lower shadow."""
    open_, high, low, close = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i < 11:
            out[i * row_stride] = NAN
            continue
        body = _body(columns, open_, close, i)
        found = (
            body < _mean_body(columns, open_, close, i)
            and _upper(columns, open_, high, close, i) > body
            and _lower(columns, open_, low, close, i) < 0.1 * _mean_range(columns, high, low, i, 10)
            and _bottom(columns, open_, close, i) > _top(columns, open_, close, i - 1)
        )
        out[i * row_stride] = -100.0 if found else 0.0


@_pattern(
    "Engulfing", "±100 (±80 with one end in common): a body around the opposite one before it", 2, ("open", "close"),
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


@_pattern(
    "Harami", "±100 (±80 with one end in common): a short body within the long one before it", 11, ("open", "close"),
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
        if _long(columns, open_, close, i - 1) and not _long(columns, open_, close, i):
            top, bottom = _top(columns, open_, close, i), _bottom(columns, open_, close, i)
            top_before, bottom_before = _top(columns, open_, close, i - 1), _bottom(columns, open_, close, i - 1)
            sign = -1.0 if _white(columns, open_, close, i - 1) else 1.0
            if top < top_before and bottom > bottom_before:
                out[i * row_stride] = sign * 100.0
            elif top <= top_before and bottom >= bottom_before:
                out[i * row_stride] = sign * 80.0


@_pattern(
    "Piercing", "100: a long white body from below the low of a long black one to above its middle", 11,
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
            not _white(columns, open_, close, i - 1)
            and _white(columns, open_, close, i)
            and columns[open_ + i] < columns[low + i - 1]
            and columns[close + i] < columns[open_ + i - 1]
            and columns[close + i] > columns[close + i - 1] + 0.5 * _body(columns, open_, close, i - 1)
            and _long(columns, open_, close, i - 1)
            and _long(columns, open_, close, i)
        )
        out[i * row_stride] = 100.0 if found else 0.0


@_pattern(
    "Dark cloud cover", "-100: a black body from above the high of a long white one into it", 11,
    ("open", "high", "close"), (real_number(0.5, _SHARE, 0.0, 10.0),),
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
            _white(columns, open_, close, i - 1)
            and not _white(columns, open_, close, i)
            and columns[open_ + i] > columns[high + i - 1]
            and columns[close + i] > columns[open_ + i - 1]
            and columns[close + i] < columns[close + i - 1] - share * _body(columns, open_, close, i - 1)
            and _long(columns, open_, close, i - 1)
        )
        out[i * row_stride] = -100.0 if found else 0.0


@_pattern(
    "Morning star", "100: long black, a short one that gaps below it, white back into the first", 12, ("open", "close"),
    (real_number(0.3, _SHARE, 0.0, 10.0),),
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
            not _white(columns, open_, close, i - 2)
            and _top(columns, open_, close, i - 1) < _bottom(columns, open_, close, i - 2)
            and _white(columns, open_, close, i)
            and columns[close + i] > columns[close + i - 2] + share * _body(columns, open_, close, i - 2)
            and _long(columns, open_, close, i - 2)
            and not _long(columns, open_, close, i - 1)
            and _long(columns, open_, close, i)
        )
        out[i * row_stride] = 100.0 if found else 0.0


@_pattern(
    "Evening star", "-100: long white, a short one that gaps above it, black back into the first", 12,
    ("open", "close"), (real_number(0.3, _SHARE, 0.0, 10.0),),
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
            _white(columns, open_, close, i - 2)
            and _bottom(columns, open_, close, i - 1) > _top(columns, open_, close, i - 2)
            and not _white(columns, open_, close, i)
            and columns[close + i] < columns[close + i - 2] - share * _body(columns, open_, close, i - 2)
            and _long(columns, open_, close, i - 2)
            and not _long(columns, open_, close, i - 1)
            and _long(columns, open_, close, i)
        )
        out[i * row_stride] = -100.0 if found else 0.0


@_pattern("Three white soldiers", "100: three white bodies, each closing higher near its high", 12)
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
                and _white(columns, open_, close, j)
                and _upper(columns, open_, high, close, j) < 0.1 * _mean_range(columns, high, low, j, 10)
            )
        for j in range(i - 1, i + 1):
            if found:
                reach = _mean_range(columns, high, low, j - 1, 5)
                found = (
                    columns[open_ + j] > columns[open_ + j - 1]
                    and columns[open_ + j] <= columns[close + j - 1] + 0.2 * reach
                    and _body(columns, open_, close, j) > _body(columns, open_, close, j - 1) - 0.6 * reach
                )
        out[i * row_stride] = 100.0 if found and _long(columns, open_, close, i) else 0.0


@_pattern("Three black crows", "-100: after a white body three black ones, each closing lower", 13)
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
            _white(columns, open_, close, i - 3)
            and columns[high + i - 3] > columns[close + i - 2]
            and columns[close + i - 2] > columns[close + i - 1]
            and columns[close + i - 1] > columns[close + i]
        )
        for j in range(i - 2, i + 1):
            found = (
                found
                and not _white(columns, open_, close, j)
                and _lower(columns, open_, low, close, j) < 0.1 * _mean_range(columns, high, low, j, 10)
            )
        for j in range(i - 1, i + 1):
            found = (
                found and columns[open_ + j] < columns[open_ + j - 1] and columns[open_ + j] > columns[close + j - 1]
            )
        out[i * row_stride] = -100.0 if found else 0.0
