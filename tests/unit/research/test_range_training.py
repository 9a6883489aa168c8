"""Training of a range model: the same bars make the same one, and it learns what volatility does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from crepes import ConformalPredictiveSystem
from tests.daily import clustered_bars

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast import price_bands as bands
from tapeline.forecast.range_layout import HORIZONS, REGRESSORS
from tapeline.forecast.range_model import RANGE, RangeModel
from tapeline.forecast.range_state import RangeStates
from tapeline.research.range_outcomes import outcomes
from tapeline.research.range_training import FORMS, fit_range


@pytest.fixture(scope="module")
def clustered() -> Bars:
    return sort_and_dedupe([clustered_bars()])


@pytest.fixture(scope="module")
def trained(clustered: Bars) -> RangeModel:
    return fit_range([clustered], until=int(np.quantile(clustered.timestamp, 0.5)))


def test_the_same_bars_make_the_same_model_whatever_the_batches(clustered: Bars, trained: RangeModel) -> None:
    until = int(np.quantile(clustered.timestamp, 0.5))
    cut = [clustered[i : i + 611] for i in range(0, len(clustered), 611)]
    assert fit_range(iter(cut), until=until).dump() == trained.dump()


def test_training_sees_nothing_after_until(clustered: Bars, trained: RangeModel) -> None:
    later = clustered.timestamp > trained.trained_until
    scale = np.where(later, 1.5, 1.0)
    changed = dataclasses.replace(clustered, high=clustered.high * scale, close=clustered.close * scale)
    assert fit_range([changed], until=trained.trained_until).dump()[RANGE] == trained.dump()[RANGE]
    assert trained.trained_until == clustered.timestamp[~later].max()


def test_it_forecasts_waves_of_volatility_on_later_bars(clustered: Bars, trained: RangeModel) -> None:
    said, known = RangeStates().update(clustered, trained), outcomes(clustered, trained)
    later = clustered.timestamp > trained.trained_until
    for k, horizon in enumerate(HORIZONS):
        some = later & ~np.isnan(known.variance[:, k])
        forecast, came = said[some, 7 + k], known.variance[some, k]
        loss = came / forecast - np.log(came / forecast) - 1
        flat = came / came.mean() - np.log(came / came.mean()) - 1
        assert loss.mean() < 0.8 * flat.mean(), horizon


def test_its_bands_hold_on_later_bars(clustered: Bars, trained: RangeModel) -> None:
    said, known = RangeStates().update(clustered, trained), outcomes(clustered, trained)
    later = (clustered.timestamp > trained.trained_until) & ~np.isnan(known.move[:, 1])
    close, sigma, move = clustered.close[later], said[later, 1], known.move[later, 1]
    for coverage in bands.COVERAGES:
        low, high = bands.band(trained, 5, close, sigma, coverage)
        held = (close * np.exp(move) >= low) & (close * np.exp(move) <= high)
        assert held.mean() == pytest.approx(coverage / 100, abs=0.05)


@pytest.mark.parametrize("coverage", bands.COVERAGES)
def test_bands_are_those_of_a_conformal_predictive_system(clustered: Bars, trained: RangeModel, coverage: int) -> None:
    """`crepes` makes them of the same standardised training returns."""
    before = clustered[clustered.timestamp <= trained.trained_until]
    sigma, move = RangeStates().update(before, trained)[:, 1], outcomes(before, trained).move[:, 1]
    some = ~np.isnan(sigma) & ~np.isnan(move)
    system = ConformalPredictiveSystem().fit(residuals=move[some], sigmas=sigma[some])
    asked = np.array([0.01, 0.05])
    theirs = system.predict_int(np.zeros(2), sigmas=asked, confidence=coverage / 100)
    ours = np.log(np.stack(bands.band(trained, 5, np.ones(2), asked, coverage), axis=1))
    assert ours == pytest.approx(theirs, rel=0.02)


def test_outcomes_are_what_came_after_each_bar(clustered: Bars, trained: RangeModel) -> None:
    known = outcomes(clustered, trained)
    mine = np.flatnonzero(clustered.code == 3)
    variance = RangeStates().update(clustered, trained)[:, -1]
    for k, horizon in enumerate(HORIZONS):
        i, ahead = mine[100], mine[101 : 101 + horizon]
        assert known.variance[i, k] == pytest.approx(variance[ahead].mean())
        assert known.move[i, k] == pytest.approx(np.log(clustered.close[ahead[-1]] / clustered.close[i]))
        assert known.lowest[i, k] == pytest.approx(
            np.log(min(clustered.low[ahead].min(), clustered.close[i]) / clustered.close[i])
        )
        assert known.end[i, k] == clustered.timestamp[ahead[-1]]
        assert np.isnan(known.move[mine[-horizon:], k]).all()


def test_only_regressors_of_the_form_are_used(trained: RangeModel) -> None:
    allowed = {REGRESSORS.index(name) for name in FORMS["daily"]}
    for row in trained.coefficients:
        assert {j for j, value in enumerate(row[:-1]) if value} <= allowed


def test_too_little_history_says_how_much_there_is(clustered: Bars) -> None:
    with pytest.raises(NotEnoughHistoryError, match="training needs 300"):
        fit_range([clustered[: 8 * 70]])
    with pytest.raises(NotEnoughHistoryError, match="0 bars"):
        fit_range([])
