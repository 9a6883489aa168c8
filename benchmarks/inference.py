"""Measure microseconds a row of the pipeline's predictor and its peers on the same rows: medians of interleaved runs.

usage: inference.py [--trees 200] [--leaves 31] [--runs 15]

Peers: LightGBM's own `Booster.predict` on one thread with the same model; scikit-learn's random forest of 100
trees on one thread; and this program's `serve` over HTTP on the loopback, which is what a SageMaker endpoint adds.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.ensemble import RandomForestClassifier

from tapeline.backends.files.file_registry import save_model
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.model import LightGBMModel, Metadata

BATCHES = (1, 100, 10_000)
PORT = 18_080


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--leaves", type=int, default=31)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    width = len(DEFAULT_FEATURES.names)
    X = rng.normal(size=(50_000, width))
    up = X[:, 0] * 0.1 + X[:, 1] * X[:, 2] * 0.1 + rng.normal(size=len(X)) > 0
    settings = {"objective": "binary", "num_leaves": options.leaves, "num_threads": 1, "verbosity": -1, "seed": 0}
    booster = lightgbm.train(settings, lightgbm.Dataset(X, up.astype(float)), options.trees)
    forest = RandomForestClassifier(n_estimators=100, n_jobs=1, random_state=0).fit(X[:20_000], up[:20_000])
    model = LightGBMModel(booster.model_to_string(), metadata())
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder) / "model")
        command = [sys.executable, "-m", "tapeline.lambdas.sagemaker", "serve", "--root", folder]
        server = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(PORT)])
        try:
            connection = wait_for_server(server)
            measure(model, booster, forest, connection, rng, options)
        finally:
            server.terminate()
            server.wait()


def metadata() -> Metadata:
    names = DEFAULT_FEATURES.names
    return Metadata(names, DEFAULT_FEATURES.hash, 5, 0.25, 60_000, 0.01, 1.0, 0.0, 0, 0, ("A",), 1, "", 0)


def wait_for_server(server: subprocess.Popen[bytes]) -> http.client.HTTPConnection:
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        try:
            connection.request("GET", "/ping")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return connection
        except OSError:
            connection.close()
        if server.poll() is not None:
            raise SystemExit("the server ended")
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def measure(model, booster, forest, connection, rng, options) -> None:
    def over_http(body: bytes) -> None:
        connection.request("POST", "/invocations", body, {"content-type": "text/csv", "accept": "text/csv"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(answer.read().decode())
        answer.read()

    print(f"{options.trees} trees of {options.leaves} leaves, {len(model.features)} features, one thread; medians of")
    print(f"{options.runs} interleaved runs, microseconds a row\n")
    print(f"{'batch':>8}  {'tapeline':>10}  {'LightGBM':>10}  {'forest':>10}  {'serve, HTTP':>12}")
    for batch in BATCHES:
        X = rng.normal(size=(batch, len(model.features)))
        if not (model.predict(X) == booster.predict(X, num_threads=1)).all():
            raise SystemExit("the predictor and LightGBM disagree")
        body = "\n".join(",".join(map(repr, row)) for row in X.tolist()).encode()
        calls: dict[str, tuple[Callable[[], object], int]] = {
            "tapeline": (lambda X=X: model.predict(X), max(1, 2000 // batch)),
            "LightGBM": (lambda X=X: booster.predict(X, num_threads=1), max(1, 500 // batch)),
            "forest": (lambda X=X: forest.predict_proba(X), max(1, 10 // batch)),
            "serve": (lambda body=body: over_http(body), max(1, 50 // batch)),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(options.runs):
            for name, (call, repeats) in calls.items():
                started = time.perf_counter()
                for _ in range(repeats):
                    call()
                times[name].append((time.perf_counter() - started) / repeats / batch * 1e6)
        figures = [statistics.median(times[name]) for name in calls]
        print(f"{batch:>8}  {figures[0]:>10.2f}  {figures[1]:>10.2f}  {figures[2]:>10.1f}  {figures[3]:>12.1f}")


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
