"""Calibrate a model's scores by Platt scaling: make probabilities of them that come true as often as they say.

Source: J. Platt, Probabilistic outputs for support vector machines (1999); here without its label smoothing.
"""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.estimates import block_sums

_STEPS = 50
_STEEPEST = 1.0
_FAINTEST = 0.1  # what is left of an opinion that may be luck: enough for live grading to show whether it was


def platt_slope(score: Floats, up: Flags, block: Ints) -> float:
    """Return the slope with which sigmoid(slope * score + intercept) fits best (maximum likelihood, Newton's method).

    The slope is then shrunk by the part that may be luck, s * max(0, 1 - (standard error / s)^2) as James and Stein do,
    with the error that holds when only the blocks (int64 [n], 0, 1, ...) are independent. It is kept between 0.1, for a
    model that shows nothing or ranks backwards here, and 1, so that no model is made surer than its trees are. It is 0
    where all scores are alike. `up` is bool [n] and must hold both values.
    """
    share = float(up.mean())
    base = float(np.log(share / (1 - share)))
    center, spread = float(score.mean()), float(score.std())
    if spread < 1e-12:
        return 0.0
    x = np.stack(((score - center) / spread, np.ones(len(score))), axis=1)
    weight = np.array([0.0, base])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(x @ weight)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (up - p))
        weight += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    errors = x * (up - p)[:, None]
    gradients = block_sums(block, errors.T)
    covariance = np.linalg.solve(hessian, np.linalg.solve(hessian, gradients.T @ gradients).T)
    if weight[0] <= 0:
        return _FAINTEST
    slope = float(weight[0] / spread * max(0.0, 1 - covariance[0, 0] / weight[0] ** 2))
    return min(max(slope, _FAINTEST), _STEEPEST)
