"""Optuna search for LightGBM's parameters, inside one training fold: the test rows are never seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapeline.core.market import Direction, Flags
from tapeline.errors import MissingLibraryError
from tapeline.research.dataset import Dataset, Progress, silent
from tapeline.research.fitting import fit_rows, hold_back
from tapeline.research.metrics import auc


def search(data: Dataset, rows: Flags, trials: int, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
    """The parameters with the highest AUC on the held-back end of these rows (bool [n]), after so many trials.

    Every trial trains on the rows before the held-back ones only, and stops early on a slice of those. Reproducible
    for one seed. Raises `NotEnoughHistoryError`, and `MissingLibraryError` when Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise MissingLibraryError("the parameter search needs Optuna: pip install 'tapeline[train]'") from None
    learn, held = hold_back(data, rows)
    places = np.flatnonzero(rows)
    inner = np.zeros(len(rows), np.bool_)
    inner[places[learn]] = True
    X, up = data.X[places[held]], data.direction[places[held]] == Direction.UP

    if up.all() or not up.any():
        return {}  # nothing to choose by; training says what is wrong with such a history

    def objective(trial: Any) -> float:
        parameters = {
            "num_leaves": trial.suggest_int("num_leaves", 3, 31),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 50, 1000, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
        }
        model = fit_rows(data, inner, seed=seed, parameters=parameters)
        progress((trial.number + 1) / trials, "search")
        return auc(model.trees.score(X), up)  # as they are: calibration may have made them a constant

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    best: dict[str, Any] = study.best_params
    return best
