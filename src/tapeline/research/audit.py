"""Guard against leaks: check what every honest evaluation must pass, on the user's own features too.

`tapeline evaluate --audit` runs these guards:

- `future bars`: everything is computed again with every bar after a random time changed; no feature, and no label that
  was decided by then, may differ.
- `neighbouring rows`: the features of a bar alone equal those in a batch, so no row reads another.
- `one interval`: all bars are as long. A daily bar is stamped with its opening, so beside minutes of the same day it
  brings a close that is not known yet.
- `too good to be true`: no single feature, and no product of two, may rank the labels better than anything honest does
  on prices, over all dates or in a sixth of them. This catches what the first two cannot see: a formula that brings the
  future with it, for example from a table of its own.
- `model too good to be true`: the same of the model, which sees what several features hold together.
- `random-walk bars`: computed on random walks, the features must not predict the real labels.
- `purge`: no training label may be decided at or after the start of its test.
- `shuffled labels`: trained and tested on labels in random order, the AUC must be 0.5 within its confidence interval,
  but for chance.

What is left: a weak leak that is mixed with prices, so that no single AUC is conspicuous and random prices drown it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from tapeline.core.market import Bars, Flags, Floats, Ints
from tapeline.error_text import counted
from tapeline.forecast.features import FeatureSet
from tapeline.forecast.labels import label, mixed_intervals
from tapeline.indicators import Engine
from tapeline.research.dataset import Dataset
from tapeline.research.trained_guards import (
    Finding,
    feature_too_good,
    model_too_good,
    random_walk_bars,
    shuffled_labels,
)
from tapeline.research.walk_forward import Fold

_CUTS = 4
_SINGLES = 200  # bars whose features are computed alone
_MOST = 20_000  # bars that the first two guards look at: enough, and quick
_LATEST = 2  # folds, with most to train on


def audit(data: Dataset, folds: Sequence[Fold], seed: int = 0) -> Iterator[Finding]:
    """Run every guard on a dataset that was built with the features in question, and on the folds it is tested in."""
    yield future_bars(data, seed)
    yield neighbouring_rows(data.bars[:_MOST], data.features, seed)
    yield one_interval(data.bars)
    yield feature_too_good(data)
    yield model_too_good(data, folds, seed)
    yield random_walk_bars(data, folds[-_LATEST:], seed)
    yield purge(data, folds)
    yield shuffled_labels(data, folds[-_LATEST:], seed)


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


def one_interval(bars: Bars) -> Finding:
    """Check that there are not both intraday and longer bars."""
    fault = mixed_intervals(bars)
    return Finding("one interval", not fault, fault or "all bars are intraday, or none is")


def purge(data: Dataset, folds: Sequence[Fold]) -> Finding:
    """Check that the training labels of each fold were decided before its test."""
    for fold in folds:
        late = int((data.end[fold.train] >= fold.start).sum())
        if late or (fold.train & fold.test).any():
            return Finding("purge", False, f"{late} training labels are decided after their test has begun")
    return Finding("purge", True, f"{len(folds)} folds: every training label was decided before its test began")


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
    return ", ".join(f"{name} ({counted(count, 'row')})" for name, count in worst.items())
