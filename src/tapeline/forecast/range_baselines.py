"""Forecast ranges and volumes with what a range model has to beat: exponentially weighted means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tapeline.core.jit import jit
from tapeline.core.market import Bars, Codes, Floats
from tapeline.forecast.labels import longest_step

#: RiskMetrics' decay (J.P. Morgan, RiskMetrics Technical Document, 1996).
DECAY = 0.94

#: Values that `recent_mean` looks at.
RECENT = 128

#: A baseline of one's own: sorted bars, the first test time (epoch ms) and returns to the mean variance a bar, over
#: each horizon, float64 [bars, horizons].
Baseline = Callable[[Bars, int, Floats], Floats]


def bar_returns(bars: Bars, interval: int) -> Floats:
    """Return each bar's log return since the last close of its symbol, or since its open after a gap, float64 [n]."""
    returns = np.log(bars.close / bars.open)
    order = np.argsort(bars.code, kind="stable")
    code, time = bars.code[order], bars.timestamp[order]
    follows = np.flatnonzero((code[1:] == code[:-1]) & (np.diff(time) <= longest_step(interval))) + 1
    here, before = order[follows], order[follows - 1]
    returns[here] = np.log(bars.close[here] / bars.close[before])
    return returns


def weighted_mean(values: Floats, code: Codes) -> Floats:
    """Return the exponentially weighted mean of each symbol's values up to each bar, float64 [n]."""
    out = np.empty(len(values))
    _weighted_mean(values, code, DECAY, np.zeros((int(code.max(initial=0)) + 1, 2)), out)
    return out


@jit
def _weighted_mean(values: Floats, code: Codes, decay: float, state: Floats, out: Floats) -> None:
    for i in range(len(values)):
        s = code[i]
        state[s, 0] = decay * state[s, 0] + (1.0 - decay) * values[i]
        state[s, 1] = decay * state[s, 1] + (1.0 - decay)
        out[i] = state[s, 0] / state[s, 1]


def recent_mean(values: Floats) -> Floats:
    """Return the exponentially weighted mean of the last `RECENT` values of one symbol up to each one, float64 [n].

    What is older weighs a thirtieth of a percent. So the mean is the same whether all values are given or those alone.
    """
    out = np.empty(len(values))
    _recent_mean(values, np.power(DECAY, np.arange(RECENT, dtype=np.float64)), out)
    return out


@jit
def _recent_mean(values: Floats, weights: Floats, out: Floats) -> None:
    for i in range(len(values)):
        total = weight = 0.0
        for back in range(min(len(weights), i + 1)):
            total += weights[back] * values[i - back]
            weight += weights[back]
        out[i] = total / weight
