"""Train a model on bars of all symbols together: build the dataset, search parameters if asked, fit, judge.

`research.fitting` fits one model to given rows; this module is the door that takes bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars, Flags
from tapeline.core.rows import Direction
from tapeline.forecast import HORIZON, NO_TRADE_BAND
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.model import LightGBMModel
from tapeline.research.dataset import Dataset, Progress, build, silent
from tapeline.research.fitting import FEWEST, ROUNDS, fit_rows
from tapeline.research.gate import FEWEST_TIMES, judged
from tapeline.research.libraries import require_training
from tapeline.research.search import search

#: Rows that are thinned out to by default, so that memory stays bounded.
MAX_ROWS = 200_000

_JUDGED = 0.2  # of the rows, the latest


def fit(
    bars: Iterable[Bars],
    *,
    until: int | None = None,
    horizon: int = HORIZON,
    seed: int = 0,
    max_rows: int = MAX_ROWS,
    no_trade_band: float = NO_TRADE_BAND,
    features: FeatureSet = DEFAULT_FEATURES,
    parameters: Mapping[str, Any] | None = None,
    rounds: int = ROUNDS,
    trials: int = 0,
    progress: Progress = silent,
) -> LightGBMModel:
    """Train on the bars with timestamp <= `until` (UTC epoch ms; None: all), labels included.

    `bars` come in batches cut anywhere; one symbol's bars may be spread over them. The same bars, seed and library give
    the same model, byte for byte. `parameters` override LightGBM's in `PARAMETERS`; with `trials` they are searched for
    first, on the same bars. The last fifth of the rows is kept from all of that, to judge the model by, where enough
    remain to train on: whether it passes decides whether it may say UP or DOWN. Raises `NotEnoughHistoryError`, and
    `MissingLibraryError` when LightGBM or the OpenMP runtime that it needs is not installed.
    """
    require_training(trials)
    history = sort_and_dedupe(bars, until)
    data = build(
        history, features=features, horizon=horizon, no_trade_band=no_trade_band, max_rows=max_rows,
        progress=lambda done, what: progress(done / 2, what),
    )  # fmt: skip
    rows, trained = _training_rows(data), 0.5
    if trials:
        found = search(data, rows, trials, seed=seed, progress=lambda done, what: progress(0.5 + 0.4 * done, what))
        parameters, trained = {**(parameters or {}), **found}, 0.9
    model = fit_rows(
        data, rows, seed=seed, parameters=parameters, rounds=rounds,
        progress=lambda done, what: progress(trained + (1 - trained) * done, what),
    )  # fmt: skip
    return judged(model, data, float((data.direction[rows] == Direction.UP).mean()))


def _training_rows(data: Dataset) -> Flags:
    """Return the rows to train on, bool [n]: all but those that judge the model, where enough are left.

    These are the last fifth of the rows, or more where that is too few times to say anything.
    """
    everything = np.ones(len(data.index), np.bool_)
    times = np.unique(data.timestamp)
    if len(times) <= FEWEST_TIMES:
        return everything
    cut = min(times[-FEWEST_TIMES], data.timestamp[int(len(data.index) * (1 - _JUDGED))])
    earlier: Flags = data.end < cut
    return earlier if int(earlier.sum()) >= FEWEST else everything
