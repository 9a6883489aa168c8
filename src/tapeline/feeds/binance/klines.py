"""Decode Binance's klines, from an answer about history. Pure.

A kline is `[open time, open, high, low, close, volume, close time, ...]`, times in ms, prices and volumes as texts, and
an interval without a trade is one with the volume 0. Binance states no splits and no dividends: coins have none.

An answer is foreign: whatever is in it, decoding takes bounded time and memory and raises a `FeedError` or nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapeline.core.bar_faults import FAULTS, faults
from tapeline.core.foreign import Bounds, load_json
from tapeline.core.market import Bars, Reject
from tapeline.errors import DecodeError, OversizedError, ServerError, UnusableAnswerError
from tapeline.feeds.binance.kline_intervals import MOST_KLINES, quote_asset
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.venue import Chart, one_per_time

#: What an answer may have. An honest kline has 200 bytes.
BOUNDS = Bounds(size=1 << 20, depth=4, parts=2 * MOST_KLINES, values=20 * MOST_KLINES)

_NUMBERS = 7  # of a kline are read


def decode(text: bytes | str, symbol: str, interval: Interval, as_of: int, latest: int) -> Chart:
    """Return the klines in an answer of status 200 as a chart.

    `as_of` is when the answer was made (UTC epoch ms), and no bar may open after `latest`. A kline is final when its
    time was over `interval.grace` before. Raise `ServerError` for what is not even JSON, and `UnusableAnswerError` for
    anything else that is no list of klines.
    """
    try:
        rows = load_json(text, BOUNDS)
    except OversizedError as error:
        raise UnusableAnswerError(f"{symbol}: the answer cannot be used: {error}") from error
    except DecodeError as error:
        raise ServerError(f"{symbol}: the answer is no list of klines: {error}") from error
    if not isinstance(rows, list) or len(rows) > MOST_KLINES:
        raise UnusableAnswerError(f"{symbol}: the answer is no list of at most {MOST_KLINES:,} klines")
    return _chart(rows, symbol, interval, as_of, latest)


def _chart(rows: list[Any], symbol: str, interval: Interval, as_of: int, latest: int) -> Chart:
    try:
        table = np.array([[float(value) for value in row[:_NUMBERS]] for row in rows], np.float64)
        table = table.reshape(len(rows), _NUMBERS)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise UnusableAnswerError(f"{symbol}: the answer is no list of klines: {str(error)[:80]!r}") from error
    times = np.clip(np.nan_to_num(table[:, 0], nan=-1.0), -1e14, 1e14).astype(np.int64)
    opens, high, low, close, volume = np.ascontiguousarray(table[:, 1:6].T)
    final = times + interval.ms + interval.grace <= as_of
    bars = Bars((symbol,), np.zeros(len(rows), np.int32), times, opens, high, low, close, volume, final)
    fault = faults(bars, latest)
    misplaced = times % interval.ms != 0
    refused = np.flatnonzero((fault > 0) | misplaced)
    rejects = tuple(
        Reject(
            "binance",
            f"{symbol} {interval.name} {int(times[i]) // 1000}",
            FAULTS[fault[i]] if fault[i] else f"not at the start of a {interval.name} bar",
            str(rows[i])[:1000].encode(),
        )
        for i in refused.tolist()
    )
    kept = np.ones(len(rows), np.bool_)
    kept[refused] = False
    return Chart(one_per_time(bars[kept]), (), quote_asset(symbol), as_of, rejects)
