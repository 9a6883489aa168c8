"""Name the lengths of time that bars are made of, in milliseconds.

A calendar month has no fixed length. As an interval it is `MONTH`, the mean length of one: no bar is that long, so the
number means nothing else, and it sorts where a month belongs. Where months begin is for `bars.Grid` to say.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

from tapeline.errors import InputError

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONTH = 1461 * DAY // 48  # 30.4375 days

_UNITS = (("mo", MONTH), ("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))
_NAME = re.compile(r"([1-9]\d{0,8})(ms|s|m|h|d|w|mo)")


def interval_name(interval: int) -> str:
    """Return the short name of an interval in ms: 300,000 is `5m`, `MONTH` is `1mo`."""
    for unit, size in _UNITS:
        if interval >= size and interval % size == 0:
            return f"{interval // size}{unit}"
    return f"{interval}ms"


def interval_ms(name: str) -> int | None:
    """Return the interval of this name in ms, None for a text that is no such name: `90m` is 5,400,000."""
    match = _NAME.fullmatch(name)
    return None if match is None else int(match[1]) * dict(_UNITS, ms=1)[match[2]]


def epoch_ms(value: float | str | date | datetime) -> int:
    """Return a time that a person gave as UTC epoch ms.

    It is a number of ms, a date (its midnight), a time of Python, NumPy or pandas, or text in ISO format such as
    `2026-01-02` or `2026-01-02T09:30-05:00`. What names no zone is UTC. Raises `InputError` for anything else.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    try:
        if isinstance(value, int | float):
            return int(value)
        if not isinstance(value, datetime):
            text = str(value).strip()
            if text.lstrip("-").isdecimal():
                return int(text)
            value = datetime.fromisoformat(text)
        zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(zoned.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{value!r} is no time; write 2026-01-02, 2026-01-02T14:30 (UTC) or epoch ms") from error
