"""Guard against leaks: check what every honest evaluation must pass, on the user's own features too.

`tapeline evaluate --audit` runs these guards:

- `future bars`: everything is computed again with every bar after a random time changed; no feature, and no label that
  was decided by then, may differ.
- `neighbouring rows`: the features of a bar alone equal those in a batch, so no row reads another.
- `too good to be true`: no single feature may rank the labels better than anything honest does on prices. This catches
  what the first two cannot see: a formula that brings the future with it, for example from a table of its own.
- `purge`: no training label may be decided at or after the start of its test.
- `shuffled labels`: trained and tested on labels in random order, the AUC must be 0.5 within its confidence interval,
  but for chance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Bars, Direction, Flags, Floats, Ints
from tapeline.forecast.estimates import Estimate
from tapeline.forecast.features import FeatureSet
from tapeline.forecast.labels import decided, label
from tapeline.indicators import Engine
from tapeline.research.dataset import Dataset
from tapeline.research.fitting import fit_rows
from tapeline.research.metrics import PairedMetrics, auc
from tapeline.research.walk_forward import Fold

_CUTS = 4
_SINGLES = 200  # bars whose features are computed alone
_MOST = 20_000  # bars that the first two guards look at: enough, and quick
_TOO_GOOD = 0.62  # AUC of one feature alone; docs/evaluation.md shows what honest ones reach
_SHUFFLED_FOLDS = 2  # the last ones, with most to train on
_SHUFFLES = 3
_RESAMPLES = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold one guard's result, and what it saw."""

    guard: str
    passed: bool
    detail: str


def audit(data: Dataset, folds: Sequence[Fold], seed: int = 0) -> Iterator[Finding]:
    """Run every guard on a dataset that was built with the features in question, and on the folds it is tested in."""
    yield future_bars(data, seed)
    yield neighbouring_rows(data.bars[:_MOST], data.features, seed)
    yield too_good(data)
    yield purge(data, folds)
    yield shuffled_labels(data, folds[-_SHUFFLED_FOLDS:], seed)


