"""Decode the chart endpoint's JSON into bars and actions. Pure; every policy about a row of history is decided here.

- A row whose prices are all null is a bar without a trade: there is no bar. A row with some of them null is rejected.
- A missing volume is 0, as it is for indices and currencies.
- Rows outside regular trading are left out: pre-market, after hours, and what Yahoo stamps with the close itself. An
  interval with `extended` hours keeps the first two, and what is stamped with the close is the first of after hours.
- The last row may be the live price under the time of the last trade, between two bars: it is left out. Any other row
  that stands between two bars is rejected.
- Of several rows for one bar the last complete one counts.
- A bar is final when it closed `grace` before the answer was made.
- Daily bars are stamped with midnight UTC of the exchange's date, as everywhere in tapeline, and so are actions.
- Prices stay as they are quoted, be it in pence (GBp) or cents (ZAc).

An answer is foreign: whatever is in it, decoding takes bounded time and memory and raises a `FeedError` or nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from tapeline.core.bar_faults import FAULTS, faults
from tapeline.core.bars import Grid, Sessions, resample
from tapeline.core.foreign import Bounds, load_json
from tapeline.core.market import Bars, Flags, Floats, Ints, Reject
from tapeline.core.rejects import thinned
from tapeline.core.sessions import Calendar
from tapeline.core.times import DAY
from tapeline.error_text import one_line
from tapeline.errors import (
    DecodeError,
    NoDataError,
    OversizedError,
    RateLimitedError,
    ServerError,
    UnusableAnswerError,
)
from tapeline.feeds.live.bar_intervals import Interval, grid_of
from tapeline.feeds.live.venue import Chart, one_per_time
from tapeline.feeds.yahoo.chart_actions import actions_of, currency_of
from tapeline.feeds.yahoo.chart_intervals import INTERVALS, VENUE

#: What a chart's JSON may have: years of hourly bars name every session, and 43,200 rows are the most that is honest.
BOUNDS = Bounds(size=8 << 20, depth=12, parts=50_000)
_MOST_ROWS = 100_000

_LONGEST_REASON = 200
_PRICES = ("open", "high", "low", "close")


def decode(
    text: str, symbol: str, interval: Interval, calendar: Calendar, as_of: int, latest: int | None = None
) -> Chart:
    """Return the chart in an answer of status 200.

    `as_of` is when the answer was made (UTC epoch ms): by the server's clock, or by ours if that is earlier. No bar may
    open after `latest` (`as_of` by default). Raise `NoDataError` with Yahoo's reason, `RateLimitedError` for a refusal
    that comes with status 200, `ServerError` for what is not even JSON, and `UnusableAnswerError` for anything else
    that is not a chart.
    """
    result = _result(text, symbol)
    try:
        return _chart(result, symbol, interval, calendar, as_of, latest)
    except Exception as error:  # the values are foreign: no list of kinds would be complete
        kind = "" if isinstance(error, ValueError | TypeError | LookupError) else f"{type(error).__name__}: "
        raise UnusableAnswerError(f"{symbol}: the answer is no chart: {kind}{one_line(error)[:80]!r}") from error


def _chart(
    result: dict[str, Any], symbol: str, interval: Interval, calendar: Calendar, as_of: int, latest: int | None
) -> Chart:
    meta = result.get("meta") or {}
    quote = ((result.get("indicators") or {}).get("quote") or [{}])[0] or {}
    times = _times(result.get("timestamp"))
    columns = [_column(quote, name, len(times)) for name in _PRICES]
    volume = np.nan_to_num(_column(quote, "volume", len(times)), nan=0.0)
    missing = np.isnan(np.stack(columns)) if len(times) else np.zeros((4, 0), np.bool_)
    zone = _zone(meta)
    start, end, inside, aligned = _spans(times, interval, calendar, meta, zone)

    quiet = missing.all(axis=0)
    live = np.zeros(len(times), np.bool_)
    live[-1:] = ~aligned[-1:]
    kept = inside & ~quiet & ~live
    bars = Bars(
        (symbol,), np.zeros(len(times), np.int32), start, columns[0], columns[1], columns[2], columns[3], volume,
        end + interval.grace <= as_of,
    )  # fmt: skip
    fault = faults(bars, as_of if latest is None else latest)
    refused = np.flatnonzero(kept & ((fault > 0) | ~aligned))
    rejects = (
        Reject(
            "yahoo",
            f"{symbol} {interval.name} {int(times[i]) // 1000}",
            FAULTS[fault[i]] if fault[i] else f"not at the start of a {interval.name} bar",
            _raw(quote, times, i),
        )
        for i in refused.tolist()
    )
    kept[refused] = False
    bars = one_per_time(bars[kept])
    currency = currency_of(meta.get("currency"))
    actions, refused_actions = actions_of(result.get("events") or {}, currency, symbol)
    if INTERVALS[interval.requested].ms >= DAY:  # stamped as the bar that trades without them
        days, _ = _days(np.array([action.timestamp for action in actions], np.int64), calendar, zone)
        actions = [replace(action, timestamp=day) for action, day in zip(actions, days.tolist(), strict=True)]
    return Chart(
        bars if interval.requested == interval.name else _joined(bars, interval, calendar, as_of),
        tuple(actions),
        currency,
        as_of,
        thinned([*rejects, *refused_actions]),
    )


def _result(text: str, symbol: str) -> dict[str, Any]:
    try:
        chart = load_json(text, BOUNDS)["chart"]
        error, results = chart.get("error"), chart.get("result")
        reason = error and (error.get("description") or error.get("code") or error)
    except OversizedError as oversized:
        raise UnusableAnswerError(f"{symbol}: the answer cannot be used: {oversized}") from oversized
    except (DecodeError, KeyError, TypeError, AttributeError):
        if "Too Many Requests" in text[:500]:
            raise RateLimitedError(VENUE) from None
        raise ServerError(f"{symbol}: the answer is no chart: {text[:60]!r}") from None
    if error:
        raise NoDataError(f"{symbol}: {str(reason)[:_LONGEST_REASON]}")
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise NoDataError(f"{symbol}: Yahoo has no prices for it")
    return dict(results[0])


def _times(seconds: Any) -> Ints:
    """Return the open times as UTC epoch ms, int64 [n]. One outside all market data stays outside, however large."""
    if seconds is not None and not isinstance(seconds, list):
        raise TypeError("the timestamps are no list")
    if seconds and len(seconds) > _MOST_ROWS:
        raise ValueError(f"more than {_MOST_ROWS:,} rows")
    times = np.array(seconds or (), np.float64)  # exact: a time that can be meant has 10 digits
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ValueError("a timestamp is no number")
    return np.clip(times, -1e11, 1e11).astype(np.int64) * 1000


def _zone(meta: dict[str, Any]) -> ZoneInfo:
    """Return the exchange's zone. Raise `ValueError` for a name that is none, such as that of a folder of zones."""
    name = meta.get("exchangeTimezoneName") or "UTC"
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, TypeError, ValueError):
        raise ValueError(f"there is no time zone {str(name)[:40]!r}") from None


