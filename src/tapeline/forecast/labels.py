"""Label bars with what a model is asked: where the close will be `horizon` bars ahead.

Training, grading and the chart all ask this module, so a forecast is graded by the question it was trained on. How far
a label looks back and ahead is bounded, by `LABEL_LOOKBACK` and `label_reach`: read that much more on each side of a
part of a series, and it has the labels of the whole.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tapeline.core.bars import usual_interval
from tapeline.core.market import Bars, Flags, Floats, Ints
from tapeline.core.rows import Direction
from tapeline.core.times import DAY, HOUR, MINUTE, interval_name
from tapeline.forecast import HORIZON, NO_TRADE_BAND

#: Bars of an interval below this (ms) are intraday: a session gap ends what their labels may reach.
INTRADAY = 12 * HOUR

_WINDOW = 20  # past returns that measure the volatility, which scales the no-trade band
_SIGMA = math.sqrt(math.pi / 2)  # a normal variable's standard deviation over its mean absolute value
_UP, _DOWN, _HOLD, _NONE = (int(each) for each in (Direction.UP, Direction.DOWN, Direction.HOLD, Direction.NONE))

#: How many bars before a bar its label depends on. The return over a gap does not count for volatility, so this is
#: twice the window: enough for every series with at least two bars a session.
LABEL_LOOKBACK = 2 * _WINDOW

_INTRADAY_PAUSE = 45 * MINUTE  # more than a trading halt or a thin half-hour, less than a lunch break
_DAILY_PAUSE = 31 * DAY  # what monthly bars need; more than any exchange holiday, less than most suspensions


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Hold one label per bar.

    `direction` is int8 (`Direction`): `NONE` where there is no label, `HOLD` inside the no-trade band. `move` is the
    log return to the deciding bar, NaN where there is none; `end` is that bar's open time (UTC epoch ms, 0 where there
    is none): nothing about the label was known before it. `undecidable` is where there will never be a label, because a
    gap lies within the horizon or no volatility was known; without a label and decidable is what still waits.
    """

    direction: NDArray[np.int8]
    move: Floats
    end: Ints
    undecidable: Flags


def label(
    bars: Bars, horizon: int = HORIZON, no_trade_band: float = NO_TRADE_BAND, interval: int | None = None
) -> Labels:
    """Label each bar by the direction of its symbol's close `horizon` bars ahead.

    `bars` are final bars, each symbol's in the order of time. A move within `no_trade_band` standard deviations is
    HOLD; the deviation is that of the symbol's last 20 bar-to-bar returns, scaled by sqrt(horizon). No label is given
    to a symbol's first 20 bars, to its last `horizon` bars, or where a gap (a step above `longest_step`) lies between
    the bar and the one that would decide it. So the end of a label is at most `label_reach` after its bar.
    `interval` (ms) is that of the series, where these bars are only a part of it. Raises `ValueError` when horizon < 1
    or no_trade_band < 0.
    """
    if horizon < 1:
        raise ValueError(f"the horizon must be at least 1 bar, not {horizon}")
    if not no_trade_band >= 0:
        raise ValueError(f"the no-trade band must not be negative: {no_trade_band}")
    width = no_trade_band * _SIGMA * math.sqrt(horizon)
    longest = _longest_steps(bars) if interval is None else np.full(len(bars.symbols), longest_step(interval), np.int64)
    direction, end = np.zeros(len(bars), np.int8), np.zeros(len(bars), np.int64)
    move, undecidable = np.full(len(bars), np.nan), np.zeros(len(bars), np.bool_)
    order = np.argsort(bars.code, kind="stable")
    edges = np.searchsorted(bars.code[order], np.arange(len(bars.symbols) + 1))
    for symbol, (first, last) in enumerate(itertools.pairwise(edges.tolist())):
        own = order[first:last]
        if len(own):
            direction[own], move[own], end[own], undecidable[own] = _label(
                bars.timestamp[own], bars.close[own], int(longest[symbol]), horizon, width
            )
    return Labels(direction, move, end, undecidable)


def longest_step(interval: int) -> int:
    """Return how far apart (ms) two neighbouring bars of a series may open without a gap between them.

    An intraday series may pause for 45 minutes, which bridges trading halts and thin trading but no night and no lunch
    break. A daily or longer one may pause for a month, which bridges every exchange holiday.
    """
    return interval + (_INTRADAY_PAUSE if interval < INTRADAY else _DAILY_PAUSE)


def label_reach(interval: int, horizon: int) -> int:
    """Return how long (ms) after a bar's open the last bar that may decide its label opens.

    A bar whose label is still `NONE` when the series is known that far has none for good. `interval` is that of the
    series in ms.
    """
    return horizon * longest_step(interval)


