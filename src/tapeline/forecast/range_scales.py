"""Follow how a symbol differs from the pool, by its own forecasts whose outcome is known.

A scale is a mean that forgets. It is shrunk towards the pool's: a number of outcomes that are like the pool's are
added to the symbol's own.
"""

from __future__ import annotations

import math

from tapeline.core.market import Floats
from tapeline.forecast import range_layout as at
from tapeline.indicators.kernels.steps import step

_CAP = 4.0  # a squared standardised return counts at most as two sigmas: a scale is of the usual, not of shocks
_FARTHEST = 4.0  # of a log ratio of outcome and forecast, so that one wrong print does not set a scale


@step
def learn(s: Floats, numbers: Floats, variance: float, log_close: float) -> None:
    """Compare the forecasts that are decided by this bar with what came, and move the symbol's scales on."""
    count, unbroken, place = int(s[at.COUNT]), s[at.UNBROKEN], at.PENDING
    for k in range(len(at.HORIZONS)):
        h = at.HORIZONS[k]
        j = place + 3 * (count % h)
        place += 3 * h
        if count < h or unbroken < h or not s[j + 1] > 0.0:
            continue
        mean = variance
        if h == 5:
            mean = s[at.SUMS] / 5.0
        elif h == 20:
            mean = s[at.SUMS + 2] / 20.0
        ratio = min(max(math.log(mean) - s[j], -_FARTHEST), _FARTHEST)
        move = (log_close - s[j + 2]) / s[j + 1]
        n = at.OF_HORIZONS + at.OF_HORIZON * k
        square = min(move * move / numbers[n + at.MEAN_SQUARE], _CAP) / numbers[n + at.CAPPED_SQUARE]
        decay, t = numbers[at.SCALE_DECAY], at.SCALES + 4 * k
        s[t] = decay * s[t] + ratio
        s[t + 1] = decay * s[t + 1] + 1.0
        s[t + 2] = decay * s[t + 2] + square
        s[t + 3] = decay * s[t + 3] + 1.0


@step
def variance_scale(s: Floats, numbers: Floats, k: int) -> float:
    """Return the logarithm by which the symbol's variance over the k-th horizon exceeds what the pool's would be."""
    t = at.SCALES + 4 * k
    found: float = s[t] / (s[t + 1] + numbers[at.OF_HORIZONS + at.OF_HORIZON * k + at.SHRINKAGE])
    return found


@step
def return_scale(s: Floats, numbers: Floats, k: int) -> float:
    """Return how many times the pool's the symbol's squared standardised returns over the k-th horizon are."""
    t = at.SCALES + 4 * k
    found: float = (s[t + 2] + numbers[at.RETURN_SHRINKAGE]) / (s[t + 3] + numbers[at.RETURN_SHRINKAGE])
    return found
