"""Measure how good probabilities of UP are: AUC, log-loss, Brier score and others, each with a confidence interval.

Own code, tested against scikit-learn, because thousands of resamples are affordable only on sums per block
(`forecast.estimates`, which says how the intervals are made). All arrays have one entry per row; `up` is bool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.estimates import RESAMPLES, Estimate, block_sums, draws

_SMALLEST_GROUP = 5  # symbols at one time, for a rank correlation between them
_NEVER_SURE = 0.005  # probabilities are clipped here for the log-loss: half a vote in a forest of 100 trees

#: The metrics of `PairedMetrics`, and whether more is better.
METRICS: Mapping[str, bool] = {
    "auc": True,
    "log_loss": False,
    "brier": False,
    "brier_skill": True,
    "balanced_accuracy": True,
    "rank_ic": True,
}


def auc(probability: Floats, up: Flags, weight: Floats | None = None) -> float:
    """Return the area under the ROC curve: how often an UP row has the higher probability of two; ties count half."""
    return _auc(*_ranked(probability), up, np.ones(len(up)) if weight is None else weight)


def log_loss(probability: Floats, up: Flags) -> Floats:
    """Return the log-loss of each row, float64 [n]."""
    result: Floats = -np.log(np.where(up, probability, 1 - probability))
    return result


def _ranked(values: Floats) -> tuple[Ints, Ints]:
    """Return the order that sorts the values, and where each run of equal ones starts in it."""
    order = np.argsort(values, kind="stable")
    return order, np.flatnonzero(np.append(True, np.diff(values[order]) != 0))


def _auc(order: Ints, starts: Ints, up: Flags, weight: Floats) -> float:
    if not len(order):
        return float("nan")
    w, positive = weight[order], up[order]
    ups = np.add.reduceat(np.where(positive, w, 0.0), starts)
    downs = np.add.reduceat(np.where(positive, 0.0, w), starts)
    total = ups.sum() * downs.sum()
    below = np.cumsum(downs) - downs / 2
    return float((ups * below).sum() / total) if total > 0 else float("nan")


class PairedMetrics:
    """Measure several predictors on the same rows and the same resamples, so that they can be compared in pairs.

    `move` is the log return that was predicted; `neutral` is the probability of UP that was known beforehand without
    any features (the share of UP in training). It is the reference of Brier skill and the threshold of balanced
    accuracy, and AUC ranks by what a probability adds to it, so that folds with different shares can be pooled: a
    constant has 0.5.
    """

    def __init__(
        self, timestamp: Ints, up: Flags, move: Floats, neutral: Floats, horizon: int, resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self._timestamp, self._up, self._move, self._neutral = timestamp, up, move, neutral
        self._block, self._drawn = draws(timestamp, horizon, resamples, seed)
        self._samples: dict[str, dict[str, Floats]] = {}

    def measure(self, name: str, probability: Floats) -> dict[str, Estimate]:
        """Return every metric of `METRICS` for these probabilities of UP, kept under `name` for `difference`."""
        whole = np.ones((1, self._drawn.shape[1]))
        sums = block_sums(self._block, self._contributions(probability), self._drawn.shape[1])
        values, samples = _ratios(whole @ sums), _ratios(self._drawn @ sums)
        order, starts = _ranked(probability - self._neutral)
        values["auc"] = np.array([_auc(order, starts, self._up, np.ones(len(order)))])
        samples["auc"] = np.array([_auc(order, starts, self._up, drawn[self._block]) for drawn in self._drawn])
        self._samples[name] = {m: np.append(values[m], samples[m]) for m in METRICS}
        return {m: Estimate.of(values[m][0], samples[m]) for m in METRICS}

    def difference(self, metric: str, name: str, other: str) -> Estimate:
        """Return by how much `name` is better than `other` (positive: better), measured on the same resamples."""
        both = self._samples[name][metric] - self._samples[other][metric]
        both = both if METRICS[metric] else -both
        return Estimate.of(both[0], both[1:])

    def _contributions(self, probability: Floats) -> Iterator[Floats]:
        """Yield the columns whose sums over rows are all that the metrics other than AUC need."""
        up = self._up
        clipped = np.clip(probability, _NEVER_SURE, 1 - _NEVER_SURE)
        called = probability > self._neutral
        yield np.ones(len(up))
        yield log_loss(clipped, up)
        yield (probability - up) ** 2
        yield (self._neutral - up) ** 2
        yield up.astype(np.float64)
        yield (up & called).astype(np.float64)
        yield (~up & ~called).astype(np.float64)
        yield from self._correlations(probability)

    def _correlations(self, probability: Floats) -> tuple[Floats, Floats]:
        """Return the rank correlation of probability and move among the symbols of each time, at that time's first row.

        Where times have fewer than five symbols, the rows of each block are ranked instead. The second column counts
        the correlations.
        """
        group = np.unique(self._timestamp, return_inverse=True)[1]
        if len(group) and np.median(np.bincount(group)) < _SMALLEST_GROUP:
            group = self._block
        order = np.argsort(group, kind="stable")
        edges = np.flatnonzero(np.append(True, np.diff(group[order]) != 0)) if len(order) else np.zeros(0, np.int64)
        value, count = np.zeros(len(group)), np.zeros(len(group))
        for rows in np.split(order, edges[1:]):
            if len(rows) >= _SMALLEST_GROUP:
                correlation = _spearman(probability[rows], self._move[rows])
                value[rows[0]], count[rows[0]] = correlation, 1.0
        return value, count


def _ratios(sums: Floats) -> dict[str, Floats]:
    count, loss, brier, neutral, ups, true_up, true_down, ic, groups = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "log_loss": loss / count,
            "brier": brier / count,
            "brier_skill": 1 - brier / neutral,
            "balanced_accuracy": (true_up / ups + true_down / (count - ups)) / 2,
            "rank_ic": ic / groups,
        }


def _spearman(one: Floats, other: Floats) -> float:
    """Return the rank correlation; 0 when one of them is constant: a constant ranks nothing."""
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def _ranks(values: Floats) -> Floats:
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = (np.cumsum(count) - (count - 1) / 2)[index]
    return middle
