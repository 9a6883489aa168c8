"""Say what a range forecast means in prices: bands that hold the close, and the odds of reaching a price.

Everything follows from a bar's close, the sigma that was stored with it and its model's quantiles: nothing is kept
twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Floats
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel

#: The shares of closes that the bands are to hold, in percent.
COVERAGES = (50, 80, 95)

#: A big move leaves this many usual sigmas.
BIG_MOVE = 1.5

#: The stop and the target whose odds are graded are this many usual sigmas away.
STOP_DISTANCE = 1.0

_TAIL = 3  # the step in levels whose slope goes on beyond the last quantile


@dataclass(frozen=True, slots=True)
class Odds:
    """Hold the chances that, some bars after a bar, the close is beyond a price, and that it was touched by then."""

    beyond: float
    touched: float


def band(model: RangeModel, horizon: int, close: Floats, sigma: Floats, coverage: int) -> tuple[Floats, Floats]:
    """Return the prices that hold the close `horizon` bars ahead with a chance of `coverage` percent, float64 [n] each.

    `sigma` is that of the log return over the horizon.
    """
    outside = (1.0 - coverage / 100.0) / 2.0
    quantiles = model.quantiles[HORIZONS.index(horizon)]
    low, high = np.interp((outside, 1.0 - outside), model.levels, quantiles)
    return close * np.exp(low * sigma), close * np.exp(high * sigma)


def below(model: RangeModel, horizon: int, sigma: Floats, move: Floats) -> Floats:
    """Return the chance of a log return below `move` over the horizon, float64 [n]; NaN where that is."""
    return _below(move / sigma, np.array(model.quantiles[HORIZONS.index(horizon)]), np.array(model.levels))


def big_move(model: RangeModel, horizon: int, sigma: Floats, usual: Floats) -> Floats:
    """Return the chance of a log return beyond 1.5 usual sigmas over the horizon, up or down, float64 [n].

    `usual` is the usual sigma of one bar.
    """
    quantiles = np.array(model.quantiles[HORIZONS.index(horizon)])
    far = BIG_MOVE * usual * math.sqrt(horizon) / sigma
    levels = np.array(model.levels)
    return _below(-far, quantiles, levels) + _above(far, quantiles, levels)


def odds(model: RangeModel, within: int, close: float, sigmas: tuple[float, ...], price: float) -> Odds:
    """Return the odds of `price` `within` this many bars after a bar that closed at `close`.

    `sigmas` are those of the log returns over each horizon. Between two horizons sigma grows as it does from one to the
    other, and the quantiles are those of the nearer one. Raises `ValueError` unless 1 <= within <= the longest horizon.
    """
    if not HORIZONS[0] <= within <= HORIZONS[-1]:
        raise ValueError(f"the range forecast looks {HORIZONS[0]} to {HORIZONS[-1]} bars ahead, not {within}")
    roots = np.log(np.array(HORIZONS, np.float64))
    sigma = math.exp(float(np.interp(math.log(within), roots, np.log(np.array(sigmas)))))
    k = int(np.abs(roots - math.log(within)).argmin())
    beyond, reached = _chances(model, k, np.array([math.log(price / close) / sigma]))
    return Odds(float(beyond[0]), float(reached[0]))


def touched(model: RangeModel, horizon: int, sigma: Floats, move: Floats | float) -> Floats:
    """Return the chance that the price comes to the log return `move` at some time within the horizon, float64 [n].

    It falls so far where `move` is below 0, and rises so far elsewhere. It is what `odds` says.
    """
    return _chances(model, HORIZONS.index(horizon), move / sigma)[1]


def _chances(model: RangeModel, k: int, far: Floats) -> tuple[Floats, Floats]:
    """Return the chances that the close of the k-th horizon is beyond, and that it is touched; `far` is in sigmas."""
    levels = np.array(model.levels)

    def beyond(low: tuple[float, ...], high: tuple[float, ...]) -> Floats:
        found: Floats = np.where(far < 0, _below(far, np.array(low), levels), _above(far, np.array(high), levels))
        return found

    at_end = beyond(model.quantiles[k], model.quantiles[k])
    return at_end, np.maximum(beyond(model.lowest[k], model.highest[k]), at_end)


def _below(value: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """Return the chance of an outcome below each value; beyond the last quantile it falls off exponentially."""
    found: Floats = np.interp(value, quantiles, levels)
    low, high = value < quantiles[0], value > quantiles[-1]
    found[low] = _tail(quantiles[0] - value[low], quantiles[_TAIL] - quantiles[0], levels[0], levels[_TAIL])
    top, inner = 1.0 - levels[-1], 1.0 - levels[-1 - _TAIL]
    found[high] = 1.0 - _tail(value[high] - quantiles[-1], quantiles[-1] - quantiles[-1 - _TAIL], top, inner)
    return found


def _above(value: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """Return the chance of an outcome above each value; the difference from 1 would lose what is rare."""
    return _below(-value, -quantiles[::-1], 1.0 - levels[::-1])


def _tail(far: Floats, width: float, outer: float, inner: float) -> Floats:
    result: Floats = outer * np.exp(-far * math.log(inner / outer) / max(width, 1e-9))
    return result
