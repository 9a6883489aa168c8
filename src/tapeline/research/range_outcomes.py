"""Say what came after each bar: the variance, return, lowest low, highest high and volume over each horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapeline.core.jit import jit
from tapeline.core.market import Bars, Codes, Floats, Ints
from tapeline.forecast.range_layout import HORIZONS, LONGEST_STEP
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_state import RangeStates
from tapeline.forecast.time_of_day import season


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Hold what came after each bar, float64 [bars, horizons], NaN where it is not known or a gap lies in between.

    `variance` and `volume` are means a bar, without the time of day. `move` is the log return to the last close, and
    `lowest` and `highest` are the log returns to the lowest low and the highest high. `end` is the open time of the
    last bar (UTC epoch ms), 0 where there is none.
    """

    variance: Floats
    volume: Floats
    move: Floats
    lowest: Floats
    highest: Floats
    end: Ints


def outcomes(bars: Bars, model: RangeModel) -> Outcomes:
    """Return what came after each of these sorted final bars; the model gives only interval and time of day."""
    variance = RangeStates().update(bars, model)[:, -1]
    factors = season(bars, model.interval, np.array(model.variance_profile), np.array(model.volume_profile))
    volume = bars.volume / factors[:, 1]
    order = np.argsort(bars.code, kind="stable")
    found = np.full((5, len(bars), len(HORIZONS)), np.nan)
    end = np.zeros((len(bars), len(HORIZONS)), np.int64)
    _outcomes(
        bars.code[order], bars.timestamp[order], variance[order], volume[order], bars.high[order], bars.low[order],
        bars.close[order], model.numbers[LONGEST_STEP], found, end,
    )  # fmt: skip
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    variance, volume, move, lowest, highest = found[:, back]
    return Outcomes(variance, volume, move, lowest, highest, end[back])


@jit
def _outcomes(
    code: Codes, timestamp: Ints, variance: Floats, volume: Floats, high: Floats, low: Floats, close: Floats,
    longest: float, found: Floats, end: Ints,
) -> None:  # fmt: skip
    count = len(code)
    for i in range(count):
        total = traded = 0.0
        lowest, highest = close[i], close[i]
        k = 0
        for ahead in range(1, HORIZONS[len(HORIZONS) - 1] + 1):
            j = i + ahead
            if j >= count or code[j] != code[i] or timestamp[j] - timestamp[j - 1] > longest:
                break
            total += variance[j]
            traded += volume[j]
            lowest, highest = min(lowest, low[j]), max(highest, high[j])
            if ahead == HORIZONS[k]:
                found[0, i, k], found[1, i, k] = total / ahead, traded / ahead
                found[2, i, k] = np.log(close[j] / close[i])
                found[3, i, k], found[4, i, k] = np.log(lowest / close[i]), np.log(highest / close[i])
                end[i, k] = timestamp[j]
                k += 1
