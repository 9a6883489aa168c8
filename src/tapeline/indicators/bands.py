"""Define bands, channels and stops drawn over the price."""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.entry import Entries, Storage, bar_count, real_number
from tapeline.indicators.kernels.interface import NAN, Integers, Reals
from tapeline.indicators.kernels.shared_columns import highest, lowest, range_, spread, typical
from tapeline.indicators.kernels.steps import seeded, step

ENTRIES = Entries("overlap")


@ENTRIES.add(
    "Bollinger bands", (bar_count(20, low=2), real_number(2.0)),
    lambda period, factor: Storage({"close": 0}, shared=(spread("close", period),)), lambda period, factor: period - 1,
    "mean ± f population standard deviations of n closes; width = (upper - lower)/middle; "
    "percent_b = (close - lower)/(upper - lower), 0.5 where the bands meet",
    "TA-Lib BBANDS; width and %b: J. Bollinger, Bollinger on Bollinger Bands (2001)",
    outputs=("_upper", "_middle", "_lower", "_width", "_percent_b"), pane="price", off_price=("_width", "_percent_b"),
)  # fmt: skip
def bbands(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Bollinger bands, their width and %b."""
    close, mean, variance, period, factor = ints[0], ints[1], ints[2], ints[3], reals[0]
    for i in range(count):
        scratch[i] = factor * sqrt(columns[variance + i])
    cold = min(max(period - 1 - first, 0), count)
    for output in range(5):
        for i in range(cold):
            out[i * row_stride + output * column_stride] = NAN
    # A loop for each output: the compiler makes vector instructions of these, not of one that writes five.
    for i in range(cold, count):
        out[i * row_stride] = columns[mean + i] + scratch[i]
    for i in range(cold, count):
        out[i * row_stride + column_stride] = columns[mean + i]
    for i in range(cold, count):
        out[i * row_stride + 2 * column_stride] = columns[mean + i] - scratch[i]
    for i in range(cold, count):
        out[i * row_stride + 3 * column_stride] = 2.0 * scratch[i] / columns[mean + i]
    for i in range(cold, count):
        offset = columns[close + i] - columns[mean + i]
        out[i * row_stride + 4 * column_stride] = 0.5 + 0.5 * offset / scratch[i] if scratch[i] > 0.0 else 0.5


@ENTRIES.add(
    "Donchian channel", (bar_count(20, low=2),),
    lambda period: Storage({}, shared=(highest("high", period), lowest("low", period))), lambda period: period - 1,
    "highest high, lowest low of n bars, and their middle", "TA-Lib DONCHIAN", outputs=("_upper", "_middle", "_lower"),
    pane="price",
)  # fmt: skip
def donchian(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the highest high and the lowest low of n bars, and their middle."""
    top, bottom, period = ints[0], ints[1], ints[2]
    for i in range(count):
        warm = first + i >= period - 1
        out[i * row_stride] = columns[top + i] if warm else NAN
        out[i * row_stride + column_stride] = (columns[top + i] + columns[bottom + i]) / 2.0 if warm else NAN
        out[i * row_stride + 2 * column_stride] = columns[bottom + i] if warm else NAN


@ENTRIES.add(
    "Keltner channels", (bar_count(20, low=2), bar_count(10, "range period"), real_number(2.0)),
    lambda period, ranges, factor: Storage({}, 2, shared=(typical(), range_())),
    lambda period, ranges, factor: max(period - 1, ranges),
    "EMA of the typical price over n bars ± f ATR over r bars; both seeded over windows that end together", "TA-Lib KC",
    outputs=("_upper", "_middle", "_lower"), pane="price", memory="decaying",
)  # fmt: skip
def keltner(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Keltner channels: the EMA of the typical price ± ATRs.

    State: both averages, seeded over windows that end together.
    """
    typical, reach, period, range_period, factor = ints[0], ints[1], ints[2], ints[3], reals[0]
    start = max(period - 1, range_period)
    for i in range(count):
        here = first + i
        if here > start - period:
            state[0] = seeded(state[0], columns[typical + i], here - (start - period + 1), period, 2.0 / (period + 1))
        if here > start - range_period:
            seen = here - (start - range_period + 1)
            state[1] = seeded(state[1], columns[reach + i], seen, range_period, 1.0 / range_period)
        warm = here >= start
        out[i * row_stride] = state[0] + factor * state[1] if warm else NAN
        out[i * row_stride + column_stride] = state[0] if warm else NAN
        out[i * row_stride + 2 * column_stride] = state[0] - factor * state[1] if warm else NAN


@step
def _supertrend(columns: Reals, state: Reals, ints: Integers, factor: float, i: int, here: int) -> float:
    """Advance the supertrend by one bar, and return what its direction was before: 1, -1, or 0 at the first.

    State: ATR, upper and lower band, direction.
    """
    high, low, close, reach, period = ints[0], ints[1], ints[2], ints[3], ints[4]
    if here > 0:
        state[0] = seeded(state[0], columns[reach + i], here - 1, period, 1.0 / period)
    if here < period:
        return 0.0
    middle, before = (columns[high + i] + columns[low + i]) / 2.0, state[3]
    upper, lower = middle + factor * state[0], middle - factor * state[0]
    if here == period:
        state[1], state[2], state[3] = upper, lower, 1.0
        return 0.0
    if upper < state[1] or columns[close + i - 1] > state[1]:
        state[1] = upper
    if lower > state[2] or columns[close + i - 1] < state[2]:
        state[2] = lower
    if before > 0.0 and columns[close + i] < state[2]:
        state[3] = -1.0
    elif before < 0.0 and columns[close + i] > state[1]:
        state[3] = 1.0
    return before


@ENTRIES.add(
    "Supertrend", (bar_count(10), real_number(3.0)),
    lambda period, factor: Storage({"high": 0, "low": 0, "close": 1}, 4, shared=(range_(),)),
    lambda period, factor: period,
    "(high + low)/2 ± f ATR, ratcheted; direction 1 while above the lower band, -1 while below the upper",
    "TA-Lib SUPERTREND", outputs=("", "_direction"), pane="price", off_price=("_direction",), memory="decaying",
)  # fmt: skip
def supertrend(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the supertrend and its direction, 1 or -1. State: as for `_supertrend`."""
    for i in range(count):
        _supertrend(columns, state, ints, reals[0], i, first + i)
        warm = first + i >= ints[4]
        out[i * row_stride] = (state[2] if state[3] > 0.0 else state[1]) if warm else NAN
        out[i * row_stride + column_stride] = state[3] if warm else NAN


@ENTRIES.add(
    "Supertrend flip", (bar_count(10), real_number(3.0)),
    lambda period, factor: Storage({"high": 0, "low": 0, "close": 1}, 4, shared=(range_(),)),
    lambda period, factor: period,
    "1 at the bar where the supertrend turns up, -1 where it turns down, 0 elsewhere", "TA-Lib SUPERTREND",
    scale_free=True, memory="decaying",
)  # fmt: skip
def supertrend_flip(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute at which bars the supertrend turns, and which way. State: as for `_supertrend`."""
    for i in range(count):
        before = _supertrend(columns, state, ints, reals[0], i, first + i)
        turned = state[3] if before != 0.0 and before != state[3] else 0.0
        out[i * row_stride] = turned if first + i >= ints[4] else NAN


@ENTRIES.add(
    "Parabolic stop and reverse", (real_number(0.02, "acceleration", 0.0), real_number(0.2, "limit", 0.0)),
    lambda acceleration, limit: Storage({"high": 1, "low": 1}, 4), lambda acceleration, limit: 1,
    "stop += a (extreme - stop), a growing by the acceleration with every new extreme, up to the limit", "TA-Lib SAR",
    pane="price", memory="decaying",
)  # fmt: skip
def sar(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the parabolic stop and reverse. State: stop, extreme point, acceleration, direction (1 or -1)."""
    highs, lows, pace, limit = ints[0], ints[1], reals[0], reals[1]
    pace = min(pace, limit)
    stop, extreme, speed, way = state[0], state[1], state[2], state[3]
    for i in range(count):
        if first + i == 0:
            out[i * row_stride] = NAN
            continue
        high, low = columns[highs + i], columns[lows + i]
        high_before, low_before = columns[highs + i - 1], columns[lows + i - 1]
        if first + i == 1:
            fall = low_before - low
            way = -1.0 if fall > 0.0 and high - high_before < fall else 1.0
            speed = pace
            stop, extreme = (low_before, high) if way > 0.0 else (high_before, low)
            low_before, high_before = low, high
        if way > 0.0 and low <= stop:
            way, stop, speed = -1.0, max(extreme, high_before, high), pace
            extreme = low
            out[i * row_stride] = stop
            stop = max(stop + speed * (extreme - stop), high_before, high)
        elif way < 0.0 and high >= stop:
            way, stop, speed = 1.0, min(extreme, low_before, low), pace
            extreme = high
            out[i * row_stride] = stop
            stop = min(stop + speed * (extreme - stop), low_before, low)
        elif way > 0.0:
            out[i * row_stride] = stop
            if high > extreme:
                extreme, speed = high, min(speed + pace, limit)
            stop = min(stop + speed * (extreme - stop), low_before, low)
        else:
            out[i * row_stride] = stop
            if low < extreme:
                extreme, speed = low, min(speed + pace, limit)
            stop = max(stop + speed * (extreme - stop), high_before, high)
    state[0], state[1], state[2], state[3] = stop, extreme, speed, way


@ENTRIES.add(
    "Ichimoku cloud", (bar_count(9, "conversion"), bar_count(26, "base"), bar_count(52, "span")),
    lambda *periods: Storage(
        {}, 0, (periods[1], periods[1]),
        tuple(part for period in periods for part in (highest("high", period), lowest("low", period))),
    ),
    lambda conversion, base, span: (conversion - 1, base - 1, base + max(conversion, base) - 1, base + span - 1),
    "middle of the range of n bars: conversion, base, span_a = their mean, span_b; the spans are those drawn at "
    "this bar, made one base period ago; the lagging span is the close and has no column",
    "G. Hosoda, Ichimoku Kinko Hyo (1969)", outputs=("_conversion", "_base", "_span_a", "_span_b"), pane="price",
)  # fmt: skip
def ichimoku(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Ichimoku: conversion, base, and the two spans drawn at this bar (made `base` bars ago).

    Shared: highest and lowest of the three windows. Own columns: the spans.
    """
    span_a, span_b, conversion, base, span = ints[6], ints[7], ints[8], ints[9], ints[10]
    for i in range(count):
        here = first + i
        short_middle = (columns[ints[0] + i] + columns[ints[1] + i]) / 2.0
        base_middle = (columns[ints[2] + i] + columns[ints[3] + i]) / 2.0
        columns[span_a + i] = (short_middle + base_middle) / 2.0
        columns[span_b + i] = (columns[ints[4] + i] + columns[ints[5] + i]) / 2.0
        out[i * row_stride] = short_middle if here >= conversion - 1 else NAN
        out[i * row_stride + column_stride] = base_middle if here >= base - 1 else NAN
        warm = here >= base + max(conversion, base) - 1
        out[i * row_stride + 2 * column_stride] = columns[span_a + i - base] if warm else NAN
        out[i * row_stride + 3 * column_stride] = columns[span_b + i - base] if here >= base + span - 1 else NAN


@ENTRIES.add(
    "Ichimoku cloud with displacement",
    (bar_count(9, "conversion"), bar_count(26, "base"), bar_count(52, "span"), bar_count(26, "displacement")),
    lambda conversion, base, span, displacement: Storage(
        {}, 0, (displacement - 1, displacement - 1),
        tuple(part for period in (conversion, base, span) for part in (highest("high", period), lowest("low", period))),
    ),
    lambda conversion, base, span, displacement: (
        conversion - 1, base - 1, displacement + max(conversion, base) - 2, displacement + span - 2,
        max(conversion, base) - 1, span - 1,
    ),
    "as ichimoku; span_a and span_b are drawn at this bar as charts draw them, displacement - 1 bars after they were "
    "made; lead_a and lead_b are made at this bar and drawn ahead of it; the lagging span is the close, drawn that far "
    "back", "TradingView's Ichimoku Cloud",
    outputs=("_conversion", "_base", "_span_a", "_span_b", "_lead_a", "_lead_b"), pane="price",
)  # fmt: skip
def ichimoku_displaced(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Ichimoku with a displacement of its own. Shared and own columns: as for `ichimoku`."""
    span_a, span_b, conversion, base, span, back = ints[6], ints[7], ints[8], ints[9], ints[10], ints[11] - 1
    for i in range(count):
        here = first + i
        short_middle = (columns[ints[0] + i] + columns[ints[1] + i]) / 2.0
        base_middle = (columns[ints[2] + i] + columns[ints[3] + i]) / 2.0
        columns[span_a + i] = (short_middle + base_middle) / 2.0
        columns[span_b + i] = (columns[ints[4] + i] + columns[ints[5] + i]) / 2.0
        warm_a, warm_b = max(conversion, base) - 1, span - 1
        out[i * row_stride] = short_middle if here >= conversion - 1 else NAN
        out[i * row_stride + column_stride] = base_middle if here >= base - 1 else NAN
        out[i * row_stride + 2 * column_stride] = columns[span_a + i - back] if here >= warm_a + back else NAN
        out[i * row_stride + 3 * column_stride] = columns[span_b + i - back] if here >= warm_b + back else NAN
        out[i * row_stride + 4 * column_stride] = columns[span_a + i] if here >= warm_a else NAN
        out[i * row_stride + 5 * column_stride] = columns[span_b + i] if here >= warm_b else NAN
