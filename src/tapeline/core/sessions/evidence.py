"""Tell from the bars themselves what their symbol leaves open: a market around the clock, or times of a local clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from tapeline.core.market import Codes, Flags, Ints
from tapeline.core.sessions import calendar
from tapeline.core.times import DAY

_DAYS = 1 << 20  # more than there are days between the earliest and the latest time


def around_the_clock(timestamps: Ints, codes: Codes, symbols: int) -> Flags:
    """Return for each symbol whether its bars prove a market that never closes, bool [symbols].

    The proof is a bar on a Saturday and one on the Sunday after it (in UTC). A lone one is a mistake, the stamp of a
    week, or an exchange that opens on Sundays.
    """
    date = timestamps // DAY
    near = (date + 3) % 7 >= 5  # nothing else need be sorted; 1970-01-01 was a Thursday
    days = np.unique(codes[near].astype(np.int64) * _DAYS + date[near] + _DAYS // 2)
    saturdays = days[(days % _DAYS - _DAYS // 2 + 3) % 7 == 5]
    proven = saturdays[np.isin(saturdays + 1, days, assume_unique=True)]
    found: Flags = np.bincount(proven // _DAYS, minlength=symbols) > 0
    return found


def reads_as_local(exchange: str, timestamps: Ints) -> str:
    """Return the zone of an exchange where times without one fit its hours as local times better than as UTC, or ''.

    `timestamps` are the times as if they were UTC. Regular hours count, and pre-market and after hours less.
    """
    known = calendar(exchange)
    zone = ZoneInfo(known.zone)
    days = np.unique(timestamps // DAY)
    ahead = np.array([_ahead(day, zone) for day in days.tolist()], np.int64)
    local = timestamps - ahead[np.searchsorted(days, timestamps // DAY)]
    return known.zone if _fit(known.pre, known.open, known.close, known.post, local) > _fit(
        known.pre, known.open, known.close, known.post, timestamps
    ) else ""  # fmt: skip


def _fit(pre: Ints, opens: Ints, close: Ints, post: Ints, timestamps: Ints) -> float:
    """Return how many of the times are in regular hours, plus how many are in any."""
    total = 0.0
    for first, last in ((opens, close), (pre, post)):
        at = np.maximum(np.searchsorted(first, timestamps, "right") - 1, 0)
        total += float(np.mean((timestamps >= first[at]) & (timestamps < last[at])))
    return total


def _ahead(day: int, zone: ZoneInfo) -> int:
    noon = dt.datetime(1970, 1, 1, 12, tzinfo=zone) + dt.timedelta(days=day)
    offset = noon.utcoffset()
    return 0 if offset is None else int(offset.total_seconds() * 1000)
