"""Codes, bands and odds: what is stored is what was said, and what is said holds together."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tapeline.core.market import Bars
from tapeline.core.rows import RANGE_CODES
from tapeline.forecast import price_bands as bands
from tapeline.forecast import said_codes
from tapeline.forecast.range_layout import HORIZONS, SAID
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_state import RangeStates


def normal(model: RangeModel) -> RangeModel:
    """Return the model with the quantiles of a normal variable, and those of its lowest value on the way."""
    rng = np.random.default_rng(0)
    walks = np.cumsum(rng.normal(size=(20_000, 60)), axis=1) / math.sqrt(60)
    tables = [np.quantile(column, model.levels).tolist() for column in (walks[:, -1], walks.min(1), walks.max(1))]
    rows = [tuple(tuple(table) for _ in HORIZONS) for table in tables]
    return dataclasses.replace(model, quantiles=rows[0], lowest=rows[1], highest=rows[2])


def test_what_is_stored_is_near_what_the_step_said(learnable: Bars, range_model: RangeModel) -> None:
    said = RangeStates().update(learnable, range_model)
    read = said_codes.decoded(said_codes.codes(said))
    for k, name in enumerate(RANGE_CODES):
        found, column = read[:, k], said[:, k]
        assert np.array_equal(np.isnan(found), np.isnan(column))
        known = ~np.isnan(column)
        assert np.allclose(found[known], column[known], rtol=4e-4, atol=1e-3 if "volume" in name else 0)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, 1e-300, 1e300])
def test_any_number_has_a_code(value: float) -> None:
    columns = said_codes.codes(np.full((1, SAID), value))
    assert columns.dtype == np.uint16
    assert not (said_codes.decoded(columns) < 0).any()


def test_bands_lie_within_each_other(range_model: RangeModel) -> None:
    close, sigma = np.array([100.0, 3.0]), np.array([0.02, 0.4])
    for horizon in HORIZONS:
        edges = [bands.band(range_model, horizon, close, sigma, coverage) for coverage in bands.COVERAGES]
        (low_50, high_50), (low_80, high_80), (low_95, high_95) = edges
        assert (low_95 < low_80).all()
        assert (low_80 < low_50).all()
        assert (low_50 < high_50).all()
        assert (high_50 < high_80).all()
        assert (high_80 < high_95).all()


def test_odds_of_a_normal_walk_are_those_of_the_reflection_principle(range_model: RangeModel) -> None:
    model, sigmas = normal(range_model), (0.01, 0.02, 0.04)
    for far in (0.5, 1.0, 2.0):
        beyond = 0.5 * math.erfc(far / math.sqrt(2))
        for sign in (-1, 1):
            found = bands.odds(model, 5, 100.0, sigmas, 100.0 * math.exp(sign * far * 0.02))
            assert found.beyond == pytest.approx(beyond, abs=0.01)
            assert found.touched == pytest.approx(2 * beyond, rel=0.25)  # a walk of 60 steps overlooks touches
            assert found.touched > found.beyond


def test_odds_fall_with_the_distance_and_never_vanish(range_model: RangeModel) -> None:
    sigmas = (0.01, 0.02, 0.04)
    for prices in (np.linspace(99.9, 60, 50), np.linspace(100.1, 160, 50)):
        found = [bands.odds(range_model, 7, 100.0, sigmas, float(price)) for price in prices]
        touched, beyond = [each.touched for each in found], [each.beyond for each in found]
        assert touched == sorted(touched, reverse=True)
        assert beyond == sorted(beyond, reverse=True)
        assert all(0 < b <= t <= 1 for t, b in zip(touched, beyond, strict=True))


@pytest.mark.parametrize("within", [0, 21, -3])
def test_odds_beyond_the_longest_horizon_are_refused(range_model: RangeModel, within: int) -> None:
    with pytest.raises(ValueError, match="looks 1 to 20 bars ahead"):
        bands.odds(range_model, within, 100.0, (0.01, 0.02, 0.04), 90.0)


def test_a_big_move_is_likelier_when_more_than_usual_is_expected(range_model: RangeModel) -> None:
    usual = np.full(3, 0.01)
    found = bands.big_move(normal(range_model), 1, np.array([0.005, 0.01, 0.02]), usual)
    assert found[0] < found[1] < found[2]
    assert found[1] == pytest.approx(math.erfc(1.5 / math.sqrt(2)), abs=0.01)
