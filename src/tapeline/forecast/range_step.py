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
from tapeline.indicators.kernels.steps import step

#: Places in the numbers of a model that the step takes beside the coefficients.
(
    SLOW_DECAY,
    LONG_RUN_DECAY,
    SCALE_DECAY,
    SHRINKAGE,
    RETURN_SHRINKAGE,
    LONGEST_STEP,
    SHORTEST_STEP,
    SMEAR,
) = range(8)
#: After these, for each horizon: smear, mean of squared standardised returns, the same of capped ones; then of volume.
NUMBERS = SMEAR + 4 * len(at.HORIZONS)

#: Columns of what the step gives of a bar: sigmas, usual sigma of one bar (of the long run), volumes; then, for who
#: judges it, the mean variances that are expected, and the bar's own variance.
SAID = 2 * len(at.HORIZONS) + 1
OUTPUTS = SAID + len(at.HORIZONS) + 1

#: Columns of the regressors that the step gives for training: variance, slow mean of it, volume, log of its slow mean;
#: the regressors of variance, whose last is of each horizon; those of volume likewise.
VARIANCE_REGRESSORS_AT = 4
VOLUME_REGRESSORS_AT = VARIANCE_REGRESSORS_AT + len(at.REGRESSORS) - 1 + len(at.HORIZONS)
REGRESSORS_WIDTH = VOLUME_REGRESSORS_AT + len(at.VOLUME_REGRESSORS) - 1 + len(at.HORIZONS)

_COUNT, _LAST_TIME, _LAST_CLOSE, _UNBROKEN = at.COUNT, at.LAST_TIME, at.LAST_CLOSE, at.UNBROKEN
_VARIANCE_AT, _WITHIN_AT, _RETURN_AT = at.VARIANCE_AT, at.WITHIN_AT, at.RETURN_AT
_SLOW, _SLOW_WEIGHT, _FAST, _FAST_SQUARES, _FAST_WEIGHT = (
    at.SLOW, at.SLOW_WEIGHT, at.FAST, at.FAST_SQUARES, at.FAST_WEIGHT,
)  # fmt: skip
_LONG_RUN, _LONG_RUN_WEIGHT, _SLOW_VOLUME, _FAST_VOLUME = (
    at.LONG_RUN, at.LONG_RUN_WEIGHT, at.SLOW_VOLUME, at.FAST_VOLUME,
)  # fmt: skip
_SUMS, _WITHIN_SUM, _MOVE_SUMS, _SQUARES_SUM, _VOLUME_SUMS = (
    at.SUMS, at.WITHIN_SUM, at.MOVE_SUMS, at.SQUARES_SUM, at.VOLUME_SUMS,
)  # fmt: skip
_QUARTERS, _VOLUME_QUARTERS = at.QUARTERS, at.VOLUME_QUARTERS
_VARIANCES, _VOLUMES, _WITHINS, _RETURNS = at.VARIANCES, at.VOLUMES, at.WITHINS, at.RETURNS
_PENDING, _SCALES = at.PENDING, at.SCALES
_RING, _WARM_UP = at.RING, at.WARM_UP
_HORIZONS = at.HORIZONS
_WINDOWS = (5, 15, 20, 22, 30, 60, 66)
_VOLUME_WINDOWS = (5, 22, 66)
_ROOT_5, _ROOT_22 = math.sqrt(5.0), math.sqrt(22.0)
_REGRESSORS, _VOLUME_REGRESSORS = len(at.REGRESSORS), len(at.VOLUME_REGRESSORS)
_QUARTER, _VOLUME_QUARTER = at.REGRESSORS.index("quarter"), at.VOLUME_REGRESSORS.index("quarter")
_SMEAR, _SAID, _OUTPUTS = SMEAR, SAID, OUTPUTS
_SLOW_DECAY, _LONG_RUN_DECAY, _SCALE_DECAY = SLOW_DECAY, LONG_RUN_DECAY, SCALE_DECAY
_SHRINKAGE, _RETURN_SHRINKAGE = SHRINKAGE, RETURN_SHRINKAGE
_LONGEST_STEP, _SHORTEST_STEP = LONGEST_STEP, SHORTEST_STEP

