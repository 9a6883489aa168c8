"""Guard against leaks that only a model sees: several features together, or one in a way that ranks do not show.

The guards train trees on purpose without early stopping and calibration, which would hide what was memorised.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Bars, Flags, Floats
from tapeline.core.rows import Direction
from tapeline.error_text import counted
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast.estimates import Estimate, Sampling, Spread
from tapeline.forecast.features import feature_matrix
from tapeline.forecast.labels import decided
from tapeline.research.dataset import Dataset
from tapeline.research.fitting import ROUNDS, fit_rows
from tapeline.research.metrics import auc_influence
from tapeline.research.walk_forward import Fold

#: An AUC above this is not reached by honest means on prices; docs/evaluation.md shows what honest features reach.
TOO_GOOD = 0.62

_REPEATS = 3
_MISSES = 2  # of the repeats, that must miss a half on the same side: one interval in twenty does so by chance
_CERTAIN = 1e-3  # chance that a model without skill is found too good in one part
_VERY_CERTAIN = 1e-4  # the same of one feature: there are many
_PARTS = 6  # of the dates, each looked at alone
_MOST_ROWS = 20_000  # whose pairs of features are looked at: enough, and quick
_MOST_PAIRED = 60  # features
_FEW_ROUNDS = 30  # of trees that look for a leak: what is plain is found by then
_CALM = 0.02  # a typical move from bar to bar, where a symbol's own is not known


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold one guard's result, and what it saw."""

    guard: str
    passed: bool
    detail: str


def feature_too_good(data: Dataset) -> Finding:
    """Look for single features with an AUC that nobody gets from prices without knowing the future.

    They are looked at over all dates and in each sixth of them, because a leak may be a short one; and so are the
    products of the ranks of two features, or of one with itself, because two may know together what neither knows.
    """
    rows = decided(data.direction)
    found: dict[str, float] = {}
    best, best_auc = "", 0.5
    for k, name in enumerate(data.features.names):
        value, _ = _measured(data, rows, data.X[rows, k])
        if abs(value - 0.5) > abs(best_auc - 0.5):
            best, best_auc = name, value
        if abs(value - 0.5) > TOO_GOOD - 0.5:
            found[name] = value
            continue
        for part in _parts(data, rows):
            value, spread = _measured(data, part, data.X[part, k])
            if abs(value - 0.5) > max(TOO_GOOD - 0.5, spread.half_width(_VERY_CERTAIN)):
                found[name] = value
    found |= _pairs_too_good(data, rows)
    if found:
        listed = ", ".join(f"{name} (AUC {value:.3f})" for name, value in found.items())
        return Finding("too good to be true", False, f"alone better than {TOO_GOOD}: {listed}")
    return Finding("too good to be true", True, f"best single feature: {best}, AUC {best_auc:.3f}")


def _pairs_too_good(data: Dataset, rows: Flags) -> dict[str, float]:
    """Return the products of two features' ranks that are too good, and their AUCs, on at most `_MOST_ROWS` rows."""
    chosen = np.flatnonzero(rows)
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), _MOST_ROWS)).astype(np.intp))]
    part = data.select(chosen)
    every = np.ones(len(chosen), np.bool_)
    ranks = np.argsort(np.argsort(part.X, axis=0), axis=0) / max(len(chosen), 1) - 0.5
    names, found = data.features.names, {}
    for one, other in itertools.combinations_with_replacement(range(min(len(names), _MOST_PAIRED)), 2):
        value, spread = _measured(part, every, ranks[:, one] * ranks[:, other])
        if abs(value - 0.5) > max(TOO_GOOD - 0.5, spread.half_width(_VERY_CERTAIN)):
            found[f"{names[one]} with {names[other]}"] = value
    return found


def model_too_good(data: Dataset, folds: Sequence[Fold], seed: int = 0) -> Finding:
    """Look for a model with an AUC that nobody gets from prices, in each fold and inside each sixth of the dates.

    Inside a part, the earlier two thirds train and the rest tests, so a leak that begins late is learnt as well.
    """
    tested = [(fold.train, fold.test & decided(data.direction)) for fold in folds]
    tested += [_earlier_and_later(data, part) for part in _parts(data, decided(data.direction))]
    seen = []
    for train, test in tested:
        score = _scores(data, train, test, seed)
        if score is None:
            continue
        value, spread = _measured(data, test, score)
        if np.isfinite(value):
            seen.append(value)
        if value - 0.5 > max(TOO_GOOD - 0.5, spread.half_width(_CERTAIN)):
            when = str(data.timestamp[test].min().astype("M8[ms]").astype("M8[D]"))
            return Finding("model too good to be true", False, f"the model's AUC from {when} on is {value:.3f}")
    detail = (
        f"best of {counted(len(seen), 'part')}: AUC {max(seen):.3f}" if seen else "too few rows to train in any part"
    )
    return Finding("model too good to be true", True, detail)


def random_walk_bars(data: Dataset, folds: Sequence[Fold], seed: int = 0) -> Finding:
    """Compute the features on random walks with the same symbols and times, and predict the real labels with them.

    Such bars know nothing, so what finds something in them brings the future along by itself.
    """
    measured = [_on_walks(data, folds, seed + k) for k in range(_REPEATS)]
    return _judged("random-walk bars", measured)


