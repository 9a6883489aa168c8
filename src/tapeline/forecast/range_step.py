"""Advance the range forecast by bars: the one compiled step that live, replay, Lambda and training share.

Per bar the variance is the larger of Garman and Klass' estimate and a tenth of Parkinson's, plus the squared return
since the last close, divided by the time-of-day profile (M. Garman and M. Klass, "On the estimation of security price
volatilities", 1980; M. Parkinson, "The extreme value method", 1980). Its logarithm over the next bars is a linear
function of its own past (F. Corsi's HAR, 2009, with more regressors). How a symbol differs from the pool follows from
its own forecasts whose outcome is known.
"""

from __future__ import annotations

import math

import numpy as np

from tapeline.core.jit import jit
from tapeline.core.market import Codes, Floats, Ints
from tapeline.forecast import range_layout as at
from tapeline.forecast.range_memory import remember, remember_return
from tapeline.forecast.range_scales import learn, return_scale, variance_scale
from tapeline.indicators.kernels.steps import step

_ROOT_5, _ROOT_22 = math.sqrt(5.0), math.sqrt(22.0)
_REGRESSORS, _VOLUME_REGRESSORS = len(at.REGRESSORS), len(at.VOLUME_REGRESSORS)
_QUARTER, _VOLUME_QUARTER = at.REGRESSORS.index("quarter"), at.VOLUME_REGRESSORS.index("quarter")

_FAST_DECAY = 0.94  # RiskMetrics
_GARMAN_KLASS = 2.0 * math.log(2.0) - 1.0
_PARKINSON = 0.1 / (4.0 * math.log(2.0))  # a tenth of it: a bar that closes at its extreme still moved
_LEAST_VARIANCE = 1e-12
_LEAST_PART = 0.01  # of the slow mean: a bar without a trade says little of the next
_GAPS = 3.0  # one after the other


@step
def within_variance(across: float, inside: float) -> float:
    """Return a bar's own variance, from the logarithms of high over low and of close over open."""
    return max(0.5 * across * across - _GARMAN_KLASS * inside * inside, _PARKINSON * across * across)


@step
def _regressors(
    s: Floats, x: Floats, y: Floats, slow: float, log_slow: float, log_volume: float, variance: float, move: float,
    volume: float,
) -> None:  # fmt: skip
    """Fill in the regressors of variance (`x`) and volume (`y`) but the last of each."""
    sigma, least = math.sqrt(slow), _LEAST_PART * slow
    x[0] = math.log(max(variance, least)) - log_slow
    x[1] = math.log(max(s[at.SUMS] / 5.0, least)) - log_slow
    x[2] = math.log(max(s[at.SUMS + 1] / 15.0, least)) - log_slow
    x[3] = math.log(max(s[at.SUMS + 3] / 22.0, least)) - log_slow
    x[4] = math.log(max(s[at.SUMS + 4] / 30.0, least)) - log_slow
    x[5] = math.log(max(s[at.SUMS + 5] / 60.0, least)) - log_slow
    x[6] = math.log(max(s[at.SUMS + 6] / 66.0, least)) - log_slow
    x[7] = math.log(max(s[at.FAST] / s[at.FAST_WEIGHT], least)) - log_slow
    x[8] = math.log(max(s[at.FAST_SQUARES] / s[at.FAST_WEIGHT], least)) - log_slow
    x[9] = math.log(max(s[at.WITHIN_SUM] / 5.0, least)) - log_slow
    x[10] = math.log(max(s[at.SQUARES_SUM] / 22.0, least)) - log_slow
    x[11] = math.log(max(s[at.LONG_RUN] / s[at.LONG_RUN_WEIGHT], least)) - log_slow
    x[12] = min(move, 0.0) / sigma
    x[13] = s[at.MOVE_SUMS] / (sigma * _ROOT_5)
    x[14] = s[at.MOVE_SUMS + 1] / (sigma * _ROOT_22)
    x[15] = abs(move) / sigma
    five = math.log(max(s[at.VOLUME_SUMS], 0.0) / 5.0 + 1.0)
    month = math.log(max(s[at.VOLUME_SUMS + 1], 0.0) / 22.0 + 1.0)
    longest = math.log(max(s[at.VOLUME_SUMS + 2], 0.0) / 66.0 + 1.0)
    last = math.log(volume + 1.0)
    x[16] = last - month
    x[17] = five - longest
    y[0] = last - log_volume
    y[1] = five - log_volume
    y[2] = month - log_volume
    y[3] = longest - log_volume
    y[4] = math.log(s[at.FAST_VOLUME] / s[at.FAST_WEIGHT] + 1.0) - log_volume
    y[5] = x[0]
    y[6] = x[15]


