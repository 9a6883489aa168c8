"""How good probabilities of UP are, with block-bootstrap intervals.

Own code, tested against scikit-learn, for two reasons: grading runs where scikit-learn is not installed, and thousands
of resamples are affordable only on sums per block. All arrays are one entry per row; `up` is bool.

Intervals: time is cut into blocks of neighbouring bars, whole blocks are drawn with replacement, and the 2.5% and 97.5%
points of the metric over the draws are the interval. All symbols of a time are in one block, and a block is longer than
the horizon, so neither overlapping labels nor a common market move are counted as independent evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Flags, Floats, Ints

RESAMPLES = 1000
_BLOCK_HORIZONS = 4  # a block is this many horizons long,
_FEWEST_BLOCKS = 20  # or shorter, so that there are as many as this to draw from
_SMALLEST_GROUP = 5  # symbols at one time, for a rank correlation between them
_NEVER_SURE = 0.005  # probabilities are clipped here for the log-loss: half a vote in a forest of 100 trees

#: The metrics of `Judge`, and whether more is better.
METRICS: Mapping[str, bool] = {
    "auc": True,
    "log_loss": False,
    "brier": False,
    "brier_skill": True,
    "balanced_accuracy": True,
    "rank_ic": True,
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value measured once, and the 95% interval that block bootstrap gives it (NaN: cannot be told)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class Bin:
    """A part of the rows: their mean probability (or confidence), how often it came true, and how many rows."""

    mean: float
    share: float
    count: int


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


def calibration(probability: Floats, up: Flags, bins: int = 10) -> list[Bin]:
    """Mean probability against the share of UP, in bins of equally many rows, the lowest probabilities first."""
    return _bins(probability, up, bins)


def hit_rate_by_confidence(probability: Floats, up: Flags, bins: int = 5) -> list[Bin]:
    """|p - 0.5| against the share of right calls (UP above 0.5), in bins of equally many rows, the least sure first."""
    return _bins(np.abs(probability - 0.5), (probability > 0.5) == up, bins)


def _bins(value: Floats, hit: Flags, bins: int) -> list[Bin]:
    order = np.argsort(value, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [Bin(float(value[part].mean()), float(hit[part].mean()), len(part)) for part in parts]


def blocks(timestamp: Ints, horizon: int) -> Ints:
    """The block of neighbouring times that each row belongs to, int64 [n], counted from 0."""
    times, place = np.unique(timestamp, return_inverse=True)
    length = max(1, min(_BLOCK_HORIZONS * horizon, len(times) // _FEWEST_BLOCKS))
    return place // length


def draws(timestamp: Ints, horizon: int, resamples: int, seed: int) -> tuple[Ints, Floats]:
    """Block of each row, int64 [n], and how often each block is drawn in each resample, float64 [resamples, blocks]."""
    block = blocks(timestamp, horizon)
    count = int(block.max()) + 1 if len(block) else 0
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), resamples) if count else np.zeros((resamples, 0))
    return block, drawn.astype(np.float64)


def interval(samples: Floats) -> tuple[float, float]:
    """The 2.5% and 97.5% points; NaN where fewer than half of the resamples could be measured."""
    known = samples[~np.isnan(samples)]
    if 2 * len(known) < len(samples) or not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


class Judge:
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
