"""Forecast variances with GARCH(1,1), the textbook's model of waves of volatility, for ranges to be held against.

Tomorrow's variance is a constant, a part of today's squared return and a part of today's variance (T. Bollerslev,
Generalized autoregressive conditional heteroskedasticity, Journal of Econometrics 31, 1986). The parameters of each
symbol are those of greatest normal likelihood on its returns before a test. They cannot be had from what is stored of a
row, so GARCH stands in the walk-forward report, and not beside the grades of live forecasts.
"""

from __future__ import annotations

import numpy as np

from tapeline.core.jit import jit
from tapeline.core.market import Bars, Floats
from tapeline.forecast.range_layout import HORIZONS

#: The name of the baseline in reports.
GARCH = "GARCH(1,1)"

_FEWEST = 100  # returns before a test; of fewer, the first half of all is fitted, which favours GARCH
_LEAST_PART, _MOST_PERSISTENCE, _LEVELS = 1e-4, 0.9995, (0.05, 20.0)  # so that no variance is 0 or below
_PARTS, _PERSISTENCES = (0.02, 0.04, 0.07, 0.1, 0.15, 0.22, 0.3), (0.5, 0.7, 0.85, 0.93, 0.97, 0.99)
_FIRST_STEPS, _LAST_STEP = (0.5, 0.04, 0.04), 0.002  # of the level's logarithm, and of the two parameters


def garch(bars: Bars, first: int, returns: Floats) -> Floats:
    """Return the mean variance that is expected over each horizon after each bar, float64 [bars, horizons].

    `returns` are the bars' log returns, `first` is the time of the first test (UTC epoch ms): returns before it are
    fitted. It is a `Baseline`.
    """
    out = np.full((len(bars), len(HORIZONS)), np.nan)
    for code in range(len(bars.symbols)):
        mine = np.flatnonzero(bars.code == code)
        known = returns[mine][bars.timestamp[mine] < first]
        if len(known) < _FEWEST:
            known = returns[mine][: len(mine) // 2]
        usual = float(np.square(known).mean()) if len(known) else 0.0
        if usual > 0:
            level, part, persistence = fitted(known / np.sqrt(usual))
            variance = usual * filtered(returns[mine] / np.sqrt(usual), level, part, persistence)
            for k, horizon in enumerate(HORIZONS):
                fade = np.mean(persistence ** np.arange(horizon))
                out[mine, k] = usual * level + (variance - usual * level) * fade
    return out


def fitted(returns: Floats) -> tuple[float, float, float]:
    """Return long-run variance, the squared return's part, and persistence (both parts together) of returns [n].

    The returns have a mean square of about 1. The best of a grid is improved along one parameter at a time, by steps
    that are halved once none of them helps.
    """
    grid = np.array([(1.0, part, persistence) for part in _PARTS for persistence in _PERSISTENCES])
    best, least = _best(returns, grid)
    steps = np.array(_FIRST_STEPS)
    while steps[0] > _LAST_STEP:
        moves = np.concatenate((np.diag(steps), -np.diag(steps)))
        tried = best + moves
        tried[:, 0] = best[0] * np.exp(moves[:, 0])
        tried[:, 0] = np.clip(tried[:, 0], *_LEVELS)
        tried[:, 2] = np.clip(tried[:, 2], _LEAST_PART, _MOST_PERSISTENCE)
        tried[:, 1] = np.clip(tried[:, 1], _LEAST_PART, tried[:, 2])
        found, loss = _best(returns, tried)
        if loss < least:
            best, least = found, loss
        else:
            steps /= 2
    level, part, persistence = best.tolist()
    return level, part, persistence


def _best(returns: Floats, tried: Floats) -> tuple[Floats, float]:
    losses = np.empty(len(tried))
    _losses(returns, tried, losses)
    return tried[losses.argmin()].copy(), float(losses.min())


def filtered(returns: Floats, level: float, part: float, persistence: float) -> Floats:
    """Return the variance of the return after each, float64 [n]."""
    out = np.empty(len(returns))
    _filter(returns, level, part, persistence, out)
    return out


@jit
def _filter(returns: Floats, level: float, part: float, persistence: float, out: Floats) -> None:
    variance = level
    for i in range(len(returns)):
        variance = level + part * (returns[i] * returns[i] - level) + (persistence - part) * (variance - level)
        out[i] = variance


@jit
def _losses(returns: Floats, tried: Floats, losses: Floats) -> None:
    """Fill in twice the negative log-likelihood (without its constant) for each row of level, part, persistence."""
    for t in range(len(tried)):
        level, part, persistence = tried[t, 0], tried[t, 1], tried[t, 2]
        variance, total = level, 0.0
        for i in range(len(returns)):
            square = returns[i] * returns[i]
            total += np.log(variance) + square / variance
            variance = level + part * (square - level) + (persistence - part) * (variance - level)
        losses[t] = total
