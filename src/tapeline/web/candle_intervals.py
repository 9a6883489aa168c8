"""Lengths of candles: which a symbol's stored bars can be shown at, and where such candles begin and end."""

from __future__ import annotations

import functools

import numpy as np

from tapeline.core.bars import Grid, Sessions
from tapeline.core.market import Ints
from tapeline.core.sessions import calendar, exchange_of
from tapeline.core.times import DAY, HOUR, MINUTE, interval_name
from tapeline.errors import InputError

#: What can be chosen beside the stored one: name -> ms.
INTERVALS = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "1d": DAY}


def stored_interval(timestamp: Ints) -> int:
    """The usual time between two of these bars (open times of one symbol in order), ms; a minute where nothing tells.

    A day where all of them open at midnight UTC.
    """
    if len(timestamp) and not (timestamp % DAY).any():
        return DAY
    steps = np.diff(timestamp)
    steps = steps[steps > 0]
    if not len(steps):
        return MINUTE
    lengths, counts = np.unique(steps, return_counts=True)
    return int(lengths[counts.argmax()])


def choices(stored: int) -> list[str]:
    """The names of the intervals that bars of this length can be shown at, the stored one first."""
    return [interval_name(stored), *(name for name, ms in INTERVALS.items() if ms > stored and ms % stored == 0)]


def chosen(name: str | None, stored: int) -> int:
    """The interval of this name (None: the stored one) in ms. Raises `InputError`."""
    if name is None or name == interval_name(stored):
        return stored
    if name not in choices(stored):
        possible = ", ".join(choices(stored))
        raise InputError(f"the stored bars are {interval_name(stored)} long; intervals to choose from: {possible}")
    return INTERVALS[name]


def grid(symbol: str, interval: int, timestamp: Ints) -> Grid:
    """Where candles of this length begin and end, for a symbol with bars at these times.

    Within a day they are aligned to the open of regular trading, and to the start of pre-market and after hours there,
    so that none spans two of these. A one-day candle is the regular session. Bars at times at which the exchange is
    shut (a file of another market) are aligned to UTC instead: nothing is left out.
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
    """Pre-market, regular trading around the lunch break, and after hours of every day, as sessions of their own."""
    known = calendar(exchange)
    regular = known.trading()
    dates = known.trading(breaks=False).date
    opens = np.concatenate((known.pre, regular.open, known.close))
    closes = np.concatenate((known.open, regular.close, known.post))
    order = np.lexsort((closes, opens))  # an empty part is before the one that begins where it does
    return Sessions(opens[order], closes[order], np.concatenate((dates, regular.date, dates))[order])
