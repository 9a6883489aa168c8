"""What a model is asked: where the close will be `horizon` bars ahead. And how a probability becomes an answer."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tapeline.core.market import Bars, Codes, Direction, Flags, Floats, Ints
from tapeline.core.times import DAY, HOUR, MINUTE

#: Bars ahead that a prediction is about, unless told otherwise.
HORIZON = 5
#: Half-width of the no-trade band in standard deviations of the move: about a fifth of all moves end inside 0.25.
NO_TRADE_BAND = 0.25

#: Bars closer together than this (ms) are intraday.
INTRADAY = 12 * HOUR

_WINDOW = 20  # bars of past volatility that scale the band
_SIGMA = math.sqrt(math.pi / 2)  # a normal variable's standard deviation over its mean absolute value
_PAUSE = 45 * MINUTE  # ms; an intraday series that pauses for longer than this has a session gap there
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One label per bar.

    `direction` is int8 (`Direction`): `NONE` where there is no label, `HOLD` inside the no-trade band. `move` is the
    log return to the deciding bar, NaN where there is none; `end` is that bar's open time (UTC epoch ms, 0 where there
    is none): nothing about the label was known before it.
    """

    direction: NDArray[np.int8]
    move: Floats
    end: Ints


def label(bars: Bars, horizon: int = HORIZON, band: float = NO_TRADE_BAND, *, across_sessions: bool = False) -> Labels:
    """Labels each bar by the direction of its symbol's close `horizon` bars ahead.

    `bars` are final bars, each symbol's in the order of time. A move within `band` standard deviations is HOLD; the
    deviation is that of the symbol's last 20 bar-to-bar returns, scaled by sqrt(horizon). Unlabelled are a symbol's
    first 20 bars and last `horizon` bars and, for intraday bars unless `across_sessions`, those whose horizon reaches
    over a session gap (a pause of more than 45 minutes). Raises `ValueError` when horizon < 1 or band < 0.
    """
    if horizon < 1:
        raise ValueError(f"the horizon must be at least 1 bar, not {horizon}")
    if not band >= 0:
        raise ValueError(f"the no-trade band must not be negative: {band}")
    allowed = np.full(len(bars.symbols), _NEVER, np.int64) if across_sessions else _allowed(bars)
    return Labels(*_label(bars.code, bars.timestamp, bars.close, allowed, horizon, band * _SIGMA * math.sqrt(horizon)))


def intervals(bars: Bars) -> Ints:
    """The usual time between two bars of each symbol of `bars.symbols`, ms (a symbol of fewer than two bars: a day)."""
    order = np.lexsort((bars.timestamp, bars.code))
    code, timestamp = bars.code[order], bars.timestamp[order]
    edges = np.searchsorted(code, np.arange(len(bars.symbols) + 1))
    steps = np.full(len(bars.symbols), DAY, np.int64)
    for place, (first, last) in enumerate(itertools.pairwise(edges)):
        if last - first > 1:
            steps[place] = int(np.median(np.diff(timestamp[first:last])))
    return steps


def session_ends(bars: Bars) -> Flags:
    """Where an intraday symbol's next bar lies behind a session gap, bool [len(bars)]; False at its last bar."""
    order = np.lexsort((bars.timestamp, bars.code))
    code, timestamp = bars.code[order], bars.timestamp[order]
    gap = (code[1:] == code[:-1]) & (np.diff(timestamp) > _allowed(bars)[code[:-1]])
    ends = np.zeros(len(bars), np.bool_)
    ends[order[:-1]] = gap
    return ends


def _allowed(bars: Bars) -> Ints:
    """The longest time between two bars of one session for each symbol, ms; daily bars have no session gaps."""
    step = intervals(bars)
    return np.where(step < INTRADAY, step + _PAUSE, _NEVER)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _label(
    code: Codes, timestamp: Ints, close: Floats, allowed: Ints, horizon: int, band: float
) -> tuple[NDArray[np.int8], Floats, Ints]:
    count, symbols = len(code), len(allowed)
    direction = np.zeros(count, np.int8)
    move = np.full(count, np.nan)
    end = np.zeros(count, np.int64)
    volatility = np.full(count, np.nan)
    seen = np.zeros(symbols, np.int64)
    unbroken = np.zeros(symbols, np.int64)  # steps since the last session gap
    last = np.zeros(symbols, np.int64)
    waiting = np.zeros((symbols, horizon), np.int64)  # the last `horizon` bars: places in the batch
    returns = np.zeros((symbols, _WINDOW))
    filled = np.zeros(symbols, np.int64)
    for i in range(count):
        s = code[i]
        if seen[s] > 0:
            if timestamp[i] - timestamp[last[s]] > allowed[s]:
                unbroken[s] = 0
            else:
                unbroken[s] += 1
                returns[s, filled[s] % _WINDOW] = abs(np.log(close[i] / close[last[s]]))
                filled[s] += 1
        if filled[s] >= _WINDOW:
            total = 0.0
            for k in range(_WINDOW):
                total += returns[s, k]
            volatility[i] = total / _WINDOW
        slot = seen[s] % horizon
        if seen[s] >= horizon and unbroken[s] >= horizon:
            j = waiting[s, slot]
            if not np.isnan(volatility[j]):
                move[j] = np.log(close[i] / close[j])
                end[j] = timestamp[i]
                if abs(move[j]) <= band * volatility[j]:
                    direction[j] = 3
                else:
                    direction[j] = 1 if move[j] > 0 else 2
        waiting[s, slot] = i
        last[s] = i
        seen[s] += 1
    return direction, move, end


def direction(probability: Floats, band: float) -> NDArray[np.int8]:
    """The answer to each probability of UP, int8 (`Direction`): HOLD within `band` of 0.5, NONE where it is NaN."""
    answer = np.full(len(probability), Direction.HOLD, np.int8)
    answer[probability > 0.5 + band] = Direction.UP
    answer[probability < 0.5 - band] = Direction.DOWN
    answer[np.isnan(probability)] = Direction.NONE
    return answer


def decided(labels: NDArray[np.int8]) -> Flags:
    """Where the label is UP or DOWN: the rows that a probability of UP is about, bool [n]."""
    result: Flags = (labels == Direction.UP) | (labels == Direction.DOWN)
    return result
