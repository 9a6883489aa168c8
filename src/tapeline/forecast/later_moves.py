"""Say what came after each bar of one symbol: how far the price moved, how much it varied, or why that is not known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapeline.core.jit import jit
from tapeline.core.market import Bars, Flags, Floats, Ints
from tapeline.forecast.labels import label_reach, longest_step
from tapeline.forecast.range_step import within_variance


@dataclass(frozen=True, slots=True, eq=False)
class LaterMoves:
    """Hold what came after each bar, over one horizon; one entry a bar in each array.

    `close` is the one that decides, `move` the log return to it, `lowest` and `highest` those to the lowest low (0 at
    most) and the highest high (0 at least) on the way, `variance` the mean of the bars' variances on the way, as the
    range forecast measures them; NaN where they are not known. `undecidable` is where they never will be,
    because a gap lies in between; what is neither known nor undecidable is waited for.
    """

    close: Floats
    move: Floats
    lowest: Floats
    highest: Floats
    variance: Floats
    undecidable: Flags


def later_moves(bars: Bars, horizon: int, interval: int, known_until: int | None = None) -> LaterMoves:
    """Return what came after each of one symbol's final bars, which are in the order of time.

    `interval` is that of the series (ms). `known_until` (UTC epoch ms) is up to when bars would be here if there were
    any: what is not known by then, although its horizon has passed, never will be.
    """
    count = len(bars)
    later = np.arange(count) + horizon
    known = later < count
    gaps = np.append(0, np.cumsum(np.diff(bars.timestamp) > longest_step(interval)))[:count]
    broken = gaps[np.minimum(later, count - 1)] != gaps
    if known_until is not None:
        broken |= ~known & (bars.timestamp + label_reach(interval, horizon) <= known_until)
    some = known & ~broken
    close, low, high, variance = (np.full(count, np.nan) for _ in range(4))
    close[some] = bars.close[later[some]]
    if some.any():  # windows, not differences of a running sum, which would depend on where these bars begin

        def ahead(values: Floats) -> Floats:
            windows: Floats = np.lib.stride_tricks.sliding_window_view(values, horizon)[later[some] + 1 - horizon]
            return windows

        low[some] = np.minimum(ahead(bars.low).min(axis=1), bars.close[some])
        high[some] = np.maximum(ahead(bars.high).max(axis=1), bars.close[some])
        variance[some] = ahead(bar_variances(bars, interval)).mean(axis=1)
    move, lowest, highest = (np.log(price / bars.close) for price in (close, low, high))
    return LaterMoves(close, move, lowest, highest, variance, broken)


def bar_variances(bars: Bars, interval: int) -> Floats:
    """Return the variance of each of one symbol's bars, float64 [n]: within it, and since the last close but over a
    gap.
    """
    out = np.empty(len(bars))
    _bar_variances(bars.timestamp, bars.open, bars.high, bars.low, bars.close, longest_step(interval), out)
    return out


@jit
def _bar_variances(
    timestamp: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, longest: int, out: Floats
) -> None:
    for i in range(len(timestamp)):
        out[i] = within_variance(np.log(high[i] / low[i]), np.log(close[i] / open_[i]))
        if i > 0 and timestamp[i] - timestamp[i - 1] <= longest:
            out[i] += np.log(open_[i] / close[i - 1]) ** 2
