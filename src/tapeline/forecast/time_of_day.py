"""Say how variance and volume run through a session: exponentials near its open and its close.

Minutes after the open move several times as much as those at noon. A forecast made at noon, and a comparison of a
minute with the one an hour before, are only right where that is taken out first.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tapeline.core.bars import Sessions
from tapeline.core.jit import jit
from tapeline.core.market import Bars, Flags, Floats, Ints
from tapeline.core.sessions import calendar, exchange_of
from tapeline.core.times import MINUTE
from tapeline.forecast.labels import INTRADAY
from tapeline.forecast.range_layout import HORIZONS

#: Minutes after which an exponential has fallen to 37%: of those that begin at the open, then of those at the close.
AFTER_OPEN = (2.0, 15.0, 75.0)
BEFORE_CLOSE = (2.0, 15.0)

#: Numbers of a profile.
TERMS = len(AFTER_OPEN) + len(BEFORE_CLOSE)

_COLUMNS = 2 + 2 * len(HORIZONS)
_FOREVER = 1e6  # minutes from the open or to the close of a market that does not close
_SCALES = np.array([*AFTER_OPEN, *BEFORE_CLOSE])
_OPENING = len(AFTER_OPEN)


def session_times(bars: Bars) -> Floats:
    """Return how long after the session's open and before its close each bar opens, in minutes, float64 [n, 2].

    By the calendar of each symbol's exchange; NaN outside every session. Sessions without a pause between them count as
    one, which has no open and no close.
    """
    exchanges = [exchange_of(symbol) for symbol in bars.symbols]
    used = set(exchanges)
    if len(used) == 1:
        return _times(used.pop(), bars.timestamp)
    found = np.full((len(bars), 2), np.nan)
    own = np.array(exchanges)[bars.code]
    for exchange in used:
        where = own == exchange
        found[where] = _times(exchange, bars.timestamp[where])
    return found


def _times(exchange: str, timestamp: Ints) -> Floats:
    first = np.append(0, np.flatnonzero(timestamp[1:] != timestamp[:-1]) + 1)
    if 2 * len(first) < len(timestamp):  # the same minute of many symbols is looked up once
        return np.repeat(_times(exchange, timestamp[first]), np.diff(first, append=len(timestamp)), axis=0)
    sessions, no_open, no_close = _edges(exchange)
    at, inside = sessions.find(timestamp)
    found = np.empty((len(timestamp), 2))
    found[:, 0] = np.where(no_open[at], _FOREVER, (timestamp - sessions.open[at]) / MINUTE)
    found[:, 1] = np.where(no_close[at], _FOREVER, (sessions.close[at] - timestamp) / MINUTE)
    found[~inside] = np.nan
    return found


@cache
def _edges(exchange: str) -> tuple[Sessions, Flags, Flags]:
    """Return the sessions, and which of them go on from the one before or into the next without a pause."""
    sessions = calendar(exchange).trading()
    joined = sessions.open[1:] <= sessions.close[:-1]
    return sessions, np.append(False, joined), np.append(joined, False)


def terms(times: Floats) -> Floats:
    """Return the exponentials at these `session_times`, float64 [n, TERMS]; zero outside sessions."""
    columns = np.repeat(times, (_OPENING, TERMS - _OPENING), axis=1)
    found: Floats = np.nan_to_num(np.exp(-columns / _SCALES), nan=0.0)
    return found


def season(bars: Bars, interval: int, variance: Floats, volume: Floats) -> Floats:
    """Return what the step takes as `season`, float64 [len(bars), 2 + 2 * horizons].

    These are the factors of variance and volume in each bar, and their means over each horizon. `variance` and `volume`
    are profiles, float64 [TERMS] each: the logarithm of the factor for each exponential. A bar outside every session,
    or whose horizon leaves it, has NaN for it: nobody trades over the night that follows. Bars of half a day and more
    have no time of day.
    """
    if interval >= INTRADAY:
        return np.ones((len(bars), _COLUMNS))
    out = np.empty((len(bars), _COLUMNS))
    _fill(session_times(bars), interval / MINUTE, variance, volume, _SCALES, out)
    return out


def warm_up() -> None:
    """Load what is compiled from the cache, or compile it, without a calendar."""
    _fill(np.zeros((1, 2)), 1.0, np.zeros(TERMS), np.zeros(TERMS), _SCALES, np.empty((1, _COLUMNS)))


@jit
def _fill(times: Floats, length: float, variance: Floats, volume: Floats, scales: Floats, out: Floats) -> None:
    term, step = np.empty(len(scales)), np.empty(len(scales))
    for j in range(len(scales)):
        step[j] = np.exp((-length if j < _OPENING else length) / scales[j])
    horizons = len(HORIZONS)
    for i in range(len(times)):
        if i > 0 and times[i, 0] == times[i - 1, 0] and times[i, 1] == times[i - 1, 1]:  # another symbol's same minute
            out[i] = out[i - 1]
            continue
        left = times[i, 1]
        inside = not np.isnan(left)
        for j in range(len(scales)):
            term[j] = np.exp(-times[i, 0 if j < _OPENING else 1] / scales[j]) if inside else 0.0
        total = total_volume = 0.0
        k = 0
        for ahead in range(HORIZONS[horizons - 1] + 1):
            if ahead > 0 and not left > ahead * length:  # NaN outside sessions
                break
            own = own_volume = 0.0
            for j in range(len(scales)):
                own += variance[j] * term[j]
                own_volume += volume[j] * term[j]
                term[j] *= step[j]
            own, own_volume = np.exp(own), np.exp(own_volume)
            if ahead == 0:
                out[i, 0], out[i, 1] = own, own_volume
                continue
            total += own
            total_volume += own_volume
            if ahead == HORIZONS[k]:
                out[i, 2 + k], out[i, 2 + horizons + k] = total / ahead, total_volume / ahead
                k += 1
        while k < horizons:
            out[i, 2 + k], out[i, 2 + horizons + k] = np.nan, np.nan
            k += 1
