"""How good probabilities of UP are, with block-bootstrap intervals.

Own code, tested against scikit-learn, for two reasons: grading runs where scikit-learn is not installed, and thousands
of resamples are affordable only on sums per block. All arrays are one entry per row; `up` is bool.

Intervals: time is cut into blocks of neighbouring bars, whole blocks are drawn with replacement, and the 2.5% and 97.5%
points of the metric over the draws are the interval. All symbols of a time are in one block, and a block is longer than
the horizon, so neither overlapping labels nor a common market move are counted as independent evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.estimates import RESAMPLES, Estimate, draws, interval

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
    """Area under the ROC curve: how often an UP row has the higher probability of the two; ties count half."""
    order = np.argsort(probability, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(probability[order]) != 0))
    return _auc(order, starts, up, np.ones(len(up)) if weight is None else weight)


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
    """Measures several predictors on the same rows and the same resamples, so that they can be compared in pairs.

    `move` is the log return that was predicted; `neutral` the probability of UP that was known beforehand without any
    features (the training share): it is the reference of Brier skill and the threshold of balanced accuracy, and AUC
    ranks by what a probability adds to it, so that folds with different shares can be pooled: a constant has 0.5.
    """

    def __init__(
        self, timestamp: Ints, up: Flags, move: Floats, neutral: Floats, horizon: int, resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self._timestamp, self._up, self._move, self._neutral = timestamp, up, move, neutral
        self._block, self._drawn = draws(timestamp, horizon, resamples, seed)
        self._samples: dict[str, dict[str, Floats]] = {}

    def measure(self, name: str, probability: Floats) -> dict[str, Estimate]:
        """Every metric of `METRICS` for these probabilities of UP, kept under `name` for `difference`."""
        whole = np.ones((1, self._drawn.shape[1]))
        contributions = self._contributions(probability)
        sums = np.stack([np.bincount(self._block, column, self._drawn.shape[1]) for column in contributions], axis=1)
        values, samples = _ratios(whole @ sums), _ratios(self._drawn @ sums)
        added = probability - self._neutral
        order = np.argsort(added, kind="stable")
        starts = np.flatnonzero(np.append(True, np.diff(added[order]) != 0))
        values["auc"] = np.array([_auc(order, starts, self._up, np.ones(len(order)))])
        samples["auc"] = np.array([_auc(order, starts, self._up, drawn[self._block]) for drawn in self._drawn])
        self._samples[name] = {m: np.append(values[m], samples[m]) for m in METRICS}
        return {m: Estimate(float(values[m][0]), *interval(samples[m])) for m in METRICS}

    def difference(self, metric: str, name: str, other: str) -> Estimate:
        """By how much `name` is better than `other` (positive: better), measured on the same resamples."""
        both = self._samples[name][metric] - self._samples[other][metric]
        both = both if METRICS[metric] else -both
        return Estimate(float(both[0]), *interval(both[1:]))

    def _contributions(self, probability: Floats) -> Iterator[Floats]:
        """Columns whose sums over rows are all that the metrics but AUC need."""
        up = self._up
        clipped = np.clip(probability, _NEVER_SURE, 1 - _NEVER_SURE)
        called = probability > self._neutral
        yield np.ones(len(up))
        yield -np.log(np.where(up, clipped, 1 - clipped))
        yield (probability - up) ** 2
        yield (self._neutral - up) ** 2
        yield up.astype(np.float64)
        yield (up & called).astype(np.float64)
        yield (~up & ~called).astype(np.float64)
        yield from self._correlations(probability)

    def _correlations(self, probability: Floats) -> tuple[Floats, Floats]:
        """Rank correlation of probability and move between the symbols of each time, set at that time's first row.

        Where a time has fewer than five symbols: between the rows of each block instead.
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


def _spearman(x: Floats, y: Floats) -> float:
    """Rank correlation; 0 when one of them is constant: a constant ranks nothing."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def _ranks(x: Floats) -> Floats:
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    middle: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return middle
