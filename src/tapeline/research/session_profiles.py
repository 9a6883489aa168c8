"""Fit how variance and volume run through a session, all symbols together."""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Bars, Floats
from tapeline.core.times import DAY
from tapeline.forecast.time_of_day import TERMS, session_times, terms

_NEWTON_STEPS = 12
_LARGEST_SHARE = 0.995  # quantile of the shares, above which single prints would decide
_FLAT = (0.0,) * TERMS

Profile = tuple[float, ...]


def fit_profiles(history: Bars) -> tuple[Profile, Profile]:
    """Return the profiles of variance and volume for `time_of_day`, of these intraday bars in the order of time.

    What each bar has relative to its symbol's mean of the day is regressed on the exponentials. Too few bars in
    sessions give flat profiles.
    """
    times = session_times(history)
    across, inside = np.log(history.high / history.low), np.log(history.close / history.open)
    variance = np.maximum(0.5 * across**2 - (2 * np.log(2) - 1) * inside**2, 0.1 * across**2 / (4 * np.log(2)))
    own_day = np.stack((history.code.astype(np.int64), history.timestamp // DAY))
    day = np.unique(own_day, axis=1, return_inverse=True)[1].reshape(-1)
    return _profile(times, day, variance), _profile(times, day, history.volume)


def _profile(times: Floats, day: np.ndarray, values: Floats) -> Profile:
    usable = ~np.isnan(times[:, 0]) & (values > 0)
    if int(usable.sum()) < 10 * TERMS:
        return _FLAT
    day, values = day[usable], values[usable]
    means = np.bincount(day, values) / np.maximum(np.bincount(day), 1)
    return _log_linear(terms(times[usable]), values / means[day])


def _log_linear(X: Floats, share: Floats) -> Profile:
    """Return the slopes of a Poisson regression of positive shares with a logarithmic link, by Newton's method.

    It fits means. A regression of logarithms would fit the ticks of quiet bars, whose variance is next to nothing.
    """
    A = np.column_stack((X, np.ones(len(X))))
    share = np.minimum(share, np.quantile(share, _LARGEST_SHARE))
    b = np.zeros(A.shape[1])
    b[-1] = np.log(share.mean())
    penalty = np.diag([1.0] * X.shape[1] + [0.0])
    for _ in range(_NEWTON_STEPS):
        mean = np.exp(np.clip(A @ b, -20, 20))
        b = b + np.linalg.solve(A.T @ (A * mean[:, None]) + penalty, A.T @ (share - mean) - penalty @ b)
    return tuple(np.clip(b[:-1], -15, 15).tolist())
