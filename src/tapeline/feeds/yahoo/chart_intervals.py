"""List the intervals of Yahoo's charts, how much of each one request may cover, and how far back each one goes."""

from __future__ import annotations

from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.feeds.live.bar_intervals import YEAR, Interval

#: What messages call the venue.
VENUE = "Yahoo"


def _interval(name: str, ms: int, span: int, reach: int, grace: int = 45_000, requested: str = "") -> Interval:
    return Interval(name, ms, span, reach, grace, requested or name)


#: 1m: 7 days a request, 30 days back; 2m-90m: 60 days; 1h: 730 days; 1d: as far back as Yahoo goes. Yahoo answers a
#: request for 30m with 60m, so 30m bars are made of 15m ones.
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
        _interval("1d", DAY, 100 * YEAR, 100 * YEAR, grace=20 * MINUTE),
    )
}
