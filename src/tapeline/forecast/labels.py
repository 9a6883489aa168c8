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
from tapeline.core.jit import jit
from tapeline.core.market import Bars, Codes, Direction, Flags, Floats, Ints
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
    return Labels(*_label(bars.code, bars.timestamp, bars.close, longest, horizon, width))


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


@jit
def _label(
    code: Codes, timestamp: Ints, close: Floats, longest: Ints, horizon: int, width: float
) -> tuple[NDArray[np.int8], Floats, Ints, Flags]:
    count, symbols = len(code), len(longest)
    direction = np.zeros(count, np.int8)
    move = np.full(count, np.nan)
    end = np.zeros(count, np.int64)
    lost = np.zeros(count, np.bool_)
    volatility = np.full(count, np.nan)
    seen = np.zeros(symbols, np.int64)
    unbroken = np.zeros(symbols, np.int64)  # steps since the last gap
    last = np.zeros(symbols, np.int64)
    waiting = np.zeros((symbols, horizon), np.int64)  # the last `horizon` bars: indices into the batch
    returns = np.zeros((symbols, _WINDOW))
    filled = np.zeros(symbols, np.int64)
    for i in range(count):
        s = code[i]
        if seen[s] > 0:
            if timestamp[i] - timestamp[last[s]] > longest[s]:
                unbroken[s] = 0
                for k in range(min(seen[s], horizon)):
                    lost[waiting[s, k]] |= end[waiting[s, k]] == 0
            else:
                unbroken[s] += 1
                returns[s, filled[s] % _WINDOW] = abs(np.log(close[i] / close[last[s]]))
                filled[s] += 1
        if filled[s] >= _WINDOW:
            total = 0.0
            for k in range(_WINDOW):
                total += returns[s, k]
            volatility[i] = total / _WINDOW
        lost[i] = np.isnan(volatility[i])
        slot = seen[s] % horizon
        if seen[s] >= horizon and unbroken[s] >= horizon:
            j = waiting[s, slot]
            if not np.isnan(volatility[j]):
                move[j] = np.log(close[i] / close[j])
                end[j] = timestamp[i]
                if abs(move[j]) <= width * volatility[j]:
                    direction[j] = _HOLD
                else:
                    direction[j] = _UP if move[j] > 0 else _DOWN
        waiting[s, slot] = i
        last[s] = i
        seen[s] += 1
    return direction, move, end, lost


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
