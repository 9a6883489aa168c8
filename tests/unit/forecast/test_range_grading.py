"""Ranges are graded by what came, beside EWMA: every row is decided, waiting or undecidable, and no grade changes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
from tests.daily import clustered_bars

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars
from tapeline.core.rows import Rows
from tapeline.core.times import DAY
from tapeline.forecast import price_bands, said_codes
from tapeline.forecast.horizons import horizon_columns
from tapeline.forecast.later_moves import bar_variances, later_moves
from tapeline.forecast.range_baselines import recent_mean
from tapeline.forecast.range_grading import LOOKBACK, RangeGrades, grade_ranges, merge_ranges, stop_moves
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_record import range_record, rank_histogram, rolling_coverage
from tapeline.forecast.range_state import RangeStates
from tapeline.research.range_training import fit_sorted
from tapeline.runtime.processor import Processor

Models = Mapping[str, RangeModel]


@pytest.fixture(scope="module")
def clustered() -> Bars:
    """Return bars whose volatility comes in waves."""
    return sort_and_dedupe([clustered_bars(count=600)])


@pytest.fixture(scope="module")
def models(clustered: Bars) -> Models:
    model = fit_sorted(clustered[clustered.timestamp <= int(np.quantile(clustered.timestamp, 0.4))], DAY)
    return {model.version: model}


@pytest.fixture(scope="module")
def rows(clustered: Bars, models: Models) -> list[Rows]:
    """Return the rows of each symbol."""
    (model,) = models.values()
    said = Processor((), range_model=model).step(clustered).rows
    return [said[np.flatnonzero(said.bars.code == code)] for code in range(len(clustered.symbols))]


@pytest.fixture(scope="module")
def graded(rows: list[Rows], models: Models) -> RangeGrades:
    found = merge_ranges([grade_ranges(each, models, 5, DAY) for each in rows], 5)
    assert found is not None
    return found


def test_every_row_is_counted_once(graded: RangeGrades, rows: list[Rows]) -> None:
    whole, *others = range_record(graded)
    assert whole.said == sum(int((each.said_ranges[1] >= 0).sum()) for each in rows)
    assert whole.decided + whole.waiting + whole.undecidable == whole.said
    assert (whole.waiting, whole.undecidable) == (5 * len(rows), 0)
    assert sum(each.decided for each in others if each.tercile) == whole.decided
    assert sum(each.said for each in others if each.symbol) == whole.said


def test_waves_are_forecast_better_than_by_ewma(graded: RangeGrades) -> None:
    whole = range_record(graded)[0]
    assert whole.qlike.low > 0
    assert whole.qlike_adjusted.low > 0
    for coverage, share in whole.coverage.items():
        assert share.value == pytest.approx(coverage / 100, abs=0.04)
        assert share.low < share.value < share.high
        assert whole.held[coverage] == round(share.value * whole.decided)
    assert whole.big_moves > 0
    assert math.isfinite(whole.winkler.low)
    assert whole.brier_score == pytest.approx(whole.ewma_brier * (1 - whole.brier.value))
    assert whole.touch_brier.low > 0
    assert whole.touch_brier_score == pytest.approx(whole.ewma_touch_brier * (1 - whole.touch_brier.value))
    assert whole.touched.low < whole.touch_odds < whole.touched.high
    assert set(whole.as_dict()["coverage"]) == {"50", "80", "95"}


def test_what_is_graded_is_what_was_shown(rows: list[Rows], models: Models) -> None:
    """Coverage is of the very prices of `horizons`, and the outcome is the close five bars later."""
    found = grade_ranges(rows[0], models, 5, DAY)
    shown, close = horizon_columns(rows[0], models), rows[0].bars.close
    at = np.searchsorted(rows[0].bars.timestamp, found.timestamp)
    for i in (0, 50, len(found) - 6):
        later = close[at[i] + 5]
        held = shown["low_80_5"][at[i]] <= later <= shown["high_80_5"][at[i]]
        assert bool(found.held[i, 1]) is bool(held)
        assert found.narrowest[i] == next((c for c, each in zip((50, 80, 95), found.held[i], strict=True) if each), 0)
    assert found.narrowest[-1] == -1


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_odds_of_a_stop_are_graded_by_the_bars_after_it(rows: list[Rows], models: Models, horizon: int) -> None:
    """The odds are those of `tapeline odds` at the bar; only bars after it decide, up to the horizon's last."""
    (model,) = models.values()
    found = grade_ranges(rows[0], models, horizon, DAY)
    bars = rows[0].bars
    sigmas = said_codes.decoded(rows[0].said_ranges[0])
    at = np.searchsorted(bars.timestamp, found.timestamp)
    away = stop_moves(found)
    for i in (0, 50, len(found) - horizon - 1):
        close, ahead = bars.close[at[i]], slice(at[i] + 1, at[i] + 1 + horizon)
        for move, said in ((-away[i], found.stop[i]), (away[i], found.target[i])):
            odds = price_bands.odds(model, horizon, close, tuple(sigmas[at[i], :3]), close * math.exp(move))
            assert said == pytest.approx(odds.touched, rel=1e-9)
        assert found.lowest[i] == min(0.0, np.log(bars.low[ahead].min() / close))
        assert found.highest[i] == max(0.0, np.log(bars.high[ahead].max() / close))
    assert np.isnan(found.lowest[-horizon:]).all()