def _raw(quote: dict[str, Any], times: Ints, index: int) -> bytes:
    """Return a row that is refused as it came."""
    row = {name: values[index] for name in (*_PRICES, "volume") if (values := quote.get(name))}
    return json.dumps({"timestamp": int(times[index]) // 1000} | row).encode()


def _column(quote: dict[str, Any], name: str, count: int) -> Floats:
    values = quote.get(name)
    if values is None:
        return np.full(count, np.nan)
    column = np.array(values, np.float64)  # None becomes NaN
    if column.ndim != 1 or len(column) != count:
        raise ValueError(f"{count} timestamps and {len(column)} values of {name}")
    return column


def _spans(
    times: Ints, interval: Interval, calendar: Calendar, meta: dict[str, Any], zone: ZoneInfo
) -> tuple[Ints, Ints, Flags, Flags]:
    """Return start and end of each row's bar, whether it is in regular trading, and whether it is at that start."""
    asked = replace(INTERVALS[interval.requested], extended=interval.extended)
    if asked.ms >= DAY:
        start, end = _days(times, calendar, zone)
        return start, end, np.ones(len(times), np.bool_), np.ones(len(times), np.bool_)
    grid = grid_of(calendar, asked)
    periods = _periods(meta, asked)
    if grid.sessions is not None and periods is not None and not _has_break(calendar, times):
        grid = Grid(asked.ms, periods)
    start, end, inside = grid.spans(times)
    return start, end, inside, start == times


def _periods(meta: dict[str, Any], interval: Interval) -> Sessions | None:
    """Return the sessions the answer itself names, which include special days before any calendar does.

    One that names regular trading only is no guide to extended hours: the calendar is.
    """
    periods = meta.get("tradingPeriods")
    if isinstance(periods, dict):
        wanted = ("pre", "regular", "post") if interval.extended else ("regular",)
        periods = [group for name in wanted for group in periods.get(name) or ()]
    elif interval.extended:
        return None
    if not periods:
        return None
    stretches = sorted((int(p["start"]) * 1000, int(p["end"]) * 1000) for group in periods for p in group)
    opens, closes = (np.array(column, np.int64) for column in zip(*stretches, strict=True))
    return Sessions(opens, closes, opens // DAY * DAY)


def _has_break(calendar: Calendar, times: Ints) -> bool:
    """Return whether the market has a lunch break, which the answer's own sessions leave out."""
    return bool(len(times)) and len(calendar.trading().open) > len(calendar)


def _days(times: Ints, calendar: Calendar, zone: ZoneInfo) -> tuple[Ints, Ints]:
    """Return midnight UTC of each row's local date, and when that date's session is over."""
    dates = [datetime.fromtimestamp(t / 1000, zone).date() for t in times.tolist()]
    start = np.array([date.toordinal() - _EPOCH_ORDINAL for date in dates], np.int64) * DAY
    whole = calendar.trading(breaks=False)
    at = np.searchsorted(whole.date, start)
    known = (at < len(whole.date)) & (whole.date[np.minimum(at, len(whole.date) - 1)] == start)
    midnight = np.array(
        [
            int(datetime.combine(date + timedelta(days=1), datetime.min.time(), zone).timestamp() * 1000)
            for date in dates
        ],
        np.int64,
    )
    end = np.where(known, whole.close[np.minimum(at, len(whole.date) - 1)], midnight)
    return start, end


_EPOCH_ORDINAL = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - a date


def _joined(bars: Bars, interval: Interval, calendar: Calendar, as_of: int) -> Bars:
    """Return longer bars made of those that Yahoo was asked for; one is final when it is complete as a whole."""
    grid = grid_of(calendar, interval)
    longer = resample(bars, grid)
    _, end, _ = grid.spans(longer.timestamp)
    return Bars(
        longer.symbols, longer.code, longer.timestamp, longer.open, longer.high, longer.low, longer.close,
        longer.volume, end + interval.grace <= as_of,
    )  # fmt: skip
