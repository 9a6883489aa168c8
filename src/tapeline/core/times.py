"""Name the lengths of time that bars are made of, in milliseconds.

A calendar month has no fixed length. As an interval it is `MONTH`, the mean length of one: no bar is that long, so the
number means nothing else, and it sorts where a month belongs. Where months begin is for `bars.Grid` to say.
"""

from __future__ import annotations

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONTH = 1461 * DAY // 48  # 30.4375 days

_UNITS = (("mo", MONTH), ("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))


def interval_name(interval: int) -> str:
    """Return the short name of an interval in ms: 300,000 is `5m`, `MONTH` is `1mo`."""
    for unit, size in _UNITS:
        if interval >= size and interval % size == 0:
            return f"{interval // size}{unit}"
    return f"{interval}ms"
