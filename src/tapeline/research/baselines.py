"""Predict with what a model has to beat, trained and tested in the same folds as the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapeline.core.extras import import_extra
from tapeline.core.market import Bars, Flags, Floats
from tapeline.core.rows import Direction
from tapeline.forecast.features import FeatureSet
from tapeline.research.dataset import Dataset

#: The columns that simple systems of this kind feed to a random forest: prices and shares, not scale-free.
RAW_NAMES = ("Close", "Volume", "MA20", "MA50", "MA200", "MACD", "Signal", "Hist", "RSI")
_RAW_INPUTS = ("sma_20", "sma_50", "sma_200", "macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist", "rsi_14")
_TREES = 100


def _raw_formula(bars: Bars, values: Floats) -> Floats:
    return np.column_stack((bars.close, bars.volume, values))


RAW_FEATURES = FeatureSet(
    ("sma_20", "sma_50", "sma_200", "macd_12_26_9", "rsi_14"), _RAW_INPUTS, RAW_NAMES, _raw_formula
)


def majority(data: Dataset, train: Flags, test: Flags) -> Floats:
    """Predict the share of UP in the training rows for every test row: the call is always what was more frequent."""
    share = float((data.direction[train] == Direction.UP).mean())
    return np.full(int(test.sum()), share)


def previous_move(data: Dataset, train: Flags, test: Flags) -> Floats:
    """Predict the share of UP in those training rows whose last `horizon` bars went the way the test row's did."""
    rose = _rose(data.bars, data.horizon)[data.index]
    up = data.direction[train] == Direction.UP
    everything = float(up.mean())
    share = [float(up[rose[train] == side].mean()) if (rose[train] == side).any() else everything for side in (0, 1)]
    result: Floats = np.array(share)[rose[test]]
    return result


def _rose(bars: Bars, horizon: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return 1 where the close is above that of `horizon` bars before, otherwise 0; int64 [len(bars)]."""
    order = np.lexsort((bars.timestamp, bars.code))
    code, close = bars.code[order], bars.close[order]
    rose = np.zeros(len(bars), np.int64)
    same = code[horizon:] == code[:-horizon]
    rose[order[horizon:]] = same & (close[horizon:] > close[:-horizon])
    return rose


def random_forest(data: Dataset, raw: Dataset, train: Flags, test: Flags, seed: int = 0) -> Floats:
    """Predict with scikit-learn's random forest of 100 trees with its default settings.

    `train` and `test` are rows of `data`; `raw` is a dataset of `RAW_FEATURES` over the same bars. Where these are not
    warm yet, it says the share of UP in training: every predictor answers on the same rows, and none of them has any
    say in the rows that another is trained on. Raises `MissingLibraryError` when scikit-learn is not installed.
    """
    ensemble = import_extra("sklearn.ensemble", "the random-forest baseline needs scikit-learn", "research")
    place = np.full(len(data.bars), -1)
    place[raw.index] = np.arange(len(raw.index))
    learn, asked = place[data.index[train]], place[data.index[test]]
    result = majority(data, train, test)
    learn, known = learn[learn >= 0], asked >= 0
    up = raw.direction[learn] == Direction.UP
    if not known.any() or not up.any() or up.all():
        return result
    forest = ensemble.RandomForestClassifier(n_estimators=_TREES, random_state=seed, n_jobs=1)
    forest.fit(raw.X[learn], up)
    result[known] = forest.predict_proba(raw.X[asked[known]])[:, 1]
    return result