def future_bars(data: Dataset, seed: int = 0) -> Finding:
    """Change the bars after random times: what was known at these times must stay the same to the last bit."""
    rng = np.random.default_rng(seed)
    bars = data.bars[:_MOST]
    times = np.unique(bars.timestamp)
    whole, labels = _features(bars, data.features), _labels(bars, data)
    worst: dict[str, int] = {}
    for cut in np.sort(rng.choice(times[len(times) // 4 : -1], min(_CUTS, max(1, len(times) // 2)))):
        later = bars.timestamp > cut
        factor = np.where(later, np.exp(rng.normal(0, 0.1, len(bars))), 1.0)
        prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
        changed = dataclasses.replace(bars, **prices, volume=bars.volume * factor)
        again = _features(changed, data.features)
        for name, column, other in zip(data.features.names, whole[~later].T, again[~later].T, strict=True):
            differing = int((~_same(column, other)).sum())
            if differing:
                worst[name] = max(worst.get(name, 0), differing)
        decided_by_then = (labels[1] > 0) & (labels[1] <= cut)
        differing = int((labels[0] != _labels(changed, data)[0])[decided_by_then].sum())
        if differing:
            worst["(the label)"] = differing
    if worst:
        return Finding("future bars", False, "change with bars that come later: " + _listed(worst))
    return Finding("future bars", True, f"{_CUTS} cuts: later bars changed no feature and no decided label")


def neighbouring_rows(bars: Bars, features: FeatureSet, seed: int = 0) -> Finding:
    """Compute features bar by bar: they must be those of the batch."""
    rng = np.random.default_rng(seed)
    engine = Engine(features.specs)
    values = engine.update(bars)
    whole = features.compute(bars, engine.outputs, values)
    worst: dict[str, int] = {}
    for i in rng.choice(len(bars), min(_SINGLES, len(bars)), replace=False):
        alone = features.compute(bars[i : i + 1], engine.outputs, values[i : i + 1])[0]
        for k in np.flatnonzero(~_same(whole[i], alone)):
            worst[features.names[k]] = worst.get(features.names[k], 0) + 1
    if worst:
        return Finding("neighbouring rows", False, "differ when a bar comes alone: " + _listed(worst))
    return Finding("neighbouring rows", True, "every bar's features are the same alone and in a batch")


def too_good(data: Dataset) -> Finding:
    """Look for single features with an AUC that nobody gets from prices without knowing the future."""
    rows = decided(data.direction)
    up = data.direction[rows] == Direction.UP
    alone = {name: auc(data.X[rows, k], up) for k, name in enumerate(data.features.names)}
    found = {name: value for name, value in alone.items() if abs(value - 0.5) > _TOO_GOOD - 0.5}
    best = max(alone, key=lambda name: abs(alone[name] - 0.5))
    if found:
        listed = ", ".join(f"{name} (AUC {value:.3f})" for name, value in found.items())
        return Finding("too good to be true", False, f"alone better than {_TOO_GOOD}: {listed}")
    return Finding("too good to be true", True, f"best single feature: {best}, AUC {alone[best]:.3f}")


def purge(data: Dataset, folds: Sequence[Fold]) -> Finding:
    """Check that the training labels of each fold were decided before its test."""
    for fold in folds:
        late = int((data.end[fold.train] >= fold.start).sum())
        if late or (fold.train & fold.test).any():
            return Finding("purge", False, f"{late} training labels are decided after their test has begun")
    return Finding("purge", True, f"{len(folds)} folds: every training label was decided before its test began")


def shuffled_labels(data: Dataset, folds: Sequence[Fold], seed: int = 0) -> Finding:
    """Train and test on shuffled labels: a model that finds something there has seen the test's answers.

    One interval in twenty misses 0.5 by chance. So there are three shuffles, and the guard fails when two miss it on
    the same side. The trees are measured as they are, neither stopped early nor calibrated: both would hide what was
    memorised.
    """
    measured = [_shuffled(data, folds, seed + k) for k in range(_SHUFFLES)]
    missed = max(sum(m.low > 0.5 for m in measured), sum(m.high < 0.5 for m in measured))
    return Finding("shuffled labels", missed < 2, "AUC " + ", ".join(map(str, measured)))


def _shuffled(data: Dataset, folds: Sequence[Fold], seed: int) -> Estimate:
    """Measure the AUC in these folds with the labels in random order."""
    rng = np.random.default_rng(seed)
    indices = data.index[decided(data.direction)]
    shuffled = data.labels.direction.copy()
    shuffled[indices] = rng.permutation(shuffled[indices])
    other = dataclasses.replace(data, labels=dataclasses.replace(data.labels, direction=shuffled))
    probability = np.full(len(data.index), np.nan)
    for fold in folds:
        trees = fit_rows(other, fold.train, seed=seed, stop_early=False).trees
        probability[fold.test] = trees.score(data.X[fold.test])
    rows = ~np.isnan(probability) & decided(other.direction)
    paired = PairedMetrics(
        data.timestamp[rows], other.direction[rows] == Direction.UP, data.labels.move[data.index[rows]],
        np.full(int(rows.sum()), 0.5), data.horizon, _RESAMPLES, seed,
    )  # fmt: skip
    return paired.measure("shuffled", probability[rows])["auc"]


def _features(bars: Bars, features: FeatureSet) -> Floats:
    engine = Engine(features.specs)
    return features.compute(bars, engine.outputs, engine.update(bars))


def _labels(bars: Bars, data: Dataset) -> tuple[Ints, Ints]:
    made = label(bars, data.horizon, data.no_trade_band)
    return made.direction.astype(np.int64), made.end


def _same(one: Floats, other: Floats) -> Flags:
    result: Flags = (one == other) | (np.isnan(one) & np.isnan(other))
    return result


def _listed(worst: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count} rows)" for name, count in worst.items())
