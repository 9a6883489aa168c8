"""Make longer candles of bars that are in memory: those of a file, or of a data frame."""

from __future__ import annotations

import difflib

import numpy as np

from tapeline.core.bars import resample, usual_interval
from tapeline.core.candle_intervals import chosen, exchange_grid
from tapeline.core.market import Bars
from tapeline.core.sessions import exchange_of
from tapeline.core.sessions.schedule import calendar_names
from tapeline.core.times import MINUTE
from tapeline.errors import InputError

#: What people call the calendar of a market that never closes.
_ALWAYS = {"UTC": "24/7"}


def resampled(bars: Bars, interval: str, calendar: str | None = None) -> Bars:
    """Return the candles of this interval (a name such as `30m` or `1w`), in the order of time, then of the symbols.

    They are those that the page shows of such bars: within a day they begin at the session's open, a day is a session,
    a week or month is made of sessions. `calendar` is an exchange's (`XNYS`, `XLON`, `24/7` or `UTC`), None for the one
    that each symbol trades by. Raises `InputError` for a calendar that does not exist, and `NotPossibleError` for an
    interval that the bars do not divide.
    """
    exchange = None if calendar is None else _known(calendar)
    length = chosen(interval, usual_interval(bars.timestamp, bars.code) or MINUTE)
    order = np.argsort(bars.code, kind="stable")
    edges = np.searchsorted(bars.code[order], np.arange(len(bars.symbols) + 1)).tolist()
    made = []
    for symbol, first, last in zip(bars.symbols, edges[:-1], edges[1:], strict=True):
        own = bars[order[first:last]]
        made.append(resample(own, exchange_grid(exchange or exchange_of(symbol), length, own.timestamp)))
    found = Bars.concat(made)
    return found[np.lexsort((found.code, found.timestamp))]


def _known(name: str) -> str:
    exchange = _ALWAYS.get(name.upper(), name)
    names = calendar_names()
    if exchange not in names:
        near = difflib.get_close_matches(name.upper(), names, 1)
        guess = f"did you mean {near[0]}?" if near else "write XNYS, XLON, XETR, ... or UTC"
        raise InputError(f"there is no calendar {name!r}: {guess}")
    return exchange
