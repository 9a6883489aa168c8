from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.daily import DAY

from tapeline.backends.files.file_registry import LocalFolder
from tapeline.errors import NotBetterError, NotEnoughHistoryError
from tapeline.forecast.contests import Attempt
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.registry import Registry
from tapeline.research.gate import ContestOutcome
from tapeline.research.retraining import OLD_PERIODS, attempt_numbers, due, last_attempt, retrain


def test_a_schedule_is_due_by_the_age_of_the_training_data():
    assert not due("weekly", 0, 7 * DAY - 1)
    assert due("weekly", 0, 7 * DAY)
    assert due("daily", 0, DAY)
    assert not due("monthly", 0, 29 * DAY)
    with pytest.raises(ValueError, match="weekly"):
        due("hourly", 0, 1)


@pytest.fixture
def registry(tmp_path, model) -> Registry:
    """One in which the model in use was promoted a day after the epoch."""
    registry = Registry(LocalFolder(tmp_path))
    registry.save("default", model)
    registry.promote("default", model.version, at=DAY)
    return registry


def test_the_first_model_is_put_to_use_without_a_contest(tmp_path, learnable):
    registry = Registry(LocalFolder(tmp_path))
    first = retrain(registry, "default", [learnable], at=1, until=int(np.quantile(learnable.timestamp, 0.6)))
    assert first.promoted
    assert first.contest is None
    assert registry.current("default") == first.model.version
    assert registry.attempts("default") == []
    with pytest.raises(NotEnoughHistoryError):
        retrain(registry, "default", [], at=4)


def test_a_challenger_that_is_no_better_is_refused_and_the_attempt_is_remembered(registry, learnable, model):
    made = retrain(registry, "default", [learnable], at=9 * DAY, rounds=1)
    assert not made.promoted
    assert made.contest is not None
    assert made.contest.outcome is ContestOutcome.REFUSED
    assert registry.current("default") == model.version
    [attempt] = Registry(registry._folder).attempts("default")
    assert (attempt.at, attempt.champion, attempt.challenger) == (9 * DAY, model.version, made.model.version)
    assert attempt.was_held
    assert not attempt.promotes
    assert made.contest is not None
    assert (attempt.gain, attempt.low) == (made.contest.gain.value, made.contest.gain.low)
    assert last_attempt(registry, "default") == 9 * DAY
    with pytest.raises(NotBetterError, match=r"has not beaten .* not promoted \(with force"):
        registry.promote("default", made.model.version, at=10 * DAY)


def test_a_better_challenger_takes_the_place_of_a_champion_that_knows_nothing(tmp_path, learnable, model):
    registry = Registry(LocalFolder(tmp_path))
    backwards = LightGBMModel(model.text, dataclasses.replace(model.metadata, slope=-model.metadata.slope))
    registry.save("default", backwards)
    registry.promote("default", backwards.version, at=1)
    made = retrain(registry, "default", [learnable], at=2)
    assert made.promoted
    assert made.contest is not None
    assert made.contest.outcome is ContestOutcome.BETTER
    assert registry.current("default") == made.model.version


def test_a_model_that_was_asked_another_question_is_no_challenger(registry, learnable):
    with pytest.raises(NotBetterError, match=r"horizon of 10 bars.*the one in use on 5.*--name of its own"):
        retrain(registry, "default", [learnable], at=2 * DAY, horizon=10)


def test_attempts_are_numbered_within_years_of_a_reign_and_from_when_it_has_grown_old(registry, model):
    week, other = 7 * DAY, "20200101-00000000"

    def numbers(at):
        return attempt_numbers(registry, "default", at, week)

    assert numbers(2 * DAY) == (1, 0)
    for at, held in ((2 * DAY, True), (9 * DAY, False), (16 * DAY, True)):
        registry.record("default", Attempt(at, model.version, other, was_held=held, promotes=False))
    assert numbers(23 * DAY) == (3, 0), "one was not held: nobody looked at its rows"
    old = DAY + OLD_PERIODS * week
    assert numbers(old - 1) == (3, 0)
    assert numbers(old) == (3, 1)
    registry.record("default", Attempt(old, model.version, other, was_held=True, promotes=False))
    assert numbers(old + week) == (4, 2)
    assert numbers(DAY + 365 * DAY) == (1, 1), "a new year has a new chance of error"