def test_a_grade_does_not_depend_on_which_rows_are_read(rows: list[Rows], models: Models) -> None:
    whole = grade_ranges(rows[1], models, 5, DAY)
    part = grade_ranges(rows[1][-(LOOKBACK + 100) :], models, 5, DAY)[-100:]
    for name in (
        "timestamp",
        "ewma",
        "came",
        "move",
        "rank",
        "variance",
        "held",
        "stop",
        "target",
        "lowest",
        "highest",
    ):
        assert np.array_equal(getattr(whole[-100:], name), getattr(part, name), equal_nan=True), name


def test_a_correction_changes_no_grade(rows: list[Rows], models: Models) -> None:
    before = grade_ranges(rows[0], models, 1, DAY)
    bars = rows[0].bars
    known = np.stack((bars.open, bars.high, bars.low, bars.close, bars.volume), axis=1)
    revised = dataclasses.replace(
        rows[0], known=known, bars=dataclasses.replace(bars, close=bars.close * 1.1, high=bars.high * 1.2)
    )
    after = grade_ranges(revised, models, 1, DAY)
    for name in ("came", "move", "held", "ewma", "low", "lowest", "highest", "stop"):
        assert np.array_equal(getattr(before, name), getattr(after, name), equal_nan=True), name


def test_a_gap_makes_what_lies_before_it_undecidable(rows: list[Rows], models: Models) -> None:
    later = np.arange(len(rows[0])) >= len(rows[0]) - 20
    bars = rows[0].bars
    broken = dataclasses.replace(
        rows[0], bars=dataclasses.replace(bars, timestamp=bars.timestamp + np.where(later, 60 * DAY, 0))
    )
    whole = range_record(grade_ranges(broken, models, 5, DAY))[0]
    assert (whole.waiting, whole.undecidable) == (5, 5)


def test_nothing_waits_for_bars_that_would_be_here(rows: list[Rows], models: Models) -> None:
    last = int(rows[0].bars.timestamp[-1])
    still = range_record(grade_ranges(rows[0], models, 5, DAY, last + DAY))[0]
    over = range_record(grade_ranges(rows[0], models, 5, DAY, last + 400 * DAY))[0]
    assert (still.waiting, still.undecidable) == (5, 0)
    assert (over.waiting, over.undecidable) == (0, 5)


def test_ranks_of_a_right_forecast_are_even_and_coverage_follows_time(graded: RangeGrades) -> None:
    counts = rank_histogram(graded)
    assert sum(counts) == int(graded.known.sum())
    assert max(counts) < 1.6 * min(counts)
    found = rolling_coverage(graded, 200)
    assert len(found.timestamp) == sum(counts) - 199
    assert found.coverage[80][0] == pytest.approx(graded[graded.known].held[:200, 1].mean())
    assert found.coverage[80][-1] == pytest.approx(graded[graded.known].held[-200:, 1].mean())


def test_without_forecasts_nothing_is_graded(rows: list[Rows], clustered: Bars, models: Models) -> None:
    assert len(grade_ranges(Processor(()).step(clustered[:80]).rows, models, 5, DAY)) == 0
    assert len(grade_ranges(rows[0], {}, 5, DAY)) == 0
    assert merge_ranges([grade_ranges(rows[0], {}, 5, DAY)], 5) is None


def test_a_bars_variance_is_that_of_the_range_forecast(clustered: Bars, models: Models) -> None:
    (model,) = models.values()
    bars = clustered[clustered.code == 0]
    own, said = bar_variances(bars, DAY), RangeStates().update(bars, model)[:, -1]  # which has a floor
    assert own == pytest.approx(np.where(own < 1e-5, own, said), rel=1e-12)
    later = later_moves(bars, 5, DAY)
    assert later.variance[10] == pytest.approx(bar_variances(bars, DAY)[11:16].mean())
    assert later.move[10] == pytest.approx(np.log(bars.close[15] / bars.close[10]))


def test_a_recent_mean_forgets(clustered: Bars) -> None:
    values = np.arange(1.0, 400.0)
    mean = recent_mean(values)
    weights = 0.94 ** np.arange(3)
    assert mean[2] == pytest.approx((weights * [3.0, 2.0, 1.0]).sum() / weights.sum())
    assert np.array_equal(recent_mean(values[100:])[200:], mean[300:])