def intervals(bars: Bars) -> Ints:
    """Return the usual time between two bars of each symbol in ms, int64 [len(bars.symbols)].

    A day for a symbol whose bars do not tell.
    """
    order = np.lexsort((bars.timestamp, bars.code))
    code, timestamp = bars.code[order], bars.timestamp[order]
    edges = np.searchsorted(code, np.arange(len(bars.symbols) + 1))
    steps = np.empty(len(bars.symbols), np.int64)
    for symbol, (first, last) in enumerate(itertools.pairwise(edges)):
        steps[symbol] = usual_interval(timestamp[first:last]) or DAY
    return steps


def mixed_intervals(bars: Bars) -> str:
    """Return in one line which symbols have intraday and which longer bars, '' where all are of one kind.

    The usual step of a thin symbol is longer than its bars, so only this border tells intervals apart for certain.
    """
    known = np.unique(bars.code)
    steps = intervals(bars)[known]
    if not len(known) or (steps < INTRADAY).all() or (steps >= INTRADAY).all():
        return ""
    short, long = (int(np.flatnonzero(kind)[0]) for kind in (steps < INTRADAY, steps >= INTRADAY))
    return (
        f"bars of different lengths: {bars.symbols[known[long]]} has {interval_name(int(steps[long]))}, "
        f"{bars.symbols[known[short]]} {interval_name(int(steps[short]))}"
    )


def session_ends(bars: Bars) -> Flags:
    """Return where a gap follows before the symbol's next bar, bool [len(bars)]; False at its last bar."""
    order = np.lexsort((bars.timestamp, bars.code))
    code, timestamp = bars.code[order], bars.timestamp[order]
    gap = (code[1:] == code[:-1]) & (np.diff(timestamp) > _longest_steps(bars)[code[:-1]])
    ends = np.zeros(len(bars), np.bool_)
    ends[order[:-1]] = gap
    return ends


def _longest_steps(bars: Bars) -> Ints:
    return np.array([longest_step(interval) for interval in intervals(bars).tolist()], np.int64)


def _label(
    timestamp: Ints, close: Floats, longest: int, horizon: int, width: float
) -> tuple[NDArray[np.int8], Floats, Ints, Flags]:
    """Return what `Labels` holds, of one symbol."""
    count = len(timestamp)
    direction, move, end = np.zeros(count, np.int8), np.full(count, np.nan), np.zeros(count, np.int64)
    gaps = np.zeros(count, np.int64)
    follows = np.diff(timestamp) <= longest
    np.cumsum(~follows, out=gaps[1:])
    volatility = _volatility(np.abs(np.log(close[1:] / close[:-1])), follows)
    later = np.arange(count) + horizon
    broken = gaps[np.minimum(later, count - 1)] > gaps
    known = np.flatnonzero((later < count) & ~broken & ~np.isnan(volatility))
    ahead = later[known]
    found = np.log(close[ahead] / close[known])
    move[known], end[known] = found, timestamp[ahead]
    direction[known] = np.where(np.abs(found) <= width * volatility[known], _HOLD, np.where(found > 0, _UP, _DOWN))
    return direction, move, end, broken | np.isnan(volatility)


def _volatility(moves: Floats, counts: Flags) -> Floats:
    """Return the mean of the last `_WINDOW` moves that count up to each bar, float64 [len(moves) + 1]; NaN for fewer.

    They are added in the order of a ring that is filled again and again, wherever in a longer series these are.
    """
    seen = np.append(0, np.cumsum(counts))
    counted = moves[counts]
    result = np.full(len(seen), np.nan)
    enough = np.flatnonzero(seen >= _WINDOW)
    total = np.zeros(len(enough))
    for place in range(_WINDOW):
        newest = seen[enough] - 1
        total += counted[newest - (newest - place) % _WINDOW]
    result[enough] = total / _WINDOW
    return result


def direction(probability: Floats, hold_margin: float) -> NDArray[np.int8]:
    """Return the answer to each probability of UP, int8 (`Direction`).

    HOLD within `hold_margin` of 0.5, NONE where the probability is NaN.
    """
    answer = np.full(len(probability), _HOLD, np.int8)
    answer[probability > 0.5 + hold_margin] = _UP
    answer[probability < 0.5 - hold_margin] = _DOWN
    answer[np.isnan(probability)] = _NONE
    return answer


def decided(labels: NDArray[np.int8]) -> Flags:
    """Return where the label is UP or DOWN, bool [n]: the rows that a probability of UP is about."""
    result: Flags = (labels == Direction.UP) | (labels == Direction.DOWN)
    return result
