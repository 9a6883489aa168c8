"""Describe the intervals a venue offers: how much a request may ask for, how far back, and where bars begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tapeline.core.bars import Grid
from tapeline.core.sessions import Calendar, Phase
from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.errors import FeedError

YEAR = 365 * DAY

#: Exchanges that trade around the clock: their bars are aligned to the hour, and no price is outside a session.
CONTINUOUS = frozenset({"24/7", "24/5", "CMES"})

#: A venue counts its window from the second it answers in, so requests keep this far from the edge.
_MARGIN = 10 * MINUTE

_PERIOD = re.compile(r"(\d+)(h|d|wk|mo|y)")
_UNITS = {"h": HOUR, "d": DAY, "wk": 7 * DAY, "mo": 30 * DAY, "y": YEAR}


@dataclass(frozen=True, slots=True)
class Interval:
    """Hold one interval of a venue, all lengths in ms.

    `ms` is the length of a bar, `span` the longest time one request may cover, and `reach` how far back the venue goes.
    A bar may still change for `grace` after its end; only then is it final. `requested` names the interval the venue
    is asked for where longer bars are made of shorter ones. `extended` says that bars of pre-market and after hours are
    wanted as well, aligned to the start of each.
    """

    name: str
    ms: int
    span: int
    reach: int
    grace: int
    requested: str
    extended: bool = False

    def windows(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the requests that cover start <= t < end, oldest first."""
        while start < end:
            stop = min(start + self.span, end)
            yield start, stop
            start = stop

    def oldest(self, now: int) -> int:
        """Return the earliest time (UTC epoch ms) for which the venue still has this interval."""
        return now - self.reach + _MARGIN


def grid_of(calendar: Calendar, interval: Interval) -> Grid:
    """Return where bars of this interval begin and end on the calendar's exchange."""
    if calendar.exchange in CONTINUOUS:
        return Grid(interval.ms)
    if interval.extended:
        return Grid(interval.ms, calendar.hours())
    return Grid(interval.ms, calendar.trading(breaks=interval.ms < DAY))


def trades(interval: Interval, phase: Phase) -> bool:
    """Return whether bars of this interval come while a market is in this phase."""
    return phase is Phase.OPEN or (interval.extended and phase in {Phase.PRE, Phase.POST})


def session_start(calendar: Calendar, interval: Interval, timestamp: int) -> int:
    """Return when the first bar of the latest session begins that has begun: at the open, or with pre-market."""
    session = calendar.at(timestamp).session
    if session is None:
        return timestamp
    return session.pre if interval.extended else session.open


def period_ms(text: str, interval: Interval) -> int:
    """Return the length in ms of a period such as 30d, 8wk, 6mo, 2y or max. Raise `FeedError` for anything else."""
    if text == "max":
        return interval.reach
    match = _PERIOD.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise FeedError(f"{text!r} is no period; write 12h, 30d, 8wk, 6mo, 2y or max")
    return min(int(match[1]) * _UNITS[match[2]], 100 * YEAR)
