"""Measure how good ranges are: losses of variances and intervals, coverage, odds of events, each with its interval."""

from __future__ import annotations

import math

import numpy as np

from tapeline.core.market import Codes, Flags, Floats, Ints
from tapeline.forecast.estimates import Estimate, Sampling, ratio_influence

#: Quantiles of a normal variable at the upper ends of central intervals of 50, 80 and 95%.
NORMAL = {50: 0.6744897501960817, 80: 1.2815515655446004, 95: 1.959963984540054}

_LEAST = 1e-12


def qlike(forecast: Floats, came: Floats) -> Floats:
    """Return the loss of each variance forecast, float64 [n]; it is 0 where it was right.

    It is minimal in the mean for the true variance, whatever noisy measure of it `came` is (A. Patton, "Volatility
    forecast comparison using imperfect volatility proxies", 2011).
    """
    ratio = np.maximum(came, _LEAST) / np.maximum(forecast, _LEAST)
    result: Floats = ratio - np.log(ratio) - 1.0
    return result


def winkler(low: Floats, high: Floats, came: Floats, coverage: int) -> Floats:
    """Return the interval score of each interval: its width, and the misses times 2/alpha (R. Winkler, 1972)."""
    alpha = 1.0 - coverage / 100.0
    missed = np.maximum(low - came, 0.0) + np.maximum(came - high, 0.0)
    result: Floats = (high - low) + 2.0 / alpha * missed
    return result


def saved(sampling: Sampling, loss: Floats, of_baseline: Floats) -> Estimate:
    """Return the share of a baseline's loss on the same rows that is saved."""
    value, influence = ratio_influence(loss, of_baseline)
    return sampling.around(1.0 - value, -influence)


def tercile(sigma: Floats) -> Codes:
    """Return 0, 1 or 2 for the lowest, middle and highest third of the forecasts, int32 [n]."""
    if not len(sigma):
        return np.zeros(0, np.int32)
    return np.searchsorted(np.quantile(sigma, (1 / 3, 2 / 3)), sigma).astype(np.int32)


def coverage_by(held: Flags, group: Codes | Ints, count: int) -> list[float]:
    """Return the share that was held in each group; NaN for an empty one."""
    total = np.bincount(group, minlength=count)
    hits = np.bincount(group, held, count)
    return [float(hit / number) if number else math.nan for hit, number in zip(hits, total, strict=True)]


def normal_beyond(sigma: Floats, move: Floats | float) -> Floats:
    """Return the chance that a normal log return of this sigma is beyond `move`, up or down, float64 [n]."""
    ratios = (np.abs(move) / np.maximum(sigma, _LEAST) / math.sqrt(2.0)).tolist()
    return np.array([math.erfc(each) for each in ratios])


def normal_touch(sigma: Floats, move: Floats | float) -> Floats:
    """Return the chance that a driftless walk of this sigma comes to the log return `move` on the way, float64 [n].

    It is twice the chance that it ends there (reflection principle).
    """
    return normal_beyond(sigma, move)