_FAST_DECAY = 0.94  # RiskMetrics
_GARMAN_KLASS = 2.0 * math.log(2.0) - 1.0
_PARKINSON = 0.1 / (4.0 * math.log(2.0))  # a tenth of it: a bar that closes at its extreme still moved
_LEAST_VARIANCE = 1e-12
_LEAST_PART = 0.01  # of the slow mean: a bar without a trade says little of the next
_QUARTER_BARS = 63  # trading days; earnings come back that often
_CAP = 4.0  # a squared standardised return counts at most as two sigmas: a scale is of the usual, not of shocks
_GAPS = 3.0  # one after the other
_FARTHEST = 4.0  # of a log ratio of outcome and forecast, so that one wrong print does not set a scale


@step
def within_variance(across: float, inside: float) -> float:
    """Return a bar's own variance, from the logarithms of high over low and of close over open."""
    return max(0.5 * across * across - _GARMAN_KLASS * inside * inside, _PARKINSON * across * across)


@step
def _sum_anew(s: Floats, ring: int, newest: int, count: int) -> float:
    """Return the sum of `count` values of a full ring up to the one that is `newest` bars before its last."""
    total = 0.0
    for j in range(_RING - newest - count, _RING - newest):
        total += s[ring + j]
    return total


@step
def _remember(s: Floats, index: int, variance: float, volume: float) -> None:
    """Put a bar's variance and volume into their rings and the sums over their windows.

    The sums are taken anew whenever the rings are full, so that rounding errors do not add up.
    """
    for k in range(len(_WINDOWS)):
        old = index - _WINDOWS[k]
        s[_SUMS + k] += variance - s[_VARIANCES + (old if old >= 0 else old + _RING)]
    for k in range(len(_VOLUME_WINDOWS)):
        old = index - _VOLUME_WINDOWS[k]
        s[_VOLUME_SUMS + k] += volume - s[_VOLUMES + (old if old >= 0 else old + _RING)]
    s[_VARIANCES + index] = variance
    s[_VOLUMES + index] = volume
    for k in range(len(_HORIZONS)):
        wider = 1 if _HORIZONS[k] < 20 else 0
        new, old = index - (_QUARTER_BARS - _HORIZONS[k] - wider), index - (_QUARTER_BARS + wider)
        new, old = (new if new >= 0 else new + _RING), (old if old >= 0 else old + _RING)
        s[_QUARTERS + k] += s[_VARIANCES + new] - s[_VARIANCES + old]
        s[_VOLUME_QUARTERS + k] += s[_VOLUMES + new] - s[_VOLUMES + old]
    if index == _RING - 1:
        for k in range(len(_WINDOWS)):
            s[_SUMS + k] = _sum_anew(s, _VARIANCES, 0, _WINDOWS[k])
        for k in range(len(_VOLUME_WINDOWS)):
            s[_VOLUME_SUMS + k] = _sum_anew(s, _VOLUMES, 0, _VOLUME_WINDOWS[k])
        for k in range(len(_HORIZONS)):
            wider = 1 if _HORIZONS[k] < 20 else 0
            newest, bars = _QUARTER_BARS - _HORIZONS[k] - wider, _HORIZONS[k] + 2 * wider
            s[_QUARTERS + k] = _sum_anew(s, _VARIANCES, newest, bars)
            s[_VOLUME_QUARTERS + k] = _sum_anew(s, _VOLUMES, newest, bars)


