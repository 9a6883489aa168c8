"""Tell from the bars themselves what their symbol leaves open: a market around the clock, or times of a local clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from tapeline.core.market import Codes, Flags, Ints
from tapeline.core.sessions import calendar
from tapeline.core.times import DAY


def weekend(timestamps: Ints) -> Flags:
    """Return which of these times (UTC epoch ms) are on a Saturday, or on a Sunday before any market opens for Monday.

    Bars there prove a market around the clock, where several are: one alone may be a mistake.
    """
    day = (timestamps // DAY + 3) % 7  # 0 is Monday
    found: Flags = (day == 5) | ((day == 6) & (timestamps % DAY < DAY // 2))
    return found


def around_the_clock(timestamps: Ints, codes: Codes, symbols: int) -> Flags:
    """Return for each symbol whether its bars prove that it trades on weekends, bool [symbols].

    Of seven days two are on a weekend, so a fourteenth of all bars is far from chance, and far from a mistake.
    """
    counts = np.bincount(codes, minlength=symbols)
    return np.bincount(codes, weekend(timestamps), symbols) * 14 > counts


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
