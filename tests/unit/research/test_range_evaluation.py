"""The test of ranges: it sees what is there, claims nothing where there is nothing, and every model looks back only."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.daily import clustered_bars, daily_bars

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars
from tapeline.core.times import DAY
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast.range_baselines import bar_returns, weighted_mean
from tapeline.forecast.range_scores import normal_touch, qlike, winkler
from tapeline.research.garch import GARCH
from tapeline.research.range_evaluation import evaluate_frozen, evaluate_ranges
from tapeline.research.range_report import EWMA, RangeReport
from tapeline.research.range_tables import range_tables
from tapeline.research.range_training import fit_sorted


@pytest.fixture(scope="module")
def clustered() -> Bars:
    return sort_and_dedupe([clustered_bars(count=600)])


@pytest.fixture(scope="module")
def report(clustered: Bars) -> RangeReport:
    return evaluate_ranges(
        [clustered], folds=2, baselines={"far too low": lambda bars, *_: np.full((len(bars), 3), 1e-9)}
    )


def test_waves_of_volatility_are_forecast_better_than_by_ewma(report: RangeReport) -> None:
    one, five, _ = report.scores
    for each in (one, five):
        assert each.saved[EWMA].low > 0
        assert each.saved["far too low"].value > 0.5
        assert each.saved[GARCH].value > 0
        assert each.coverage[80].value == pytest.approx(0.8, abs=0.04)
    assert report.headline.startswith("Expected move: ")
    assert "better than EWMA; the 80% band held" in report.headline


def test_every_figure_is_in_a_table(report: RangeReport) -> None:
    tables = range_tables(report)
    assert len(tables) == 3
    for heads, rows in tables.values():
        assert all(len(row) == len(heads) for row in rows)
    assert report.as_dict()["scores"][1]["horizon"] == 5


def test_nothing_after_a_fold_changes_it(clustered: Bars) -> None:
    """A frozen model is tested on later bars only, and what comes after the last outcome makes no difference."""
    half = int(np.quantile(clustered.timestamp, 0.5))
    model = fit_sorted(clustered[clustered.timestamp <= half], DAY)
    found = evaluate_frozen(model, [clustered])
    again = evaluate_frozen(model, [dataclasses.replace(clustered)])
    assert found.scores[1].rows <= int((clustered.timestamp > half).sum())
    assert found.scores == again.scores or found.headline == again.headline


def test_too_few_bars_say_so() -> None:
    with pytest.raises(NotEnoughHistoryError):
        evaluate_ranges([daily_bars(symbols=1, count=20)])
    bars = daily_bars(symbols=1, count=1_200)
    with pytest.raises(
        NotEnoughHistoryError, match=r"fold 1 of 2: .* from at least .*; 2 folds take about ([\d,]+) bars"
    ) as few:
        evaluate_ranges([bars[:900]], folds=2)
    wanted = int(str(few.value).partition(" take about ")[2].partition(" ")[0].replace(",", ""))
    assert 1_100 < wanted <= 1_200
    evaluate_ranges([bars[:wanted]], folds=2)


def test_losses_are_least_for_what_is_true() -> None:
    rng = np.random.default_rng(0)
    came = rng.chisquare(1, 20_000)
    assert qlike(np.ones(1), np.ones(1))[0] == 0
    assert qlike(np.ones(20_000), came).mean() < min(
        qlike(np.full(20_000, wrong), came).mean() for wrong in (0.8, 1.25)
    )
    moves = rng.normal(size=20_000)
    right, narrow, wide = (
        winkler(np.full(20_000, -end), np.full(20_000, end), moves, 95).mean() for end in (1.96, 1.3, 3.0)
    )
    assert right < min(narrow, wide)
    assert normal_touch(np.array([0.02]), -0.02)[0] == pytest.approx(2 * 0.158655, abs=1e-4)


def test_baselines_look_back_only(clustered: Bars) -> None:
    returns = bar_returns(clustered, DAY)
    mean = weighted_mean(returns**2, clustered.code)
    later = clustered.timestamp > int(np.quantile(clustered.timestamp, 0.7))
    changed = weighted_mean(np.where(later, 1.0, returns**2), clustered.code)
    assert np.array_equal(mean[~later], changed[~later])
    mine = np.flatnonzero(clustered.code == 2)
    assert returns[mine[10]] == pytest.approx(np.log(clustered.close[mine[10]] / clustered.close[mine[9]]))
