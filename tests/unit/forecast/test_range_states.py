"""The step of the range forecast: the same bits in any batches, from any state, and nothing of the future."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tapeline.core.market import Bars
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import DecodeError
from tapeline.forecast.range_layout import (
    HORIZONS,
    OUTPUTS,
    REGRESSORS,
    REGRESSORS_WIDTH,
    VARIANCE_REGRESSORS_AT,
    WARM_UP,
)  # fmt: skip
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_state import RangeStates
from tapeline.forecast.time_of_day import TERMS, season, session_times


def of_symbol(bars: Bars, code: int) -> Bars:
    return bars[bars.code == code]


def test_batches_cut_anywhere_give_the_same_bits(learnable: Bars, range_model: RangeModel) -> None:
    whole = RangeStates().update(learnable, range_model)
    for size in (1, 7, 500):
        states = RangeStates()
        parts = [states.update(learnable[i : i + size], range_model) for i in range(0, len(learnable), size)]
        assert np.array_equal(np.concatenate(parts), whole, equal_nan=True)


def test_a_symbol_depends_on_its_own_bars_alone(learnable: Bars, range_model: RangeModel) -> None:
    whole = RangeStates().update(learnable, range_model)
    alone = RangeStates().update(of_symbol(learnable, 2), range_model)
    assert np.array_equal(whole[learnable.code == 2], alone, equal_nan=True)


def test_a_restored_state_goes_on_with_the_same_bits(learnable: Bars, range_model: RangeModel) -> None:
    bars = of_symbol(learnable, 1)
    whole = RangeStates().update(bars, range_model)
    for cut in (0, 1, 65, 66, 67, 131, 400):
        first, second = RangeStates(), RangeStates()
        first.update(bars[:cut], range_model)
        if cut:
            second.restore("S01", first.snapshot("S01"))
        assert np.array_equal(second.update(bars[cut:], range_model), whole[cut:], equal_nan=True)


def test_a_damaged_state_is_refused(learnable: Bars, range_model: RangeModel) -> None:
    states = RangeStates()
    states.update(of_symbol(learnable, 1), range_model)
    data = states.snapshot("S01")
    for damaged in (b"", data[:-1], b"RNG0" + data[4:]):
        with pytest.raises(DecodeError, match="range state of S01"):
            RangeStates().restore("S01", damaged)


def test_a_forgotten_symbol_begins_anew(learnable: Bars, range_model: RangeModel) -> None:
    bars, states = of_symbol(learnable, 1), RangeStates()
    states.forget("S01")
    first = states.update(bars, range_model)
    states.forget("S01")
    assert np.array_equal(states.update(bars, range_model), first, equal_nan=True)


def test_nothing_is_said_before_the_longest_window_is_full(learnable: Bars, range_model: RangeModel) -> None:
    said = RangeStates().update(of_symbol(learnable, 1), range_model)
    assert np.isnan(said[: WARM_UP - 1, 0]).all()
    assert not np.isnan(said[WARM_UP - 1 :]).any()
    assert said.shape[1] == OUTPUTS


def test_what_is_said_of_a_bar_does_not_change_with_later_bars(learnable: Bars, range_model: RangeModel) -> None:
    bars = of_symbol(learnable, 1)
    later = np.arange(len(bars)) > 300
    scale = np.where(later, 2.0, 1.0)
    changed = dataclasses.replace(bars, close=bars.close * scale, high=bars.high * scale)
    before, after = (RangeStates().update(each, range_model) for each in (bars, changed))
    assert np.array_equal(before[~later], after[~later], equal_nan=True)
    assert not np.array_equal(before[later], after[later])


def test_regressors_are_those_of_a_plain_computation(learnable: Bars, range_model: RangeModel) -> None:
    """The running sums of the step against means over windows, long after rings and sums began anew."""
    bars = of_symbol(learnable, 3)
    regressors = np.empty((len(bars), REGRESSORS_WIDTH))
    RangeStates().update(bars, range_model, regressors)
    v, slow = regressors[:, 0], regressors[:, 1]
    returns = np.diff(np.log(bars.close), prepend=math.log(bars.open[0]))

    def at(name: str) -> np.ndarray:
        return regressors[:, VARIANCE_REGRESSORS_AT + REGRESSORS.index(name)]

    v = RangeStates().update(bars, range_model)[:, -1]
    for t in (70, 131, 132, 400, len(bars) - 1):
        for window in (5, 15, 22, 30, 60, 66):
            mean = v[t - window + 1 : t + 1].mean()
            assert at(f"mean_{window}")[t] == pytest.approx(math.log(mean / slow[t]), abs=1e-9)
        squares = (returns[t - 21 : t + 1] ** 2).mean()
        assert at("squares_22")[t] == pytest.approx(math.log(squares / slow[t]), abs=1e-9)
        assert at("move_5")[t] == pytest.approx(returns[t - 4 : t + 1].sum() / math.sqrt(5 * slow[t]), abs=1e-9)
        quarter = v[t - 62 : t - 42].mean()  # of the 20 bars that begin a quarter before the next one
        column = regressors[t, VARIANCE_REGRESSORS_AT + len(REGRESSORS) - 1 + HORIZONS.index(20)]
        if t > 132:
            assert column == pytest.approx(math.log(quarter / slow[t]), abs=1e-9)


def test_a_symbol_whose_moves_are_always_larger_than_forecast_gets_a_wider_sigma(
    learnable: Bars, range_model: RangeModel
) -> None:
    """Only known outcomes count: the scale moves after the horizon has passed, not before."""
    bars = of_symbol(learnable, 0)
    shift = dataclasses.replace(
        range_model, coefficients=tuple((*row[:-1], row[-1] - 1.0) for row in range_model.coefficients)
    )
    plain, low = (RangeStates().update(bars, each)[:, 2] for each in (range_model, shift))
    first = WARM_UP - 1
    assert low[first] / plain[first] == pytest.approx(math.exp(-0.5))
    assert low[first + 19] / plain[first + 19] == pytest.approx(math.exp(-0.5))
    assert low[-1] / plain[-1] > math.exp(-0.5) * 1.05


def minutes(symbol: str, days: int = 3) -> Bars:
    rng = np.random.default_rng(1)
    open_at = 1_549_895_400_000  # 2019-02-11 09:30 in New York
    timestamp = np.concatenate([open_at + day * DAY + MINUTE * np.arange(390, dtype=np.int64) for day in range(days)])
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-4, len(timestamp))))
    open_ = np.append(100.0, close[:-1])
    count = len(timestamp)
    return Bars(
        (symbol,), np.zeros(count, np.int32), timestamp, open_, np.maximum(open_, close) * 1.0001,
        np.minimum(open_, close) * 0.9999, close, rng.integers(1, 1000, count).astype(float), np.ones(count, np.bool_),
    )  # fmt: skip


def test_a_horizon_that_leaves_the_session_is_not_forecast() -> None:
    bars = minutes("AAPL", 1)
    found = season(bars, MINUTE, np.zeros(TERMS), np.zeros(TERMS))
    for k, horizon in enumerate(HORIZONS):
        assert np.isnan(found[:, 2 + k]).tolist() == [False] * (390 - horizon) + [True] * horizon
    assert (found[:, :2] == 1.0).all()


def test_the_mean_factor_ahead_is_that_of_the_next_bars() -> None:
    bars, rng = minutes("AAPL", 1), np.random.default_rng(2)
    found = season(bars, MINUTE, rng.normal(size=TERMS), rng.normal(size=TERMS))
    for k, horizon in enumerate(HORIZONS):
        for i in (0, 100, 389 - horizon):
            assert found[i, 2 + k] == pytest.approx(found[i + 1 : i + 1 + horizon, 0].mean())
            assert found[i, 5 + k] == pytest.approx(found[i + 1 : i + 1 + horizon, 1].mean())


def test_a_market_that_does_not_close_has_no_time_of_day() -> None:
    bars = minutes("BTC-USD", 1)
    assert (session_times(bars) > 1e5).all()
    assert (season(bars, MINUTE, np.ones(TERMS), np.ones(TERMS)) == 1.0).all()


def test_daily_bars_have_no_time_of_day(learnable: Bars) -> None:
    assert (season(learnable, DAY, np.ones(TERMS), np.ones(TERMS)) == 1.0).all()