@step
def _remember_return(s: Floats, within: float, move: float) -> None:
    """Put a bar's own part of its variance, and its return, into their rings and sums."""
    place = int(s[_WITHIN_AT])
    s[_WITHIN_SUM] += within - s[_WITHINS + place]
    s[_WITHINS + place] = within
    if place == 4:
        total = 0.0
        for j in range(5):
            total += s[_WITHINS + j]
        s[_WITHIN_SUM] = total
    s[_WITHIN_AT] = place + 1 if place < 4 else 0
    place = int(s[_RETURN_AT])
    oldest = s[_RETURNS + place]
    s[_MOVE_SUMS] += move - s[_RETURNS + (place - 5 if place >= 5 else place + 17)]
    s[_MOVE_SUMS + 1] += move - oldest
    s[_SQUARES_SUM] += move * move - oldest * oldest
    s[_RETURNS + place] = move
    if place == 21:
        five = month = squares = 0.0
        for j in range(22):
            value = s[_RETURNS + j]
            month += value
            squares += value * value
            if j >= 17:
                five += value
        s[_MOVE_SUMS], s[_MOVE_SUMS + 1], s[_SQUARES_SUM] = five, month, squares
    s[_RETURN_AT] = place + 1 if place < 21 else 0


@step
def _learn(s: Floats, numbers: Floats, variance: float, log_close: float) -> None:
    """Compare the forecasts that are decided by this bar with what came, and move the symbol's scales on."""
    count, unbroken, place = int(s[_COUNT]), s[_UNBROKEN], _PENDING
    for k in range(len(_HORIZONS)):
        h = _HORIZONS[k]
        j = place + 3 * (count % h)
        place += 3 * h
        if count < h or unbroken < h or not s[j + 1] > 0.0:
            continue
        mean = variance
        if h == 5:
            mean = s[_SUMS] / 5.0
        elif h == 20:
            mean = s[_SUMS + 2] / 20.0
        ratio = min(max(math.log(mean) - s[j], -_FARTHEST), _FARTHEST)
        move = (log_close - s[j + 2]) / s[j + 1]
        square = min(move * move / numbers[_SMEAR + 4 * k + 1], _CAP) / numbers[_SMEAR + 4 * k + 2]
        decay, t = numbers[_SCALE_DECAY], _SCALES + 4 * k
        s[t] = decay * s[t] + ratio
        s[t + 1] = decay * s[t + 1] + 1.0
        s[t + 2] = decay * s[t + 2] + square
        s[t + 3] = decay * s[t + 3] + 1.0


