from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from tests.daily import daily_bars

from tapeline.core.market import Bars
from tapeline.core.rows import Direction, Rows
from tapeline.forecast.grading import grade, grade_rows, merge, reliability, rolling
from tapeline.forecast.labels import direction, label


def stored(bars: Bars, probability: np.ndarray, hold_margin: float = 0.0, models=("v1",), model=None) -> Rows:
    answer = direction(probability, hold_margin)
    model = np.where(answer == 0, -1, 0 if model is None else model).astype(np.int32)
    return Rows(bars, (), np.zeros((len(bars), 0)), answer, probability, models, model)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return daily_bars(symbols=3, count=300)


@pytest.fixture(scope="module")
def perfect(bars) -> Rows:
    outcome = label(bars).direction
    p = np.where(outcome == Direction.UP, 0.9, np.where(outcome == Direction.DOWN, 0.1, 0.7))
    p[: 30 * 3] = np.nan  # no model at first
    return stored(bars, p)


def test_outcomes_are_the_labels_that_training_uses(bars, perfect):
    grades = grade_rows(perfect)
    assert len(grades) == 270 * 3
    np.testing.assert_array_equal(grades.outcome, label(bars).direction[90:])
    assert (grades.outcome[-15:] == Direction.NONE).all()


def test_perfect_forecasts_get_a_perfect_grade(perfect):
    whole, model, *symbols = grade(grade_rows(perfect))
    assert (whole.symbol, whole.model) == ("", "")
    assert whole.pending == 15
    assert whole.graded + whole.holds + whole.pending == whole.predicted == 810
    assert whole.answered == whole.graded
    assert whole.hit_rate.value == 1.0
    assert 0.8 < whole.hit_rate.low < 1.0
    assert whole.brier.value == pytest.approx(0.01)
    assert 0.5 <= whole.base_rate < 0.7
    assert whole.brier_base == pytest.approx(0.25, abs=0.02)
    assert model.model == "v1"
    assert [g.symbol for g in symbols] == ["S00", "S01", "S02"]
    assert sum(g.graded for g in symbols) == whole.graded


def test_random_forecasts_are_no_better_than_the_base_rate(bars):
    p = np.random.default_rng(0).uniform(0.3, 0.7, len(bars))
    whole = grade(grade_rows(stored(bars, p, hold_margin=0.1)))[0]
    assert whole.hit_rate.low < whole.base_rate
    assert whole.brier.high > whole.brier_base
    assert 0.3 < whole.answered / whole.graded < 0.7


def test_each_model_is_asked_its_own_question(bars, model):
    longer = dataclasses.replace(model.metadata, horizon=20)
    rows = stored(bars, np.full(len(bars), 0.6), models=("v1", "v2"), model=np.arange(len(bars)) % 2)
    grades = grade_rows(rows, {"v2": longer})
    short, long = label(bars, 5).direction, label(bars, 20).direction
    np.testing.assert_array_equal(grades.outcome[::2], short[::2])
    np.testing.assert_array_equal(grades.outcome[1::2], long[1::2])
    assert grades.horizon == 20


def test_forming_rows_are_not_graded(bars, perfect):
    final = bars.final.copy()
    final[-3:] = False
    rows = dataclasses.replace(perfect, bars=dataclasses.replace(bars, final=final))
    assert len(grade_rows(rows)) == len(grade_rows(perfect)) - 3


def test_symbols_that_were_read_apart_are_graded_together(bars, perfect):
    parts = []
    for code in range(3):
        part = perfect[np.flatnonzero(bars.code == code)]
        own = dataclasses.replace(part.bars, symbols=(bars.symbols[code],), code=np.zeros(len(part), np.int32))
        parts.append(grade_rows(dataclasses.replace(part, bars=own)))
    assert grade(merge(parts)) == grade(grade_rows(perfect))
    assert len(merge([])) == 0


def test_rows_that_a_session_cuts_off_are_undecidable_and_only_the_last_ones_wait():
    minutes = daily_bars(symbols=1, count=90)
    opened = np.concatenate((np.arange(60), 24 * 60 + np.arange(30))) * 60_000
    bars = dataclasses.replace(minutes, timestamp=minutes.timestamp[0] + opened)
    p = np.where(np.arange(90) < 30, np.nan, 0.6)
    whole = grade(grade_rows(stored(bars, p)))[0]
    assert whole.predicted == 60
    assert whole.undecidable == 5, "the last five of the first session"
    assert whole.pending == 5, "the last five of all"
    assert whole.graded + whole.holds == 50
    evening = bars[:60]
    assert grade(grade_rows(stored(evening, p[:60])))[0].pending == 5, "until the next bar shows the gap"
    later = grade(grade_rows(stored(evening, p[:60]), known_until=int(bars.timestamp[-1])))[0]
    assert (later.pending, later.undecidable) == (0, 5), "and at the latest when other symbols have gone on"


def test_the_first_bars_of_a_series_are_undecidable(bars):
    early = grade(grade_rows(stored(bars[:90], np.full(90, 0.6))))[0]
    assert (early.undecidable, early.pending) == (60, 15)
    assert early.graded + early.holds == 15


def test_no_predictions_are_no_grades(bars):
    rows = stored(bars, np.full(len(bars), np.nan))
    assert grade(grade_rows(rows)) == []
    some = grade(grade_rows(stored(bars[:60], np.full(60, 0.6))))[0]
    assert some.graded == 0
    assert math.isnan(some.hit_rate.value)


def test_rolling_figures_equal_a_plain_loop(bars):
    p = np.random.default_rng(1).uniform(0.3, 0.7, len(bars))
    grades = grade_rows(stored(bars, p, hold_margin=0.05))
    got = rolling(grades, 100)
    known = grades[np.isin(grades.outcome, (1, 2))]
    assert len(got.timestamp) == len(known) - 99
    for i in (0, 57, len(got.timestamp) - 1):
        part = known[np.arange(i, i + 100)]
        called = np.isin(part.answer, (1, 2))
        up = part.outcome == 1
        assert got.timestamp[i] == part.timestamp[-1]
        assert got.hit_rate[i] == pytest.approx((part.answer == part.outcome)[called].mean())
        assert got.base_rate[i] == pytest.approx(max(up[called].mean(), 1 - up[called].mean()))
        assert got.brier[i] == pytest.approx(((part.probability - up) ** 2).mean())
    assert len(rolling(grades, 10_000).timestamp) == 0
    assert sum(b.count for b in reliability(grades)) == len(known)
