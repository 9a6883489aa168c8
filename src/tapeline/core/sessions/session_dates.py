"""Stamp bars of a day or longer with midnight UTC of the date that their exchange gives them.

Sources stamp one and the same day at midnight of the exchange, at its open or close, at midnight UTC or at that of
whoever wrote them down. As a date they are one bar.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Ints
from tapeline.core.sessions.schedule import zone
from tapeline.core.times import DAY, HOUR

#: What is written down as a date is one, wherever it was written.
AS_WRITTEN = "UTC"

#: Currencies and American futures: their day begins at 17:00 in New York, the evening before its date.
_FROM_THE_EVENING = frozenset({"24/5", "CMES"})
_EVENING, _NEW_YORK = 7 * HOUR, "America/New_York"


def session_dates(timestamps: Ints, exchange: str) -> Ints:
    """Return midnight UTC of the date of each daily bar, int64 [n]; `timestamps` are UTC epoch ms.

    Midnight UTC is itself: it says a date. Any other time has its date at the exchange. Around the clock (crypto) that
    is the nearest midnight UTC, since whoever stamps a day elsewhere is at most twelve hours away.
    """
    other = timestamps % DAY != 0
    if not other.any():
        return timestamps
    if exchange == AS_WRITTEN:
        return timestamps // DAY * DAY
    own = timestamps[other]
    if exchange == "24/7":
        own = own + DAY // 2
    elif exchange in _FROM_THE_EVENING:
        own = own + _ahead(own, ZoneInfo(_NEW_YORK)) + _EVENING
    else:
        own = own + _ahead(own, ZoneInfo(zone(exchange)))
    dates = timestamps.copy()
    dates[other] = own // DAY * DAY
    return dates


def _ahead(utc: Ints, of: ZoneInfo) -> Ints:
    """Return how far a zone's clocks are ahead of these UTC times, in ms."""
    hours, index = np.unique(np.clip(utc, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP) // HOUR, return_inverse=True)
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    ahead = [(start + dt.timedelta(hours=hour)).astimezone(of).utcoffset() for hour in hours.tolist()]
    found: Ints = np.array([int((each or dt.timedelta()).total_seconds() * 1000) for each in ahead], np.int64)[index]
    return found