@step
def _regressors(
    s: Floats, x: Floats, y: Floats, slow: float, log_slow: float, log_volume: float, variance: float, move: float,
    volume: float,
) -> None:  # fmt: skip
    """Fill in the regressors of variance (`x`) and volume (`y`) but the last of each."""
    sigma, least = math.sqrt(slow), _LEAST_PART * slow
    x[0] = math.log(max(variance, least)) - log_slow
    x[1] = math.log(max(s[_SUMS] / 5.0, least)) - log_slow
    x[2] = math.log(max(s[_SUMS + 1] / 15.0, least)) - log_slow
    x[3] = math.log(max(s[_SUMS + 3] / 22.0, least)) - log_slow
    x[4] = math.log(max(s[_SUMS + 4] / 30.0, least)) - log_slow
    x[5] = math.log(max(s[_SUMS + 5] / 60.0, least)) - log_slow
    x[6] = math.log(max(s[_SUMS + 6] / 66.0, least)) - log_slow
    x[7] = math.log(max(s[_FAST] / s[_FAST_WEIGHT], least)) - log_slow
    x[8] = math.log(max(s[_FAST_SQUARES] / s[_FAST_WEIGHT], least)) - log_slow
    x[9] = math.log(max(s[_WITHIN_SUM] / 5.0, least)) - log_slow
    x[10] = math.log(max(s[_SQUARES_SUM] / 22.0, least)) - log_slow
    x[11] = math.log(max(s[_LONG_RUN] / s[_LONG_RUN_WEIGHT], least)) - log_slow
    x[12] = min(move, 0.0) / sigma
    x[13] = s[_MOVE_SUMS] / (sigma * _ROOT_5)
    x[14] = s[_MOVE_SUMS + 1] / (sigma * _ROOT_22)
    x[15] = abs(move) / sigma
    five = math.log(max(s[_VOLUME_SUMS], 0.0) / 5.0 + 1.0)
    month = math.log(max(s[_VOLUME_SUMS + 1], 0.0) / 22.0 + 1.0)
    longest = math.log(max(s[_VOLUME_SUMS + 2], 0.0) / 66.0 + 1.0)
    last = math.log(volume + 1.0)
    x[16] = last - month
    x[17] = five - longest
    y[0] = last - log_volume
    y[1] = five - log_volume
    y[2] = month - log_volume
    y[3] = longest - log_volume
    y[4] = math.log(s[_FAST_VOLUME] / s[_FAST_WEIGHT] + 1.0) - log_volume
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
    [horizons, regressors + 1], the constant last. `out` is float64 [n, OUTPUTS], NaN where nothing is said.
    `regressors` is filled in as far as it has rows, float64 [n, ...]: the variance and what it is relative to, the
    regressors of variance but the last, its last one for each horizon; the volume likewise.
    """
    horizons, wanted = len(_HORIZONS), len(regressors) > 0
    x, y = np.zeros(_REGRESSORS), np.zeros(_VOLUME_REGRESSORS)
    for i in range(len(slot)):
        s = state[slot[i]]
        count = int(s[_COUNT])
        previous, fits = open_[i], True
        if count > 0:
            length = timestamp[i] - s[_LAST_TIME]
            fits = length >= numbers[_SHORTEST_STEP]
            if length > numbers[_LONGEST_STEP]:
                s[_UNBROKEN] = min(s[_UNBROKEN], 1.0) - 1.0
            else:
                s[_UNBROKEN] = max(s[_UNBROKEN], 0.0) + 1.0
                previous = s[_LAST_CLOSE]
        fits = fits and s[_UNBROKEN] > -_GAPS  # bars of another interval than the model's are not spoken about
        factor, volume_factor = season[i, 0], season[i, 1]
        across, inside = math.log(high[i] / low[i]), math.log(close[i] / open_[i])
        before, log_close = math.log(open_[i] / previous), math.log(close[i])
        within = within_variance(across, inside) / factor
        variance = max(within + before * before / factor, _LEAST_VARIANCE)
        move = (before + inside) / math.sqrt(factor)
        traded = volume[i] / volume_factor
        decay = numbers[_SLOW_DECAY]
        s[_SLOW] = decay * s[_SLOW] + (1.0 - decay) * variance
        s[_SLOW_VOLUME] = decay * s[_SLOW_VOLUME] + (1.0 - decay) * traded
        s[_SLOW_WEIGHT] = decay * s[_SLOW_WEIGHT] + (1.0 - decay)
        variance = max(variance, _LEAST_PART * s[_SLOW] / s[_SLOW_WEIGHT])
        decay = numbers[_LONG_RUN_DECAY]
        s[_LONG_RUN] = decay * s[_LONG_RUN] + (1.0 - decay) * variance
        s[_LONG_RUN_WEIGHT] = decay * s[_LONG_RUN_WEIGHT] + (1.0 - decay)
        s[_FAST] = _FAST_DECAY * s[_FAST] + (1.0 - _FAST_DECAY) * variance
        s[_FAST_SQUARES] = _FAST_DECAY * s[_FAST_SQUARES] + (1.0 - _FAST_DECAY) * move * move
        s[_FAST_VOLUME] = _FAST_DECAY * s[_FAST_VOLUME] + (1.0 - _FAST_DECAY) * traded
        s[_FAST_WEIGHT] = _FAST_DECAY * s[_FAST_WEIGHT] + (1.0 - _FAST_DECAY)
        index = int(s[_VARIANCE_AT])
        _remember(s, index, variance, traded)
        _remember_return(s, within, move)
        s[_VARIANCE_AT] = index + 1 if index < _RING - 1 else 0
        _learn(s, numbers, variance, log_close)
        s[_COUNT] = count + 1.0
        s[_LAST_TIME], s[_LAST_CLOSE] = timestamp[i], close[i]
        out[i] = np.nan
        out[i, _OUTPUTS - 1] = variance
        place = _PENDING
        if count + 1 < _WARM_UP or not fits:
            for k in range(horizons):
                s[place + 3 * (count % _HORIZONS[k]) + 1] = 0.0  # no forecast waits for its outcome
                place += 3 * _HORIZONS[k]
            if wanted:
                regressors[i] = np.nan
            continue
        slow = s[_SLOW] / s[_SLOW_WEIGHT]
        log_slow, log_volume = math.log(slow), math.log(s[_SLOW_VOLUME] / s[_SLOW_WEIGHT] + 1.0)
        _regressors(s, x, y, slow, log_slow, log_volume, variance, move, traded)
        if wanted:
            regressors[i, 0], regressors[i, 1] = variance, slow
            regressors[i, 2], regressors[i, 3] = traded, log_volume
            for j in range(_REGRESSORS - 1):
                regressors[i, 4 + j] = x[j]
            for j in range(_VOLUME_REGRESSORS - 1):
                regressors[i, 3 + _REGRESSORS + horizons + j] = y[j]
        spread = (s[_SCALES + 2] + numbers[_RETURN_SHRINKAGE]) / (s[_SCALES + 3] + numbers[_RETURN_SHRINKAGE])
        usual = s[_LONG_RUN] / s[_LONG_RUN_WEIGHT] * season[i, 2]
        out[i, horizons] = math.sqrt(usual * numbers[_SMEAR + 1] * spread)
        for k in range(horizons):
            h = _HORIZONS[k]
            bars = h + 2 if h < 20 else h
            x[_QUARTER] = math.log(max(s[_QUARTERS + k] / bars, _LEAST_PART * slow)) - log_slow
            y[_VOLUME_QUARTER] = math.log(max(s[_VOLUME_QUARTERS + k], 0.0) / bars + 1.0) - log_volume
            if wanted:
                regressors[i, 3 + _REGRESSORS + k] = x[_QUARTER]
                regressors[i, 2 + _REGRESSORS + horizons + _VOLUME_REGRESSORS + k] = y[_VOLUME_QUARTER]
            level = coefficients[k, _REGRESSORS] + log_slow
            for j in range(_REGRESSORS):
                level += coefficients[k, j] * x[j]
            traded_level = volume_coefficients[k, _VOLUME_REGRESSORS] + log_volume
            for j in range(_VOLUME_REGRESSORS):
                traded_level += volume_coefficients[k, j] * y[j]
            t, n = _SCALES + 4 * k, _SMEAR + 4 * k
            scale = s[t] / (s[t + 1] + numbers[_SHRINKAGE])
            spread = (s[t + 2] + numbers[_RETURN_SHRINKAGE]) / (s[t + 3] + numbers[_RETURN_SHRINKAGE])
            ahead, volume_ahead = season[i, 2 + k], season[i, 2 + horizons + k]
            mean = math.exp(level + scale + numbers[n])
            sigma = math.sqrt(h * mean * ahead)
            j = place + 3 * (count % h)
            place += 3 * h
            s[j], s[j + 1], s[j + 2] = level, sigma, log_close
            out[i, k] = sigma * math.sqrt(numbers[n + 1] * spread)
            out[i, horizons + 1 + k] = (math.exp(traded_level + numbers[n + 3]) - 1.0) * volume_ahead
            out[i, _SAID + k] = mean * ahead
