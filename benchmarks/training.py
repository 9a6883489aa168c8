"""Measure seconds and peak memory of training on a million rows with 60 features, in processes of their own.

usage: training.py [--rows 1000000] [--features 60] [--runs 3]

Peers: LightGBM called directly with the same parameters (what the calibration, early stopping and drift reference cost
on top), and scikit-learn's histogram gradient boosting with as many trees and leaves, on one thread like the others.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np

NAMES = ("tapeline", "lightgbm", "sklearn")


def data(rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, width))
    return X, X[:, 0] * 0.1 + X[:, 1] * X[:, 2] * 0.1 + rng.normal(size=rows) > 0


def tapeline(X: np.ndarray, up: np.ndarray) -> None:
    from tapeline.core.market import Bars
    from tapeline.forecast.features import FeatureSet
    from tapeline.forecast.labels import Labels
    from tapeline.research.dataset import Dataset
    from tapeline.research.fitting import fit_rows

    rows, symbols = len(X), 100
    timestamp = 1_700_000_000_000 + 60_000 * (np.arange(rows, dtype=np.int64) // symbols)
    ones = np.ones(rows)
    bars = Bars(
        tuple(f"S{i}" for i in range(symbols)), np.arange(rows, dtype=np.int32) % symbols, timestamp,
        ones, ones, ones, ones, ones, np.ones(rows, bool),
    )  # fmt: skip
    labels = Labels(np.where(up, 1, 2).astype(np.int8), ones, timestamp + 300_000, np.zeros(rows, bool))
    names = [f"f{i}" for i in range(X.shape[1])]
    features = FeatureSet((), names, names, lambda _, values: values)
    dataset = Dataset(bars, labels, np.arange(rows), X, features, 5, 0.25)
    fit_rows(dataset, np.ones(rows, bool), stop_early=False)


def lightgbm(X: np.ndarray, up: np.ndarray) -> None:
    import lightgbm

    from tapeline.research.fitting import PARAMETERS, ROUNDS

    settings = {
        **PARAMETERS, "objective": "binary", "seed": 0, "deterministic": True, "force_row_wise": True,
        "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    cut = int(0.8 * len(X))
    lightgbm.train(settings, lightgbm.Dataset(X[:cut], up[:cut].astype(float), params=settings), ROUNDS)


def sklearn(X: np.ndarray, up: np.ndarray) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from tapeline.research.fitting import ROUNDS

    cut = int(0.8 * len(X))
    HistGradientBoostingClassifier(
        max_iter=ROUNDS, max_leaf_nodes=15, learning_rate=0.05, min_samples_leaf=100, l2_regularization=10.0,
        early_stopping=False, random_state=0,
    ).fit(X[:cut], up[:cut])  # fmt: skip


def child(name: str, rows: int, width: int) -> None:
    X, up = data(rows, width)
    started = time.perf_counter()
    {"tapeline": tapeline, "lightgbm": lightgbm, "sklearn": sklearn}[name](X, up)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - started} {peak}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        child(options.child, options.rows, options.features)
        return
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for _ in range(options.runs):
        for name in NAMES:
            command = [sys.executable, __file__, "--child", name, "--rows", str(options.rows)]
            done = subprocess.run(
                [*command, "--features", str(options.features)],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            seconds, peak = map(float, done.stdout.split())
            found[name].append((seconds, peak))
    print(
        f"{options.rows:,} rows, {options.features} features, one thread; medians of {options.runs} interleaved runs;"
    )
    print(f"the matrix alone is {options.rows * options.features * 8 / 2**20:,.0f} MB\n")
    print(f"{'':<10}  {'seconds':>8}  {'peak MB':>8}")
    for name, runs in found.items():
        seconds, peak = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:<10}  {seconds:>8.1f}  {peak:>8,.0f}")


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
