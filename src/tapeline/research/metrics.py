"""Measure how good probabilities of UP are: AUC, log-loss, Brier score and others, each with a confidence interval.

Own code, tested against scikit-learn, because the intervals need each row's influence on each metric, which libraries
do not give (`forecast.estimates` says how the intervals are made). All arrays have one entry per row; `up` is bool.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.estimates import Estimate, Sampling, blocks, ratio_influence

_SMALLEST_GROUP = 5  # symbols at one time, for a rank correlation between them
#: Probabilities are clipped here for the log-loss: half a vote in a forest of 100 trees.
NEVER_SURE = 0.005

#: The metrics of `PairedMetrics`, and whether more is better.
METRICS: Mapping[str, bool] = {
    "auc": True,
    "log_loss": False,
    "brier": False,
    "brier_skill": True,
    "balanced_accuracy": True,
    "rank_ic": True,
}


def auc(probability: Floats, up: Flags) -> float:
    """Return the area under the ROC curve: how often an UP row has the higher probability of two; ties count half."""
    return auc_influence(probability, up)[0]


def log_loss(probability: Floats, up: Flags) -> Floats:
    """Return the log-loss of each row, float64 [n]."""
    result: Floats = -np.log(np.where(up, probability, 1 - probability))
    return result


def auc_influence(values: Floats, up: Flags) -> tuple[float, Floats]:
    """Return the AUC and each row's influence on it: how well it is ranked against the rows of the other kind."""
    ups = int(up.sum())
    downs = len(up) - ups
    if not ups or not downs:
        return float("nan"), np.full(len(up), np.nan)
    known, place = np.unique(values, return_inverse=True)
    rises = np.bincount(place[up], minlength=len(known)).astype(np.float64)
    falls = np.bincount(place[~up], minlength=len(known)).astype(np.float64)
    below = (np.cumsum(falls) - falls / 2) / downs  # share of the DOWN rows below each value; ties count half
    above = (ups - np.cumsum(rises) + rises / 2) / ups
    value = float((rises * below).sum() / ups)
    influence: Floats = np.where(
        up, (below[place] - value) * (len(up) / ups), (above[place] - value) * (len(up) / downs)
    )
    return value, influence


class PairedMetrics:
    """Measure several predictors on the same rows, so that they can be compared in pairs.

    `move` is the log return that was predicted; `neutral` is the probability of UP that was known beforehand without
    any features (the share of UP in training). It is the reference of Brier skill and the threshold of balanced
    accuracy, and AUC ranks by what a probability adds to it, so that folds with different shares can be pooled: a
    constant has 0.5.
    """

    def __init__(self, timestamp: Ints, up: Flags, move: Floats, neutral: Floats, horizon: int) -> None:
        self._timestamp, self._up, self._move, self._neutral = timestamp, up, move, neutral
        self._horizon = horizon
        self._sampling = Sampling(timestamp, horizon)
        independent = max(self._sampling.times / horizon, 3.0)
        self._two_means = (independent / (independent - 2)) ** 0.5  # an AUC is about two groups, each with its own mean
        self._measured: dict[str, dict[str, tuple[float, Floats]]] = {}

    def measure(self, name: str, probability: Floats) -> dict[str, Estimate]:
        """Return every metric of `METRICS` for these probabilities of UP, kept under `name` for `difference`."""
        self._measured[name] = measured = self._influences(probability)
        return {metric: self._sampling.around(*measured[metric]) for metric in METRICS}

    def difference(self, metric: str, name: str, other: str) -> Estimate:
        """Return by how much `name` is better than `other` (positive: better), measured in pairs of the same rows."""
        (one, influence), (two, its_influence) = self._measured[name][metric], self._measured[other][metric]
        sign = 1.0 if METRICS[metric] else -1.0
        return self._sampling.around(sign * (one - two), sign * (influence - its_influence))

    def _influences(self, probability: Floats) -> dict[str, tuple[float, Floats]]:
        """Return each metric's value, and each row's influence on it."""
        up, every = self._up, np.ones(len(self._up))
        error, reference = (probability - up) ** 2, (self._neutral - up) ** 2
        called = probability > self._neutral
        share, lost = ratio_influence(error, reference)
        rises, seen_rises = ratio_influence(up & called, up)
        falls, seen_falls = ratio_influence(~up & ~called, ~up)
        area, on_area = auc_influence(probability - self._neutral, up)
        return {
            "auc": (area, on_area * self._two_means),
            "log_loss": ratio_influence(log_loss(np.clip(probability, NEVER_SURE, 1 - NEVER_SURE), up), every),
            "brier": ratio_influence(error, every),
            "brier_skill": (1 - share, -lost),
            "balanced_accuracy": ((rises + falls) / 2, (seen_rises + seen_falls) / 2),
            "rank_ic": ratio_influence(*self._correlations(probability)),
        }

    def _correlations(self, probability: Floats) -> tuple[Floats, Floats]:
        """Return the rank correlation of probability and move among the symbols of each time, at that time's first row.

        Where times have fewer than five symbols, the rows of each block are ranked instead. The second column counts
        the correlations.
        """
        group = np.unique(self._timestamp, return_inverse=True)[1]
        if len(group) and np.median(np.bincount(group)) < _SMALLEST_GROUP:
            group = blocks(self._timestamp, self._horizon)
        first = np.unique(group, return_index=True)[1]
        large = np.bincount(group) >= _SMALLEST_GROUP
        value, count = np.zeros(len(group)), np.zeros(len(group))
        value[first] = np.where(large, _rank_correlations(group, probability, self._move), 0.0)
        count[first] = large
        return value, count


def _rank_correlations(group: Ints, one: Floats, other: Floats) -> Floats:
    """Return the rank correlation within each group, float64 [groups]; 0 when one is constant: it ranks nothing."""
    a, b = _centred_ranks(group, one), _centred_ranks(group, other)
    covariance = np.bincount(group, a * b)
    scale = np.sqrt(np.bincount(group, a * a) * np.bincount(group, b * b))
    found: Floats = np.divide(covariance, scale, out=np.zeros(len(scale)), where=scale > 0)
    return found


def _centred_ranks(group: Ints, values: Floats) -> Floats:
    """Return each row's rank in its group, less the mean of these ranks; of values that are alike, the middle one."""
    order = np.lexsort((values, group))
    starts = np.append(True, (np.diff(group[order]) != 0) | (np.diff(values[order]) != 0))[: len(order)]
    place = np.cumsum(starts) - 1
    count = np.bincount(place)
    middle = np.cumsum(count) - (count - 1) / 2
    ranks = np.empty(len(order))
    ranks[order] = middle[place]
    sizes = np.bincount(group)
    result: Floats = ranks - (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return result
