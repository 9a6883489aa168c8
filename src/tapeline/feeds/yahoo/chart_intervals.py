"""The intervals Yahoo's charts have, how much of each a request may ask for, and how far back there is any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.errors import FeedError

_YEAR = 365 * DAY

#: Yahoo counts its windows from the second it answers in; so much is kept off the edge.
_MARGIN = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval. `span` is the longest time a request may cover, `reach` how far back it may start, all in ms.

    `grace` is how long after its close a bar is still left to change. `requested` is what Yahoo is asked for: it
    answers a request for 30m with 60m, so 30m bars are made of 15m ones.
    """

    name: str
    ms: int
    span: int
    reach: int
    grace: int
    requested: str

    def windows(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The requests that cover start <= t < end, oldest first."""
        while start < end:
            stop = min(start + self.span, end)
            yield start, stop
            start = stop

    def oldest(self, now: int) -> int:
        """The earliest time Yahoo still has this interval for."""
        return now - self.reach + _MARGIN


def _interval(name: str, ms: int, span: int, reach: int, grace: int = 45_000, requested: str = "") -> Interval:
    return Interval(name, ms, span, reach, grace, requested or name)


#: 1m: 7 days a request, 30 days back; 2m-90m: 60 days; 1h: 730 days; 1d: as far as there is any.
INTERVALS = {
    interval.name: interval
    for interval in (
        _interval("1m", MINUTE, 7 * DAY, 30 * DAY),
        _interval("2m", 2 * MINUTE, 60 * DAY, 60 * DAY),
        _interval("5m", 5 * MINUTE, 60 * DAY, 60 * DAY),
        _interval("15m", 15 * MINUTE, 60 * DAY, 60 * DAY),
        _interval("30m", 30 * MINUTE, 60 * DAY, 60 * DAY, requested="15m"),
        _interval("60m", HOUR, 730 * DAY, 730 * DAY),
        _interval("90m", 90 * MINUTE, 60 * DAY, 60 * DAY),
        _interval("1h", HOUR, 730 * DAY, 730 * DAY),
        _interval("1d", DAY, 100 * _YEAR, 100 * _YEAR, grace=20 * MINUTE),
    )
}

_PERIOD = re.compile(r"(\d+)(h|d|wk|mo|y)")
_UNITS = {"h": HOUR, "d": DAY, "wk": 7 * DAY, "mo": 30 * DAY, "y": _YEAR}


def interval_of(name: str) -> Interval:
    """The interval of this name. Raises `FeedError` for one that Yahoo does not have."""
    try:
        return INTERVALS[name]
    except KeyError:
        raise FeedError(f"Yahoo has no interval {name!r}; there are {', '.join(INTERVALS)}") from None


def period_ms(text: str, interval: Interval) -> int:
    """The length of a period such as 30d, 8wk, 6mo, 2y or max. Raises `FeedError` for anything else."""
    if text == "max":
        return interval.reach
    match = _PERIOD.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise FeedError(f"{text!r} is no period; write 12h, 30d, 8wk, 6mo, 2y or max")
    return min(int(match[1]) * _UNITS[match[2]], 100 * _YEAR)
