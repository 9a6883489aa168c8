"""Averages, bands and stops drawn over the price."""

from __future__ import annotations

from tapeline.indicators import bands, overlap
from tapeline.indicators.entry import Indicator, Storage, factor, period
from tapeline.indicators.kernels.shared_columns import highest, lowest, range_, spread, typical

ENTRIES = (
    Indicator(
        "sma", "Simple moving average", "overlap", (period(20),),
        overlap.sma, lambda n: Storage({"close": n}, 1), lambda n: n - 1,
        "mean of the last n closes", "TA-Lib SMA", pane="price",
    ),
    Indicator(
        "ema", "Exponential moving average", "overlap", (period(20),),
        overlap.ema, lambda n: Storage({"close": 0}, 1), lambda n: n - 1,
        "e += 2/(n + 1) (close - e), seeded with the mean of the first n closes", "TA-Lib EMA", pane="price",
    ),
    Indicator(
        "wma", "Weighted moving average", "overlap", (period(20),),
        overlap.wma, lambda n: Storage({"close": n}, 2), lambda n: n - 1,
        "mean of the last n closes, weighted n for the newest down to 1", "TA-Lib WMA", pane="price",
    ),
    Indicator(
        "dema", "Double exponential moving average", "overlap", (period(20),),
        overlap.dema, lambda n: Storage({"close": 0}, 2), lambda n: 2 * (n - 1),
        "2 EMA - EMA of the EMA", "TA-Lib DEMA", pane="price",
    ),
    Indicator(
        "tema", "Triple exponential moving average", "overlap", (period(20),),
        overlap.tema, lambda n: Storage({"close": 0}, 3), lambda n: 3 * (n - 1),
        "3 EMA - 3 EMA² + EMA³, where EMA² is the EMA of the EMA", "TA-Lib TEMA", pane="price",
    ),
    Indicator(
        "kama", "Kaufman's adaptive moving average", "overlap", (period(30, low=2),),
        overlap.kama, lambda n: Storage({"close": n}, 5, (n,)), lambda n: n,
        "k += (e (2/3 - 2/31) + 2/31)² (close - k), e = way of n bars over the sum of their moves", "TA-Lib KAMA",
        pane="price",
    ),
    Indicator(
        "t3", "Tillson's T3", "overlap", (period(5, low=2), factor(0.7, "volume factor", 0.0, 1.0)),
        overlap.t3, lambda n, v: Storage({"close": 0}, 6), lambda n, v: 6 * (n - 1),
        "weighted sum of the third to the sixth nested EMA", "TA-Lib T3", pane="price",
    ),
    Indicator(
        "midpoint", "Midpoint", "overlap", (period(14, low=2),),
        overlap.midpoint, lambda n: Storage({}, shared=(highest("close", n), lowest("close", n))), lambda n: n - 1,
        "(highest close + lowest close)/2 of n bars", "TA-Lib MIDPOINT", pane="price",
    ),
    Indicator(
        "linearreg", "Linear regression", "overlap", (period(14, low=2),),
        overlap.linearreg, lambda n: Storage({"close": n}, 3), lambda n: n - 1,
        "end of the least-squares line through n closes", "TA-Lib LINEARREG", pane="price",
    ),
    Indicator(
        "vwap", "Volume-weighted average price", "overlap", (),
        overlap.vwap, lambda: Storage({"volume": 0, "session": 0}, 3, shared=(typical(),)), lambda: 0,
        "sum of typical price times volume over sum of volume, since the session began; absent before its first volume",
        "TA-Lib VWAP, begun anew with every session", pane="price",
    ),
    Indicator(
        "bbands", "Bollinger bands", "overlap", (period(20, low=2), factor(2.0)),
        bands.bbands, lambda n, f: Storage({"close": 0}, shared=(spread("close", n),)), lambda n, f: n - 1,
        "mean ± f population standard deviations of n closes; width = (upper - lower)/middle; "
        "percent_b = (close - lower)/(upper - lower), 0.5 where the bands meet",
        "TA-Lib BBANDS; width and %b: J. Bollinger, Bollinger on Bollinger Bands (2001)",
        outputs=("_upper", "_middle", "_lower", "_width", "_percent_b"), pane="price",
        off_price=("_width", "_percent_b"),
    ),
    Indicator(
        "donchian", "Donchian channel", "overlap", (period(20, low=2),),
        bands.donchian, lambda n: Storage({}, shared=(highest("high", n), lowest("low", n))), lambda n: n - 1,
        "highest high, lowest low of n bars, and their middle", "TA-Lib DONCHIAN",
        outputs=("_upper", "_middle", "_lower"), pane="price",
    ),
    Indicator(
        "keltner", "Keltner channels", "overlap",
        (period(20, low=2), period(10, "range period"), factor(2.0)),
        bands.keltner, lambda n, r, f: Storage({}, 2, shared=(typical(), range_())), lambda n, r, f: max(n - 1, r),
        "EMA of the typical price over n bars ± f ATR over r bars; both seeded over windows that end together",
        "TA-Lib KC", outputs=("_upper", "_middle", "_lower"), pane="price",
    ),
    Indicator(
        "supertrend", "Supertrend", "overlap", (period(10), factor(3.0)),
        bands.supertrend, lambda n, f: Storage({"high": 0, "low": 0, "close": 1}, 4, shared=(range_(),)),
        lambda n, f: n,
        "(high + low)/2 ± f ATR, ratcheted; direction 1 while above the lower band, -1 while below the upper",
        "TA-Lib SUPERTREND", outputs=("", "_direction"), pane="price", off_price=("_direction",),
    ),
    Indicator(
        "sar", "Parabolic stop and reverse", "overlap",
        (factor(0.02, "acceleration", 0.0), factor(0.2, "limit", 0.0)),
        bands.sar, lambda a, b: Storage({"high": 1, "low": 1}, 4), lambda a, b: 1,
        "stop += a (extreme - stop), a growing by the acceleration with every new extreme, up to the limit",
        "TA-Lib SAR", pane="price",
    ),
    Indicator(
        "ichimoku", "Ichimoku cloud", "overlap",
        (period(9, "conversion"), period(26, "base"), period(52, "span")),
        bands.ichimoku, lambda c, b, s: Storage(
            {}, 0, (b, b), tuple(part for n in (c, b, s) for part in (highest("high", n), lowest("low", n)))
        ),
        lambda c, b, s: (c - 1, b - 1, b + max(c, b) - 1, b + s - 1),
        "middle of the range of n bars: conversion, base, span_a = their mean, span_b; the spans are those drawn at "
        "this bar, made one base period ago; the lagging span is the close and has no column",
        "G. Hosoda, Ichimoku Kinko Hyo (1969)", outputs=("_conversion", "_base", "_span_a", "_span_b"), pane="price",
    ),
)  # fmt: skip
