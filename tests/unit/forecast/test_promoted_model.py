"""Test the promoted model: found, replaced, and missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tapeline.backends.files.file_registry import LocalFolder
from tapeline.core.market import LATEST_TIMESTAMP
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.promoted_model import POLL, PromotedModel
from tapeline.forecast.registry import Registry


class Clock:
    """Stand at a time until it is moved."""

    now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(LocalFolder(tmp_path / "models"))


def promoted(registry: Registry, model: LightGBMModel) -> None:
    registry.save(DEFAULT_NAME, model)
    registry.promote(DEFAULT_NAME, model.version, at=1, force=True)


def test_it_predicts_as_the_promoted_model_does(registry, model, data):
    promoted(registry, model)
    found = PromotedModel(registry, DEFAULT_NAME, clock=Clock())
    assert found.prepare()
    assert (found.version, found.features) == (model.version, model.features)
    assert (found.trained_until, found.hold_margin) == (model.trained_until, model.hold_margin)
    assert (found.predict(data.X) == model.predict(data.X)).all()
    assert found.missed == 0


def test_a_model_of_bars_of_another_length_is_forgotten(registry, model):
    promoted(registry, model)
    warned: list[str] = []
    found = PromotedModel(registry, DEFAULT_NAME, clock=Clock(), warn=warned.append, interval=lambda: 60_000)
    assert not found.prepare()
    assert not found.prepare()
    assert (found.version, found.trained_until) == ("", LATEST_TIMESTAMP)
    assert len(warned) == 1
    assert "was trained on bars of 1d and predicts none of 1m" in warned[0]


def test_another_version_is_taken_up_at_the_next_poll(registry, model):
    promoted(registry, model)
    clock = Clock()
    found = PromotedModel(registry, DEFAULT_NAME, clock=clock)
    found.prepare()
    newer = LightGBMModel(model.text, dataclasses.replace(model.metadata, seed=7))
    promoted(registry, newer)
    clock.now = POLL - 1
    assert found.prepare()
    assert found.version == model.version
    clock.now = POLL
    assert found.prepare()
    assert found.version == newer.version != model.version


def test_without_a_promoted_model_it_is_asked_for_nothing_and_says_so_once(registry, model, data):
    warned = []
    clock = Clock()
    found = PromotedModel(registry, DEFAULT_NAME, clock=clock, warn=warned.append)
    for clock.now in range(0, 3 * POLL, POLL):
        assert not found.prepare()
    assert found.trained_until == LATEST_TIMESTAMP
    assert np.isnan(found.predict(data.X)).all()
    assert warned == ["no version of model default is promoted; rows are stored without predictions"]
    promoted(registry, model)
    clock.now += POLL
    found.wake()
    assert found.version == model.version


def test_a_version_that_cannot_be_used_leaves_the_one_before_in_use(registry, model, tmp_path):
    promoted(registry, model)
    warned = []
    clock = Clock()
    found = PromotedModel(registry, DEFAULT_NAME, clock=clock, warn=warned.append)
    found.prepare()
    (tmp_path / "models" / DEFAULT_NAME / "current.json").write_text("{}")
    clock.now = POLL
    assert found.prepare()
    assert found.version == model.version
    assert len(warned) == 1
    assert "current.json" in warned[0]