@jit
def advance(
    slot: Codes, timestamp: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
    season: Floats, state: Floats, numbers: Floats, coefficients: Floats, volume_coefficients: Floats,
    out: Floats, regressors: Floats,
) -> None:  # fmt: skip
    """Apply final bars in order to the states of their symbols, and fill in what is said after each.

    `season` is float64 [n, 2 + 2 * horizons]: the time-of-day factors of variance and volume in this bar, then their
    means over each horizon, NaN where it leaves the session. `coefficients` and `volume_coefficients` are float64
    [horizons, regressors + 1], the constant last. `out` is float64 [n, at.OUTPUTS], NaN where nothing is said.
    `regressors` is filled in as far as it has rows, float64 [n, ...]: the variance and what it is relative to, the
    regressors of variance but the last, its last one for each horizon; the volume likewise.
    """
    horizons, wanted = len(at.HORIZONS), len(regressors) > 0
    x, y = np.zeros(_REGRESSORS), np.zeros(_VOLUME_REGRESSORS)
    for i in range(len(slot)):
        s = state[slot[i]]
        count = int(s[at.COUNT])
        previous, fits = open_[i], True
        if count > 0:
            length = timestamp[i] - s[at.LAST_TIME]
            fits = length >= numbers[at.SHORTEST_STEP]
            if length > numbers[at.LONGEST_STEP]:
                s[at.UNBROKEN] = min(s[at.UNBROKEN], 1.0) - 1.0
            else:
                s[at.UNBROKEN] = max(s[at.UNBROKEN], 0.0) + 1.0
                previous = s[at.LAST_CLOSE]
        fits = fits and s[at.UNBROKEN] > -_GAPS  # bars of another interval than the model's are not spoken about
        factor, volume_factor = season[i, 0], season[i, 1]
        across, inside = math.log(high[i] / low[i]), math.log(close[i] / open_[i])
        before, log_close = math.log(open_[i] / previous), math.log(close[i])
        within = within_variance(across, inside) / factor
        variance = max(within + before * before / factor, _LEAST_VARIANCE)
        move = (before + inside) / math.sqrt(factor)
        traded = volume[i] / volume_factor
        decay = numbers[at.SLOW_DECAY]
        s[at.SLOW] = decay * s[at.SLOW] + (1.0 - decay) * variance
        s[at.SLOW_VOLUME] = decay * s[at.SLOW_VOLUME] + (1.0 - decay) * traded
        s[at.SLOW_WEIGHT] = decay * s[at.SLOW_WEIGHT] + (1.0 - decay)
        variance = max(variance, _LEAST_PART * s[at.SLOW] / s[at.SLOW_WEIGHT])
        decay = numbers[at.LONG_RUN_DECAY]
        s[at.LONG_RUN] = decay * s[at.LONG_RUN] + (1.0 - decay) * variance
        s[at.LONG_RUN_WEIGHT] = decay * s[at.LONG_RUN_WEIGHT] + (1.0 - decay)
        s[at.FAST] = _FAST_DECAY * s[at.FAST] + (1.0 - _FAST_DECAY) * variance
        s[at.FAST_SQUARES] = _FAST_DECAY * s[at.FAST_SQUARES] + (1.0 - _FAST_DECAY) * move * move
        s[at.FAST_VOLUME] = _FAST_DECAY * s[at.FAST_VOLUME] + (1.0 - _FAST_DECAY) * traded
        s[at.FAST_WEIGHT] = _FAST_DECAY * s[at.FAST_WEIGHT] + (1.0 - _FAST_DECAY)
        index = int(s[at.VARIANCE_AT])
        remember(s, index, variance, traded)
        remember_return(s, within, move)
        s[at.VARIANCE_AT] = index + 1 if index < at.RING - 1 else 0
        learn(s, numbers, variance, log_close)
        s[at.COUNT] = count + 1.0
        s[at.LAST_TIME], s[at.LAST_CLOSE] = timestamp[i], close[i]
        out[i] = np.nan
        out[i, at.OUTPUTS - 1] = variance
        place = at.PENDING
        if count + 1 < at.WARM_UP or not fits:
            for k in range(horizons):
                s[place + 3 * (count % at.HORIZONS[k]) + 1] = 0.0  # no forecast waits for its outcome
                place += 3 * at.HORIZONS[k]
            if wanted:
                regressors[i] = np.nan
            continue
        slow = s[at.SLOW] / s[at.SLOW_WEIGHT]
        log_slow, log_volume = math.log(slow), math.log(s[at.SLOW_VOLUME] / s[at.SLOW_WEIGHT] + 1.0)
        _regressors(s, x, y, slow, log_slow, log_volume, variance, move, traded)
        if wanted:
            regressors[i, 0], regressors[i, 1] = variance, slow
            regressors[i, 2], regressors[i, 3] = traded, log_volume
            for j in range(_REGRESSORS - 1):
                regressors[i, 4 + j] = x[j]
            for j in range(_VOLUME_REGRESSORS - 1):
                regressors[i, 3 + _REGRESSORS + horizons + j] = y[j]
        usual = s[at.LONG_RUN] / s[at.LONG_RUN_WEIGHT] * season[i, 2]
        out[i, horizons] = math.sqrt(usual * numbers[at.OF_HORIZONS + at.MEAN_SQUARE] * return_scale(s, numbers, 0))
        for k in range(horizons):
            h = at.HORIZONS[k]
            bars = h + 2 if h < 20 else h
            x[_QUARTER] = math.log(max(s[at.QUARTERS + k] / bars, _LEAST_PART * slow)) - log_slow
            y[_VOLUME_QUARTER] = math.log(max(s[at.VOLUME_QUARTERS + k], 0.0) / bars + 1.0) - log_volume
            if wanted:
                regressors[i, 3 + _REGRESSORS + k] = x[_QUARTER]
                regressors[i, 2 + _REGRESSORS + horizons + _VOLUME_REGRESSORS + k] = y[_VOLUME_QUARTER]
            level = coefficients[k, _REGRESSORS] + log_slow
            for j in range(_REGRESSORS):
                level += coefficients[k, j] * x[j]
            traded_level = volume_coefficients[k, _VOLUME_REGRESSORS] + log_volume
            for j in range(_VOLUME_REGRESSORS):
                traded_level += volume_coefficients[k, j] * y[j]
            n = at.OF_HORIZONS + at.OF_HORIZON * k
            ahead, volume_ahead = season[i, 2 + k], season[i, 2 + horizons + k]
            mean = math.exp(level + variance_scale(s, numbers, k) + numbers[n + at.SMEAR])
            sigma = math.sqrt(h * mean * ahead)
            j = place + 3 * (count % h)
            place += 3 * h
            s[j], s[j + 1], s[j + 2] = level, sigma, log_close
            out[i, k] = sigma * math.sqrt(numbers[n + at.MEAN_SQUARE] * return_scale(s, numbers, k))
            out[i, horizons + 1 + k] = (math.exp(traded_level + numbers[n + at.VOLUME_SMEAR]) - 1.0) * volume_ahead
            out[i, at.SAID + k] = mean * ahead