def shuffled_labels(data: Dataset, folds: Sequence[Fold], seed: int = 0) -> Finding:
    """Train and test on shuffled labels: a model that finds something there has seen the test's answers."""
    measured = [_on_shuffled(data, folds, seed + k) for k in range(_REPEATS)]
    return _judged("shuffled labels", measured)


def _judged(guard: str, measured: Sequence[Estimate]) -> Finding:
    missed = max(sum(m.low > 0.5 for m in measured), sum(m.high < 0.5 for m in measured))
    return Finding(guard, missed < _MISSES, "AUC " + ", ".join(map(str, measured)))


def _on_shuffled(data: Dataset, folds: Sequence[Fold], seed: int) -> Estimate:
    """Measure the AUC in these folds with the labels in random order."""
    rng = np.random.default_rng(seed)
    indices = data.index[decided(data.direction)]
    shuffled = data.labels.direction.copy()
    shuffled[indices] = rng.permutation(shuffled[indices])
    other = dataclasses.replace(data, labels=dataclasses.replace(data.labels, direction=shuffled))
    return _walked(other, folds, seed, ROUNDS)


def _on_walks(data: Dataset, folds: Sequence[Fold], seed: int) -> Estimate:
    """Measure the AUC in these folds with the features of random walks."""
    wanted = np.zeros(len(data.bars), np.bool_)
    wanted[data.index] = True
    matrix = feature_matrix(_walks(data.bars, np.random.default_rng(seed)), data.features, wanted, lambda _: None)
    return _walked(dataclasses.replace(data, X=np.nan_to_num(matrix)), folds, seed)


def _walks(bars: Bars, rng: np.random.Generator) -> Bars:
    """Return bars of the same symbols and times whose prices are random walks, with moves as large as the real ones."""
    close, volume = np.empty(len(bars)), np.empty(len(bars))
    for code in np.unique(bars.code):
        rows = np.flatnonzero(bars.code == code)
        moves = np.abs(np.diff(np.log(bars.close[rows])))
        usual = float(moves.mean()) * 1.25 if len(moves) and moves.any() else _CALM
        close[rows] = bars.close[rows[0]] * np.exp(np.cumsum(rng.normal(0, min(usual, 0.1), len(rows))))
        volume[rows] = np.exp(rng.normal(np.log1p(bars.volume[rows]).mean(), 0.5, len(rows)))
    spread = np.abs(rng.normal(0, 0.3 * _CALM, (3, len(bars))))
    open_ = close * np.exp(spread[0] * rng.choice((-1.0, 1.0), len(bars)))
    high, low = np.maximum(open_, close) * np.exp(spread[1]), np.minimum(open_, close) * np.exp(-spread[2])
    return dataclasses.replace(bars, open=open_, high=high, low=low, close=close, volume=volume)


def _walked(data: Dataset, folds: Sequence[Fold], seed: int, rounds: int = _FEW_ROUNDS) -> Estimate:
    """Return the AUC over these folds' tests of trees trained before each."""
    score = np.full(len(data.index), np.nan)
    for fold in folds:
        tested = _scores(data, fold.train, fold.test, seed, rounds)
        if tested is not None:
            score[fold.test] = tested
    rows = ~np.isnan(score) & decided(data.direction)
    value, influence = auc_influence(score[rows], data.direction[rows] == Direction.UP)
    return Sampling(data.timestamp[rows], data.horizon).around(value, influence)


def _scores(data: Dataset, train: Flags, test: Flags, seed: int, rounds: int = _FEW_ROUNDS) -> Floats | None:
    """Return what trees trained on `train` say of `test`, None where there is too little to train on."""
    if not test.any():
        return None
    try:
        trees = fit_rows(data, train, seed=seed, rounds=rounds, stop_early=False).trees
    except NotEnoughHistoryError:
        return None
    return trees.score(data.X[test])


def _measured(data: Dataset, rows: Flags, score: Floats) -> tuple[float, Spread]:
    value, influence = auc_influence(score, data.direction[rows] == Direction.UP)
    return value, Sampling(data.timestamp[rows], data.horizon).spread(influence)


def _parts(data: Dataset, rows: Flags) -> Iterator[Flags]:
    """Yield these rows of each sixth of the dates, bool [n]."""
    timestamp = data.timestamp
    if not len(timestamp):
        return
    edges = timestamp[np.linspace(0, len(timestamp) - 1, _PARTS + 1).astype(np.intp)]
    for first, last in itertools.pairwise(edges):
        yield rows & (timestamp >= first) & ((timestamp < last) | (last == edges[-1]))


def _earlier_and_later(data: Dataset, part: Flags) -> tuple[Flags, Flags]:
    """Return the earlier two thirds of a part, with labels that were decided by then, and the rest of it."""
    timestamp = data.timestamp[part]
    if not len(timestamp):
        return part, part
    cut = timestamp[2 * len(timestamp) // 3]
    return part & (data.end < cut), part & (data.timestamp >= cut)
