"""Test whether the best of several candidates beats a benchmark, counting how many were tried.

Source: P. R. Hansen, A Test for Superior Predictive Ability, Journal of Business & Economic Statistics 23 (2005). The
p-values are his consistent one, and the lower and upper ones that bound it; where every candidate is worse than the
benchmark, the statistic is left below zero, as in `arch`, so that the p-value says so. The stationary bootstrap draws
stretches of neighbouring times with geometric lengths (D. Politis, J. Romano, 1994). Tested against the package `arch`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Floats, Ints

_DRAWS = 1000
_STRETCH_HORIZONS = 2  # mean length of a stretch
_CHUNK = 50  # draws at once, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class SuperiorAbility:
    """Hold the p-values of "no candidate is better than the benchmark", and the candidate with the largest t value.

    `p` is the consistent one. NaN where nothing could be tested.
    """

    benchmark: str
    best: str
    candidates: int
    lower: float
    p: float
    upper: float

    def __str__(self) -> str:
        return f"p = {self.p:.3f} [{self.lower:.3f}, {self.upper:.3f}]"


def superior_ability(
    benchmark: str, losses: Mapping[str, Floats], timestamp: Ints, horizon: int, *, seed: int = 0, draws: int = _DRAWS
) -> SuperiorAbility:
    """Test all candidates against the benchmark. `losses` are those of every row, float64 [n], the benchmark's too.

    The losses of each time are averaged first, so all symbols of a time count as one observation.
    """
    names = [name for name in losses if name != benchmark]
    times, index = np.unique(timestamp, return_inverse=True)
    rows = np.bincount(index)
    gains = np.stack([np.bincount(index, losses[benchmark] - losses[name]) / rows for name in names], axis=1)
    count = len(times)
    varying = gains.std(axis=0) > 1e-12
    if count < 2 * horizon or not varying.any():
        nothing = float("nan")
        return SuperiorAbility(benchmark, "", len(names), nothing, nothing, nothing)
    names = [name for name, varies in zip(names, varying, strict=True) if varies]
    found = p_values(gains[:, varying], _STRETCH_HORIZONS * horizon, draws, seed)
    return SuperiorAbility(benchmark, names[found[0]], len(losses) - 1, *found[1:])


def p_values(gains: Floats, stretch: float, draws: int, seed: int) -> tuple[int, float, float, float]:
    """Return the best candidate, and the lower, consistent and upper p-value.

    `gains` are the benchmark's losses less the candidates', float64 [times, candidates], `stretch` is the mean length
    of the stretches drawn.
    """
    count = len(gains)
    means = gains.mean(axis=0)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate(
        [gains[_stretches(rng, count, stretch, min(_CHUNK, draws - start))].mean(axis=1)
         for start in range(0, draws, _CHUNK)]
    )  # fmt: skip
    scale = np.sqrt(_long_run_variance(gains - means, stretch))
    statistics = math.sqrt(count) * means / scale
    best = int(np.argmax(statistics))
    observed = float(statistics[best])
    threshold = -scale / math.sqrt(count) * math.sqrt(2 * math.log(math.log(count)))
    found = []
    for center in (np.maximum(means, 0.0), np.where(means >= threshold, means, 0.0), means):
        largest = (math.sqrt(count) * (drawn - center) / scale).max(axis=1)
        found.append(float((largest > observed).mean()))
    return best, found[0], found[1], found[2]


def _stretches(rng: np.random.Generator, count: int, stretch: float, draws: int) -> Ints:
    """Return the indices that the stationary bootstrap draws, int64 [draws, count]."""
    fresh = rng.random((draws, count)) < 1 / stretch
    fresh[:, 0] = True
    started = np.maximum.accumulate(np.where(fresh, np.arange(count), 0), axis=1)
    first = np.take_along_axis(rng.integers(0, count, (draws, count)), started, axis=1)
    result: Ints = (first + np.arange(count) - started) % count
    return result


def _long_run_variance(deviations: Floats, stretch: float) -> Floats:
    """Return the variance of sqrt(n) times the mean that the stationary bootstrap has, float64 [candidates]."""
    count = len(deviations)
    going_on = 1 - 1 / stretch
    total: Floats = (deviations**2).mean(axis=0)
    for lag in range(1, count):
        weight = (count - lag) / count * going_on**lag + lag / count * going_on ** (count - lag)
        if weight < 1e-9:  # both powers are far from their ends: nothing to add
            continue
        total = total + 2 * weight * (deviations[:-lag] * deviations[lag:]).sum(axis=0) / count
    return np.maximum(total, 1e-300)
