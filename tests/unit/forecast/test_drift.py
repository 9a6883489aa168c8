from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tapeline.forecast.drift import drift, drift_by_model, reference


def test_drift_is_small_for_the_same_distribution_and_large_for_another():
    rng = np.random.default_rng(0)
    then = reference(
        ["a", "b", "c"], np.column_stack((rng.normal(size=5000), rng.normal(size=5000), np.arange(5000) % 5))
    )
    now = np.column_stack((rng.normal(1.0, 1, 2000), rng.normal(size=2000), np.arange(2000) % 5))
    found = {d.feature: d for d in drift(then, ["a", "b", "c"], now)}
    assert found["a"].psi > 0.5
    assert found["a"].warning
    assert found["b"].psi < 0.05
    assert not found["b"].warning
    assert found["c"].psi == pytest.approx(0, abs=1e-9)
    assert next(iter(found)) == "a"
    with pytest.raises(ValueError, match="too few"):
        drift(then, ["a", "b", "c"], now[:100])
    with pytest.raises(ValueError, match="no reference"):
        drift(then, ["a", "x", "c"], now)


def test_psi_equals_its_formula():
    then = {"a": {"edges": [0.0], "shares": [0.5, 0.5]}}
    X = np.where(np.arange(1000) < 200, -1.0, 1.0)[:, None]
    want = (0.2 - 0.5) * math.log(0.2 / 0.5) + (0.8 - 0.5) * math.log(0.8 / 0.5)
    assert drift(then, ["a"], X)[0].psi == pytest.approx(want)


def test_a_model_keeps_a_reference_of_what_it_was_trained_on(model, data):
    trained = data.X[data.end <= model.metadata.trained_until]
    assert max(d.psi for d in drift(model.metadata.reference, model.features, trained)) < 1e-6


def test_like_is_compared_with_like(model, data):
    """One symbol against a pool, minutes against days and other weekdays are no drift."""
    versions, known = ["v"], {"v": dataclasses.replace(model.metadata, trained_until=0, trained_from=0)}

    def found(symbols=model.metadata.symbols, interval=86_400_000):
        return drift_by_model(known, versions, data.timestamp, data.X, symbols=symbols, interval=interval)

    assert set(found()) == {"v"}
    assert "weekday" not in {d.feature for d in found()["v"]}
    assert len(found()["v"]) == len(data.features.names) - 1
    assert found(symbols=model.metadata.symbols[:1]) == {}
    assert found(interval=60_000) == {}
    assert set(found(symbols=[*model.metadata.symbols[:5], "NEW"])) == {"v"}
