from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from tests.daily import DAY
from tests.promotions import false_promotions

from tapeline.forecast.contests import error_of_attempt
from tapeline.forecast.model import LightGBMModel
from tapeline.research.gate import (
    FEWEST_TIMES,
    ContestOutcome,
    contest,
    judged,
    later_rows,
    shadow_contest,
)


def losses(times: int, gain: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return those of a champion and of a challenger that is better by `gain` on average, and their times."""
    rng = np.random.default_rng(seed)
    champion = 0.69 + rng.normal(0, 0.01, times)
    return champion, champion - gain + rng.normal(0, 0.01, times), np.arange(times)


def test_the_attempts_of_all_time_share_one_chance_of_error():
    assert sum(map(error_of_attempt, range(1, 200_000))) == pytest.approx(0.05, rel=1e-4)
    assert error_of_attempt(1) == pytest.approx(0.05 * 6 / math.pi**2)
    with pytest.raises(ValueError, match="from 1"):
        error_of_attempt(0)


def test_a_clearly_better_challenger_wins_and_a_worse_one_does_not():
    better = contest(*losses(250, 0.01), 5, 1)
    assert better.outcome is ContestOutcome.BETTER
    assert better.promotes
    assert 0 < better.bound < better.gain.value
    assert "better on 250 times that neither model had seen" in str(better)
    worse = contest(*losses(250, -0.01), 5, 1)
    assert worse.outcome is ContestOutcome.REFUSED
    assert worse.gain.high < 0


def test_later_attempts_need_more():
    bounds = [contest(*losses(250, 0.003), 5, attempt).bound for attempt in (1, 2, 10, 50)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > 0 > bounds[-1]


def test_an_old_champion_yields_to_one_that_is_not_worse_and_to_no_other():
    equal, worse = losses(250, 0.0), losses(250, -0.02)
    assert contest(*equal, 5, 1).outcome is ContestOutcome.REFUSED
    assert contest(*equal, 5, 30, 1).outcome is ContestOutcome.NOT_WORSE
    assert contest(*worse, 5, 30, 1).outcome is ContestOutcome.REFUSED


def test_too_few_times_are_no_contest():
    held = contest(*losses(FEWEST_TIMES - 1, 0.5), 5, 1)
    assert held.outcome is ContestOutcome.NOT_HELD
    assert not held.was_held
    assert "59 of 60 times" in str(held)


def test_models_that_say_the_same_are_not_better_than_each_other(model, data):
    held = shadow_contest(model, model, data, 1)
    assert held.outcome is ContestOutcome.REFUSED
    assert held.gain.value == 0
    assert not held.gain.has_interval


def test_a_contest_is_on_rows_after_both_models(model, data):
    later = LightGBMModel(
        model.text, dataclasses.replace(model.metadata, trained_until=model.metadata.trained_until + 100 * DAY, gate={})
    )
    rows = later_rows(data, later, model)
    assert (data.timestamp[rows] > later.metadata.trained_until).all()
    assert rows.sum() == later_rows(data, model, later).sum() < later_rows(data, model).sum()


def test_a_model_with_skill_passes_its_gate_and_one_that_says_the_opposite_does_not(model, data):
    bare = LightGBMModel(model.text, dataclasses.replace(model.metadata, gate={}, metrics={}))
    good = judged(bare, data, 0.5).metadata
    assert good.has_passed_gate
    assert 0 < good.gate["low"] < good.gate["gain"]
    assert good.metrics["skill"] > 0
    assert good.gate["until"] == data.end.max()
    backwards = LightGBMModel(model.text, dataclasses.replace(bare.metadata, slope=-bare.metadata.slope))
    bad = judged(backwards, data, 0.5).metadata
    assert not bad.has_passed_gate
    assert bad.gate["high"] < 0
    few = data.select(data.timestamp <= bare.metadata.trained_until + 30 * DAY)
    assert judged(bare, few, 0.5).metadata.gate == {}


def test_weekly_retraining_promotes_no_luck():
    """At most one year in twenty (`python -m tests.promotions`), here none of the first five."""
    found = false_promotions(5)
    assert found.promoted_years == 0
    assert found.yielded > 0, "an old champion yields to one that is not worse"
