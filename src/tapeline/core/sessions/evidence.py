"""Tell from the bars themselves what their symbol leaves open.

That is a market around the clock, times of a local clock, and times that are the ends of bars.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from tapeline.core.market import Codes, Flags, Ints
from tapeline.core.sessions import calendar
from tapeline.core.times import DAY, MINUTE

_HALF_HOUR = 30 * MINUTE
_BARS_OF_A_DAY = 10  # fewer say nothing about when a day begins
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


def stamped_at_ends(times: Ints, codes: Codes, interval: int) -> bool:
    """Return whether bars have the times of their ends: every day begins one interval after a half hour, ends on one.

    `interval` is the length of a bar in ms. The first symbol is looked at.
    """
    if interval >= _HALF_HOUR or len(times) < _BARS_OF_A_DAY:
        return False
    own = np.sort(times[codes == codes[0]])
    _, first, counts = np.unique(own // DAY, return_index=True, return_counts=True)
    last = first + counts - 1
    full = counts >= _BARS_OF_A_DAY
    begins = own[first[full]] % _HALF_HOUR
    ends = own[last[full]] % _HALF_HOUR
    complete = ends[:-1] if len(ends) > 1 else ends
    return len(begins) > 0 and bool((begins == interval).all() and (complete == 0).all())


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
