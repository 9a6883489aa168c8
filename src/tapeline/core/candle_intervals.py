"""Choose the lengths that a symbol's stored bars can be shown at, and where such candles begin and end."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from tapeline.core.bars import Grid, Sessions, is_thin, shortest_interval, usual_interval
from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Ints
from tapeline.core.sessions import calendar, exchange_of
from tapeline.core.times import DAY, HOUR, MINUTE, MONTH, WEEK, interval_name
from tapeline.errors import NotPossibleError

#: Intervals to choose from beside the stored one: name -> ms.
INTERVALS = {
    interval_name(ms): ms
    for ms in (
        MINUTE, 2 * MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR,
        DAY, WEEK, MONTH,
    )
}  # fmt: skip

#: Exchanges whose candles keep to UTC: their trading has no daily open to begin at.
ROUND_THE_CLOCK = frozenset({"24/7", "24/5"})


@dataclass(frozen=True, slots=True, eq=False)
class CandleGrid(Grid):
    """Say where the candles of one series begin and end.

    `daily` says that its finer bars are days, stamped with midnight UTC; `hours` are the times that all of them were
    found to keep to, None where they keep to none.
    """

    daily: bool = False
    hours: Sessions | None = None

    def fits(self, timestamps: Ints) -> bool:
        """Return whether bars at these times leave the grid as it is, when they join those it was chosen for."""
        if self.daily and not _all_midnights(timestamps):
            return False
        return self.hours is None or bool(self.hours.find(timestamps)[1].all())

    def is_over(self, timestamp: int, known: int) -> bool:
        """Return whether the candle that this time falls into ends by `known`, up to which all bars are known."""
        return known >= int(self.spans(np.array([timestamp]))[1][0])


def stored_interval(timestamp: Ints) -> int:
    """Return the interval (ms) of one symbol's bars, which open at these times, in order.

    It is the usual one, except of a thin share: where no time apart is that of most bars, it is the shortest. Where
    there are no two bars, it is a minute.
    """
    usual, shortest = usual_interval(timestamp), shortest_interval(timestamp)
    if usual is None or shortest is None:
        return MINUTE
    return shortest if is_thin(timestamp) else usual


def choices(stored: int) -> list[str]:
    """Return the names of the intervals that bars of this length (ms) can be shown at, the stored one first.

    Weeks and months are made of days, so whatever divides a day can be shown at these.
    """
    longer = (name for name, ms in INTERVALS.items() if ms > stored and min(ms, DAY) % stored == 0)
    return [interval_name(stored), *longer]


def chosen(name: str | None, stored: int) -> int:
    """Return the interval of this name in ms (None: the stored one).

    Raises `NotPossibleError` for one that is shorter than the stored one or no multiple of it.
    """
    if name is None or name == interval_name(stored):
        return stored
    if name not in choices(stored):
        possible = ", ".join(choices(stored))
        raise NotPossibleError(f"the bars are {interval_name(stored)} long; intervals to choose from: {possible}")
    return INTERVALS[name]


def grid(symbol: str, interval: int, timestamp: Ints) -> CandleGrid:
    """Return where candles of this length begin and end, for a symbol with bars at these times."""
    return exchange_grid(exchange_of(symbol), interval, timestamp)


def exchange_grid(exchange: str, interval: int, timestamp: Ints) -> CandleGrid:
    """Return where candles of this length begin and end, for a series on this exchange with bars at these times.

    Within a day they are aligned to the open of regular trading, and to the start of pre-market and after hours there,
    so that none spans two of these. A one-day candle is the regular session; a week or a month is made of those.
    Daily bars, stamped with midnight UTC of a session's date, are the sessions themselves.

    Bars at times at which the exchange is closed (a file of another market, or with a bar on a holiday) are aligned to
    UTC instead, so that nothing is left out; daily ones that are all of weekdays end their week on Friday. Which of
    these it is depends on the times alone, not on their order.
    """
    if exchange in ROUND_THE_CLOCK:
        return CandleGrid(interval)
    daily = len(timestamp) > 0 and _all_midnights(timestamp)
    for hours in (_dates(exchange), _weekdays()) if daily else (calendar(exchange).hours(),):
        if hours.find(timestamp)[1].all():
            cells = hours if daily or interval < DAY else calendar(exchange).trading(breaks=False)
            return CandleGrid(interval, cells, daily, hours)
    return CandleGrid(interval, None, daily)


def _all_midnights(timestamps: Ints) -> bool:
    """Return whether all bars are daily. Midnight UTC alone says little: in winter it is after hours in New York."""
    return not (timestamps % DAY).any()


@functools.cache
def _dates(exchange: str) -> Sessions:
    """Return the days in UTC whose dates the exchange's sessions have."""
    dates = calendar(exchange).trading(breaks=False).date
    return Sessions(dates, dates + DAY, dates)


@functools.cache
def _weekdays() -> Sessions:
    """Return every day from Monday to Friday, in UTC, of the years that bars may have."""
    days = np.arange(EARLIEST_TIMESTAMP // DAY, LATEST_TIMESTAMP // DAY).astype("datetime64[D]")
    dates = days[np.is_busday(days)].astype("datetime64[ms]").astype(np.int64)
    return Sessions(dates, dates + DAY, dates)
