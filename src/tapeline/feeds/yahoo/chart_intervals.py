"""The intervals Yahoo's charts have, how much of each a request may ask for, and how far back there is any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tapeline.feeds.yahoo.errors import YahooError

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY

#: Yahoo counts its windows from the second it answers in; so much is kept off the edge.
_MARGIN = 10 * _MINUTE


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
        _interval("1m", _MINUTE, 7 * _DAY, 30 * _DAY),
        _interval("2m", 2 * _MINUTE, 60 * _DAY, 60 * _DAY),
        _interval("5m", 5 * _MINUTE, 60 * _DAY, 60 * _DAY),
        _interval("15m", 15 * _MINUTE, 60 * _DAY, 60 * _DAY),
        _interval("30m", 30 * _MINUTE, 60 * _DAY, 60 * _DAY, requested="15m"),
        _interval("60m", _HOUR, 730 * _DAY, 730 * _DAY),
        _interval("90m", 90 * _MINUTE, 60 * _DAY, 60 * _DAY),
        _interval("1h", _HOUR, 730 * _DAY, 730 * _DAY),
        _interval("1d", _DAY, 100 * _YEAR, 100 * _YEAR, grace=20 * _MINUTE),
    )
}

_PERIOD = re.compile(r"(\d+)(h|d|wk|mo|y)")
_UNITS = {"h": _HOUR, "d": _DAY, "wk": 7 * _DAY, "mo": 30 * _DAY, "y": _YEAR}


def interval_of(name: str) -> Interval:
    """The interval of this name. Raises `YahooError` for one that Yahoo does not have."""
    try:
        return INTERVALS[name]
    except KeyError:
        raise YahooError(f"Yahoo has no interval {name!r}; there are {', '.join(INTERVALS)}") from None


def period_ms(text: str, interval: Interval) -> int:
    """The length of a period such as 30d, 8wk, 6mo, 2y or max. Raises `YahooError` for anything else."""
    if text == "max":
        return interval.reach
    match = _PERIOD.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise YahooError(f"{text!r} is no period; write 12h, 30d, 8wk, 6mo, 2y or max")
    return min(int(match[1]) * _UNITS[match[2]], 100 * _YEAR)
