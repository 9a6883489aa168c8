from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.daily import DAY

from tapeline.backends.files.file_registry import LocalFolder
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.registry import Registry
from tapeline.research.retraining import due, retrain


def test_a_schedule_is_due_by_the_age_of_the_training_data():
    assert not due("weekly", 0, 7 * DAY - 1)
    assert due("weekly", 0, 7 * DAY)
    assert due("daily", 0, DAY)
    assert not due("monthly", 0, 29 * DAY)
    with pytest.raises(ValueError, match="weekly"):
        due("hourly", 0, 1)


def test_retraining_stores_the_model_and_promotes_it_unless_it_is_worse(tmp_path, learnable, model):
    registry = Registry(LocalFolder(tmp_path))
    until = int(np.quantile(learnable.timestamp, 0.8))
    first = retrain(registry, "default", [learnable], at=1, until=until)
    assert first.promoted
    assert registry.current("default") == first.model.version
    metrics = dict(first.model.metadata.metrics) | {"skill": 0.99}
    best = LightGBMModel(first.model.text, dataclasses.replace(first.model.metadata, metrics=metrics))
    registry.save("default", best)
    registry.promote("default", best.version, at=2)
    second = retrain(registry, "default", [learnable], at=3)
    assert not second.promoted
    assert "not promoted" in second.reason
    assert registry.current("default") == best.version
    assert registry.load("default", second.model.version).trained_until > until
    with pytest.raises(NotEnoughHistoryError):
        retrain(registry, "default", [], at=4)
