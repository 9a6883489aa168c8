"""Search LightGBM's parameters with Optuna, inside one training fold: the test rows are never seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapeline.core.market import Flags
from tapeline.core.rows import Direction
from tapeline.research.dataset import Dataset, Progress, silent
from tapeline.research.fitting import fit_rows, hold_out
from tapeline.research.libraries import import_optuna
from tapeline.research.metrics import auc


def search(data: Dataset, rows: Flags, trials: int, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
    """Return the parameters with the highest AUC on the held-out end of these rows (bool [n]).

    Each of the `trials` trains on the rows before the held-out ones only, and stops early on the end of those. The same
    seed gives the same parameters. Raises `NotEnoughHistoryError`, and `MissingLibraryError` without Optuna.
    """
    optuna = import_optuna()
    learn, held_out = hold_out(data, rows)
    chosen = np.flatnonzero(rows)
    inner = np.zeros(len(rows), np.bool_)
    inner[chosen[learn]] = True
    X, up = data.X[chosen[held_out]], data.direction[chosen[held_out]] == Direction.UP

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
        return auc(model.trees.score(X), up)  # not the probability: calibration may have made it a constant

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    best: dict[str, Any] = study.best_params
    return best
