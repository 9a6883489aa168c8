"""Platt scaling: a model's raw scores to probabilities that can be taken at their word.

Source: J. Platt, Probabilistic outputs for support vector machines (1999); here without its label smoothing.
"""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Flags, Floats, Ints

_STEPS = 50
_STEEPEST = 1.0
_FAINTEST = 0.1  # what is left of an opinion that may be luck: a whisper, so that live grading can tell


def platt_slope(raw: Floats, up: Flags, block: Ints) -> float:
    """The slope with which sigmoid(slope * raw + intercept) fits best (maximum likelihood, Newton's method).

    The slope is then shrunk by what of it may be luck, s * max(0, 1 - (standard error / s)^2) as James and Stein do,
    with the error that holds when only the blocks (int64 [n], 0, 1, ...) are independent, and kept between 0.1, for a
    model that shows nothing or ranks backwards here, and 1: none is made surer than its trees are. 0 where all scores
    are alike. `up` is bool [n] and must hold both values.
    """
    share = float(up.mean())
    base = float(np.log(share / (1 - share)))
    center, spread = float(raw.mean()), float(raw.std())
    if spread < 1e-12:
        return 0.0
    x = np.stack(((raw - center) / spread, np.ones(len(raw))), axis=1)
    weight = np.array([0.0, base])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(x @ weight)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (up - p))
        weight += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    errors = x * (up - p)[:, None]
    scores = np.stack([np.bincount(block, column) for column in errors.T], axis=1)
    covariance = np.linalg.solve(hessian, np.linalg.solve(hessian, scores.T @ scores).T)
    if weight[0] <= 0:
        return _FAINTEST
    slope = float(weight[0] / spread * max(0.0, 1 - covariance[0, 0] / weight[0] ** 2))
    return min(max(slope, _FAINTEST), _STEEPEST)
