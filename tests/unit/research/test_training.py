from __future__ import annotations

import builtins
import dataclasses

import numpy as np
import pytest
from tests.conftest import random_bars
from tests.daily import daily_bars

from tapeline.core.bars import sort_and_dedupe
from tapeline.errors import MissingLibraryError, NotEnoughHistoryError
from tapeline.research.dataset import build
from tapeline.research.fitting import hold_out
from tapeline.research.training import fit


def test_the_same_bars_make_the_same_model_whatever_the_batches(learnable, model):
    until = int(np.quantile(learnable.timestamp, 0.6))
    cut = [learnable[i : i + 377] for i in range(0, len(learnable), 377)]
    again = fit(iter(cut), until=until)
    assert again.text == model.text
    assert again.version == model.version
    assert fit([learnable], until=until, seed=1).text != model.text


def test_training_sees_nothing_after_until(learnable, model):
    """Change the bars after `until`: the model stays the same to the last byte."""
    until = int(np.quantile(learnable.timestamp, 0.6))
    later = learnable.timestamp > until
    rng = np.random.default_rng(0)
    scale = np.where(later, rng.uniform(0.5, 2, len(learnable)), 1.0)
    prices = {name: getattr(learnable, name) * scale for name in ("open", "high", "low", "close")}
    changed = dataclasses.replace(learnable, **prices)
    assert fit([changed], until=until).text == model.text
    assert model.metadata.trained_until < model.trained_until == learnable.timestamp[~later].max()


def test_a_model_learns_what_can_be_learnt(learnable, model):
    data = build(sort_and_dedupe([learnable]))
    later = data.timestamp > model.trained_until
    p, up = model.predict(data.X[later]), data.direction[later] == 1
    order = np.argsort(p)
    third = len(p) // 3
    assert up[order[-third:]].mean() > up[order[:third]].mean() + 0.2


def test_too_little_history_says_how_much_there_is():
    with pytest.raises(NotEnoughHistoryError, match=r"no bars give 0 usable .* needs 500, from at least 500 bars"):
        fit([])
    with pytest.raises(NotEnoughHistoryError, match=r"160 bars from 2019-.* give \d+ usable rows"):
        fit([daily_bars(symbols=2, count=80)])
    minutes = random_bars(symbols=2, count=2000)
    pauses = 86_400_000 * ((minutes.timestamp - minutes.timestamp[0]) // (45 * 60_000))
    sessions = dataclasses.replace(minutes, timestamp=minutes.timestamp + pauses)
    with pytest.raises(NotEnoughHistoryError, match="horizon of 50 leaves the session"):
        fit([sessions], horizon=50)


def test_closes_that_all_go_one_way_are_refused():
    bars = daily_bars(symbols=3, count=400)
    rise = 50 * np.exp(0.001 * np.arange(len(bars)))
    bars = dataclasses.replace(bars, open=rise, high=rise * 1.01, low=rise * 0.99, close=rise)
    with pytest.raises(NotEnoughHistoryError, match="all went one way"):
        fit([bars])


def test_held_out_rows_come_after_the_rows_to_learn_from(data):
    rows = np.ones(len(data.index), np.bool_)
    learn, held_out = hold_out(data, rows)
    assert data.end[learn].max() < data.timestamp[held_out].min()
    assert not (learn & held_out).any()
    assert 0.15 < held_out.mean() < 0.25


def test_no_row_is_used_twice(data, monkeypatch):
    """Learning, early stopping, calibration and the gate have rows of their own, in this order of time."""
    import lightgbm

    from tapeline.research import fitting, gate

    seen: dict[str, set[bytes]] = {}
    kinds = iter(("learn", "stop"))

    def spy(module, name, kind, columns):
        real = getattr(module, name)

        def spying(*arguments, **options):
            seen[kind() if callable(kind) else kind] = {row.tobytes() for row in columns(*arguments)}
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, spying)

    spy(lightgbm, "Dataset", lambda: next(kinds), lambda X, *_: np.asarray(X))
    spy(gate, "later_rows", "gate", lambda d, *models: d.X[d.timestamp > models[0].metadata.trained_until])
    scores: dict[bytes, float] = {}
    real_slope = fitting.platt_slope

    def slope(score, up, block):
        seen["calibrate"] = set(score.tolist())
        return real_slope(score, up, block)

    monkeypatch.setattr(fitting, "platt_slope", slope)
    rows = np.zeros(len(data.index), np.bool_)
    rows[: int(0.8 * len(rows))] = True
    model = fitting.fit_rows(data, rows & (data.end < data.timestamp[~rows].min()))
    gate.judged(model, data, 0.5)
    scores = dict(zip((row.tobytes() for row in data.X), model.trees.score(data.X).tolist(), strict=True))
    assert len(seen["learn"]) > len(seen["stop"]) > 100
    assert not seen["learn"] & seen["stop"]
    assert not (seen["learn"] | seen["stop"]) & seen["gate"]
    calibrated = {row for row in scores if scores[row] in seen["calibrate"]}
    late = {row.tobytes() for row in data.X[data.timestamp > np.quantile(data.timestamp[rows], 0.86)]}
    assert len(seen["calibrate"]) > 50
    assert len(calibrated & late) > 0
    order = {row.tobytes(): time for row, time in zip(data.X, data.timestamp.tolist(), strict=True)}
    assert max(map(order.get, seen["learn"])) < min(map(order.get, seen["stop"]))
    assert max(map(order.get, seen["stop"])) < min(map(order.get, seen["gate"]))


def test_progress_grows_from_0_to_1(learnable):
    seen = []
    fit([learnable], progress=lambda done, _: seen.append(done))
    assert seen == sorted(seen)
    assert 0 < seen[0] < 1
    assert seen[-1] == 1


def test_parameters_are_searched_for_on_the_training_bars(learnable):
    until = int(np.quantile(learnable.timestamp, 0.6))
    later = learnable.timestamp > until
    changed = dataclasses.replace(learnable, close=np.where(later, learnable.open, learnable.close))
    seen = []
    one = fit([learnable], until=until, trials=2, progress=lambda done, what: seen.append((done, what)))
    assert one.text == fit([changed], until=until, trials=2).text
    assert one.metadata.parameters["num_leaves"] != 15 or one.metadata.parameters["learning_rate"] != 0.05
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert "search" in {what for _, what in seen}
    with pytest.raises(NotEnoughHistoryError):
        fit([learnable[:300]], trials=1)


def test_a_missing_openmp_runtime_is_named_with_its_remedy(learnable, monkeypatch):
    real = builtins.__import__

    def without(error):
        def importing(name, *rest):
            if name == "lightgbm":
                raise error
            return real(name, *rest)

        return importing

    monkeypatch.setattr("platform.system", lambda: "Linux")
    lost = OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
    monkeypatch.setattr(builtins, "__import__", without(lost))
    with pytest.raises(MissingLibraryError, match="apt-get install libgomp1"):
        fit([learnable])
    monkeypatch.setattr(builtins, "__import__", without(ImportError("no lightgbm")))
    with pytest.raises(MissingLibraryError, match=r"pip install 'tapeline\[train\]'"):
        fit([learnable])
