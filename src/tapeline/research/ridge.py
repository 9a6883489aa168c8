"""Fit linear regressions with a ridge penalty: of logarithms by least squares, of means by QLIKE."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapeline.core.market import Floats

#: The usual penalty, as this many rows of evidence that a slope is zero.
RIDGE = 100.0

_NEWTON_STEPS = 8
_WEIGHTED_ROWS = 1 << 14  # at once: weighted copies of all of them would be the largest of a training's memory


def least_squares(X: Floats, y: Floats, allowed: Sequence[int], penalty: float = RIDGE) -> Floats:
    """Return coefficients of every column and the constant, float64 [columns + 1]; zero where not allowed."""
    Z = X[:, list(allowed)]
    mean, spread = Z.mean(axis=0), Z.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)  # what never changes explains nothing
    Z -= mean  # in place: copies of this are the largest of a training's memory
    Z /= spread
    slopes = np.linalg.solve(Z.T @ Z + penalty * np.eye(Z.shape[1]), Z.T @ (y - y.mean())) / spread
    found = np.zeros(X.shape[1] + 1)
    found[list(allowed)] = slopes
    found[-1] = y.mean() - mean @ slopes
    return found


def least_qlike(X: Floats, y: Floats, start: Floats, allowed: Sequence[int], penalty: float = RIDGE) -> Floats:
    """Return coefficients that minimise QLIKE (the deviance of a gamma variable) from `start` on, by Newton's method.

    The constant is such that the logarithms, like those of a least-squares fit, are right in the mean.
    """
    Z = np.ones((len(X), len(allowed) + 1))
    used = Z[:, :-1]
    used[:] = X[:, list(allowed)]
    mean, spread = used.mean(axis=0), used.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)
    used -= mean
    used /= spread
    slopes = start[list(allowed)]
    b = np.append(slopes * np.where(np.isinf(spread), 0.0, spread), start[-1] + mean @ slopes)
    penalties = np.diag([penalty] * len(allowed) + [0.0])
    for _ in range(_NEWTON_STEPS):
        ratio = np.minimum(np.exp(y - Z @ b), 50.0)  # of outcome and forecast; single shocks do not throw a step off
        curvature = penalties + _weighted_squares(Z, np.minimum(ratio, 5.0))
        b = b + np.linalg.solve(curvature, Z.T @ (ratio - 1.0) - penalties @ b)
    found = np.zeros(X.shape[1] + 1)
    found[list(allowed)] = b[:-1] / spread
    found[-1] = (y - X @ found[:-1]).mean()
    return found


def _weighted_squares(Z: Floats, weights: Floats) -> Floats:
    """Return the sum over rows of weight x row x row, float64 [columns, columns]."""
    found = np.zeros((Z.shape[1], Z.shape[1]))
    for start in range(0, len(Z), _WEIGHTED_ROWS):
        some = slice(start, start + _WEIGHTED_ROWS)
        found += (Z[some] * weights[some, None]).T @ Z[some]
    return found
