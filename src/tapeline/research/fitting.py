"""Fit one LightGBM model to the rows of a dataset.

Rows are used once: the earliest to learn from, later ones to stop adding trees, later ones still to calibrate. What
judges the model comes after all of these (`research.gate`). Between the parts, labels that reach into the next one are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tapeline.core.bars import usual_interval
from tapeline.core.market import Flags
from tapeline.core.rows import Direction
from tapeline.core.times import DAY
from tapeline.error_text import counted
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast.drift import reference
from tapeline.forecast.estimates import blocks
from tapeline.forecast.labels import INTRADAY, intervals
from tapeline.forecast.model import LightGBMModel, Metadata
from tapeline.forecast.trees import parse
from tapeline.research.calibration import platt_slope
from tapeline.research.dataset import Dataset, Progress, fingerprint, silent
from tapeline.research.libraries import import_lightgbm, library_versions

#: Small and slow to learn: prices are nearly all noise, and every tree costs time on each bar from then on.
PARAMETERS: Mapping[str, Any] = {
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
}
ROUNDS = 80
_PATIENCE = 20
_CALIBRATE = 0.15  # of the time at the end,
_STOP = 0.15  # and of what is before it
FEWEST = 500  # rows; below this the trees learn noise only
_HOLD_SHARE = 1 / 3  # of the calibration rows, the least sure, are answered with HOLD
_ROUNDING = 1e-9  # where all probabilities are one, rounding must not make them UP or DOWN


def fit_rows(
    data: Dataset,
    rows: Flags,
    *,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
    rounds: int = ROUNDS,
    stop_early: bool = True,
    progress: Progress = silent,
) -> LightGBMModel:
    """Train on these rows of a dataset (bool [n]) and no others.

    Without `stop_early` all rounds are kept, however they do on later rows. Raises `NotEnoughHistoryError` and
    `MissingLibraryError`.
    """
    lightgbm = import_lightgbm()
    X, up = data.X[rows], data.direction[rows] == Direction.UP
    timestamp, end = data.timestamp[rows], data.end[rows]
    earlier, calibrate = hold_out(data, rows, _CALIBRATE)
    before = np.zeros(len(rows), np.bool_)
    before[np.flatnonzero(rows)[earlier]] = True
    learn, stop = np.zeros(len(X), np.bool_), np.zeros(len(X), np.bool_)
    learn[earlier], stop[earlier] = hold_out(data, before, _STOP)
    for part, name in ((learn, "training"), (stop, "stopping"), (calibrate, "calibration")):
        if len(X) < FEWEST or not 0 < up[part].sum() < part.sum():
            raise NotEnoughHistoryError(_too_few(data, len(X), name))
    settings = {
        **PARAMETERS, **(parameters or {}),
        "objective": "binary", "metric": "binary_logloss", "seed": seed, "deterministic": True,
        "force_row_wise": True, "num_threads": 1, "verbosity": -1, "first_metric_only": True,
    }  # fmt: skip
    names = list(data.features.names)
    target = up.astype(np.float64)
    training = lightgbm.Dataset(X[learn], target[learn], feature_name=names, params=settings, free_raw_data=True)
    checking = lightgbm.Dataset(X[stop], target[stop], reference=training, params=settings)

    def report(environment: Any) -> None:
        progress(min(1.0, (environment.iteration + 1) / rounds), "training")

    booster = lightgbm.train(
        settings, training, rounds, valid_sets=[checking],
        callbacks=[report, *([lightgbm.early_stopping(_PATIENCE, verbose=False)] if stop_early else [])],
    )  # fmt: skip
    progress(1.0, "training")
    trees = booster.best_iteration if stop_early else booster.num_trees()
    text = booster.model_to_string(num_iteration=trees)
    score = parse(text, len(names)).score(X)
    slope = platt_slope(score[calibrate], up[calibrate], blocks(timestamp[calibrate], data.horizon))
    # The calibration rows' own share of rises is luck; the whole span's share is the better guess of the next one.
    share = up.mean()
    intercept = float(np.log(share / (1 - share)) - slope * score.mean())
    probability = 1 / (1 + np.exp(-(slope * score[calibrate] + intercept)))
    used = data.bars.code[data.index[rows]]
    metadata = Metadata(
        features=data.features.names,
        feature_hash=data.features.hash,
        horizon=data.horizon,
        no_trade_band=data.no_trade_band,
        interval=usual_interval(data.bars.timestamp, data.bars.code) or DAY,
        hold_margin=float(np.quantile(np.abs(probability - 0.5), _HOLD_SHARE)) + _ROUNDING,
        slope=slope,
        intercept=intercept,
        trained_from=int(timestamp.min()),
        trained_until=int(end.max()),
        symbols=tuple(data.bars.symbols[code] for code in np.unique(used)),
        rows=len(X),
        data_hash=fingerprint(data.bars),
        seed=seed,
        parameters={**PARAMETERS, **(parameters or {}), "trees": int(trees)},
        reference=reference(data.features.names, X),
        libraries=library_versions() | {"lightgbm": lightgbm.__version__},
    )
    return LightGBMModel(text, metadata)


def hold_out(data: Dataset, rows: Flags, share: float = 0.2) -> tuple[Flags, Flags]:
    """Return which of the chosen rows come first and which, the last `share`, are held out; both bool [rows.sum()].

    Purged: the labels of the first were decided before the first bar that is held out.
    """
    timestamp, end = data.timestamp[rows], data.end[rows]
    if not len(timestamp):
        return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
    cut = timestamp[int(len(timestamp) * (1 - share))]  # rows are in the order of time
    return end < cut, timestamp >= cut


def _too_few(data: Dataset, rows: int, part: str) -> str:
    if rows >= FEWEST:
        return f"the closes in the {part} part of the history all went one way: give more history"
    span = "no bars"
    if len(data.bars):
        first, last = (datetime.fromtimestamp(data.bars.timestamp[i] / 1000, UTC) for i in (0, -1))
        span = f"{counted(len(data.bars), 'bar')} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    hint = ""
    if len(data.bars) >= 2 * FEWEST and (intervals(data.bars) < INTRADAY).any():
        hint = f"; intraday bars whose horizon of {data.horizon} leaves the session do not count"
    least = len(data.bars) + FEWEST - rows  # each bar more gives a row at most
    return (
        f"not enough history: {span} give {counted(rows, 'usable row')}, "
        f"training a direction model needs {FEWEST}, from at least {least:,} bars: give more history{hint}"
    )
