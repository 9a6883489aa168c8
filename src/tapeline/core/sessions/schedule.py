"""Tell an exchange's schedule: as it comes with the package, otherwise from exchange-calendars.

That library needs pandas, takes 50 MB together with it, and loads slowly: it is the extra `calendars`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.extras import import_extra, is_installed
from tapeline.core.market import Ints
from tapeline.core.sessions.exchanges import CALENDAR_RANGE, EXTENDED_MINUTES
from tapeline.core.sessions.tables import kept_names, kept_schedule, kept_zone
from tapeline.core.times import DAY, MINUTE

_PACKAGE = "exchange_calendars"


def schedule(exchange: str) -> tuple[Ints, ...]:
    """Return day, pre, open, break start, break end, close, post, half as int64 columns, one row per session."""
    return kept_schedule(exchange) or built_schedule(exchange)


def zone(exchange: str) -> str:
    """Return the time zone an exchange keeps, such as America/New_York."""
    return kept_zone(exchange) or built_zone(exchange)


def built_schedule(exchange: str) -> tuple[Ints, ...]:
    """Return what `schedule` does, from exchange-calendars. Raises `MissingLibraryError` without it."""
    exchange_calendars, made = _library(exchange)
    import pandas as pd

    name = exchange_calendars.resolve_alias(exchange)
    low, high = made[name].bound_min(), made[name].bound_max()
    start, end = (pd.Timestamp(day) for day in CALENDAR_RANGE)
    known = exchange_calendars.get_calendar(
        exchange, start=start if low is None else max(start, low), end=end if high is None else min(end, high)
    )
    days = known.schedule
    half = days.index.isin(known.early_closes)
    days = pd.concat([days, _projected(pd, days, known, end)])
    columns = {name: _milliseconds(days[name]) for name in ("open", "break_start", "break_end", "close")}
    opens, closes = columns["open"], columns["close"]
    if exchange in {"24/7", "24/5"}:
        closes = np.where(closes > opens, closes, opens + DAY)
    broken = columns["break_start"] > 0
    before, after = EXTENDED_MINUTES.get(exchange, (0, 0))
    pre = opens - before * MINUTE
    pre[1:] = np.maximum(pre[1:], closes[:-1])
    post = closes + after * MINUTE
    halves = np.concatenate([half, np.zeros(len(days) - len(half), np.bool_)]).astype(np.int64)
    post[:-1] = np.minimum(post[:-1], pre[1:])
    day = np.array([date.year * 10_000 + date.month * 100 + date.day for date in days.index], np.int64)
    return (
        day, pre, opens,
        np.where(broken, columns["break_start"], closes), np.where(broken, columns["break_end"], closes),
        closes, post, halves,
    )  # fmt: skip


def calendar_names() -> list[str]:
    """Return the names of all calendars there are, such as XNYS: without exchange-calendars, those that are kept."""
    return sorted({*kept_names(), *(_library("")[1] if knows_all_calendars() else ())})


def knows_all_calendars() -> bool:
    """Return whether exchange-calendars is there, with the calendars that are not kept."""
    return is_installed(_PACKAGE)


def built_zone(exchange: str) -> str:
    """Return what `zone` does, from exchange-calendars. Raises `MissingLibraryError` without it."""
    exchange_calendars, made = _library(exchange)
    return str(made[exchange_calendars.resolve_alias(exchange)].tz)  # building one takes a second


def _library(exchange: str) -> tuple[Any, Any]:
    """Return exchange-calendars, and its calendars' classes by name; the exchange is named where it is missing."""
    exchange_calendars = import_extra(_PACKAGE, f"the calendar {exchange} needs exchange-calendars", "calendars")
    return exchange_calendars, exchange_calendars.calendar_utils._default_calendar_factories  # noqa: SLF001 - the bounds have no public way


def _milliseconds(column: Any) -> NDArray[np.int64]:
    """Return a column of UTC times as epoch ms; 0 where there is none."""
    naive = column.dt.tz_convert(None).to_numpy().astype("datetime64[ms]")
    return np.where(np.isnat(naive), 0, naive.astype(np.int64))


def _projected(pd: Any, schedule: Any, known: Any, end: Any) -> Any:
    """Return sessions for the time after the schedule, where no holidays are known: weekdays, with the usual hours."""
    days = pd.date_range(schedule.index[-1] + pd.Timedelta(days=1), end)
    days = days[[known.weekmask[day] == "1" for day in days.day_of_week]]
    hours = schedule.iloc[-60:].copy()
    length = hours["close"] - hours["open"]
    model = hours[length == length.mode().iloc[0]].iloc[-1]
    columns = {}
    for name in schedule.columns:
        at = model[name]
        if pd.isna(at):
            columns[name] = pd.Series(pd.NaT, index=days, dtype=schedule[name].dtype)
            continue
        local = at.tz_convert(known.tz)
        offset = local.tz_localize(None) - model.name
        columns[name] = pd.Series((days + offset).tz_localize(known.tz, ambiguous=True, nonexistent="shift_forward"))
        columns[name].index = days
        columns[name] = columns[name].dt.tz_convert("UTC").astype(schedule[name].dtype)
    return pd.DataFrame(columns, index=days, columns=schedule.columns)
