"""Name the lengths of time that bars are made of, in milliseconds."""

from __future__ import annotations

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))


def interval_name(interval: int) -> str:
    """Return the short name of an interval in ms: 300,000 is `5m`."""
    for unit, size in _UNITS:
        if interval >= size and interval % size == 0:
            return f"{interval // size}{unit}"
    return f"{interval}ms"
