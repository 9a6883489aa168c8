"""Choose the lengths that a symbol's stored bars can be shown at, and where such candles begin and end."""

from __future__ import annotations

import functools

import numpy as np

from tapeline.core.bars import Grid, Sessions, usual_interval
from tapeline.core.market import Ints
from tapeline.core.sessions import calendar, exchange_of
from tapeline.core.times import DAY, HOUR, MINUTE, interval_name
from tapeline.errors import NotPossibleError

#: Intervals to choose from beside the stored one: name -> ms.
INTERVALS = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "1d": DAY}


def stored_interval(timestamp: Ints) -> int:
    """Return the interval (ms) of one symbol's bars, which open at these times; a minute where they do not tell."""
    return usual_interval(timestamp) or MINUTE


def choices(stored: int) -> list[str]:
    """Return the names of the intervals that bars of this length (ms) can be shown at, the stored one first."""
    return [interval_name(stored), *(name for name, ms in INTERVALS.items() if ms > stored and ms % stored == 0)]


def chosen(name: str | None, stored: int) -> int:
    """Return the interval of this name in ms (None: the stored one).

    Raises `NotPossibleError` for one that is shorter than the stored one or no multiple of it.
    """
    if name is None or name == interval_name(stored):
        return stored
    if name not in choices(stored):
        possible = ", ".join(choices(stored))
        raise NotPossibleError(
            f"the stored bars are {interval_name(stored)} long; intervals to choose from: {possible}"
        )
    return INTERVALS[name]


def grid(symbol: str, interval: int, timestamp: Ints) -> Grid:
    """Return where candles of this length begin and end, for a symbol with bars at these times.

    Within a day they are aligned to the open of regular trading, and to the start of pre-market and after hours there,
    so that none spans two of these. A one-day candle is the regular session. Bars at times at which the exchange is
    closed (a file of another market) are aligned to UTC instead, so that nothing is left out.
    """
    exchange = exchange_of(symbol)
    if exchange in {"24/7", "24/5"}:
        return Grid(interval)
    parts = Grid(interval, _parts(exchange))
    if len(timestamp) and not parts.spans(timestamp)[2].all():
        return Grid(interval)
    return parts if interval < DAY else Grid(DAY, calendar(exchange).trading(breaks=False))


@functools.cache
def _parts(exchange: str) -> Sessions:
    """Return pre-market, regular trading around the lunch break, and after hours of every day as separate sessions."""
    known = calendar(exchange)
    regular = known.trading()
    dates = known.trading(breaks=False).date
    opens = np.concatenate((known.pre, regular.open, known.close))
    closes = np.concatenate((known.open, regular.close, known.post))
    order = np.lexsort((closes, opens))  # an empty part is before the one that begins where it does
    return Sessions(opens[order], closes[order], np.concatenate((dates, regular.date, dates))[order])
