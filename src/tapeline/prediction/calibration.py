"""Platt scaling: a model's raw scores to probabilities that can be taken at their word.

Source: J. Platt, Probabilistic outputs for support vector machines (1999); here without its label smoothing.
"""

from __future__ import annotations

import numpy as np

from tapeline.market import Flags, Floats

_STEPS = 50
_STEEPEST = 2.0


def platt(raw: Floats, up: Flags) -> tuple[float, float]:
    """Slope and intercept so that sigmoid(slope * raw + intercept) fits best (maximum likelihood, Newton's method).

    The slope is kept between 0 and 2: a model that ranks backwards knows nothing, and slope 0 then says just that.
    `up` is bool [n] and must hold both values.
    """
    share = float(up.mean())
    base = float(np.log(share / (1 - share)))
    center, spread = float(raw.mean()), float(raw.std())
    if spread < 1e-12:
        return 0.0, base
    x = np.stack(((raw - center) / spread, np.ones(len(raw))), axis=1)
    weight = np.array([0.0, base])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(x @ weight)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (up - p))
        weight += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    slope = weight[0] / spread
    if slope <= 0:
        return 0.0, base
    slope = min(slope, _STEEPEST)
    return float(slope), float(weight[1] - slope * center)
