from __future__ import annotations

import dataclasses
import json
import re
import sys

import numpy as np
import pytest
from tests.daily import daily_bars
from tests.planted import next_close, planted

from tapeline.core.market import Bars
from tapeline.errors import MissingLibraryError, NotEnoughHistoryError
from tapeline.forecast.estimates import Estimate
from tapeline.research.evaluation import FOREST, evaluate
from tapeline.research.evaluation_report import MODEL, Report, headline_of
from tapeline.research.report import html, markdown, summary


@pytest.fixture(scope="module")
def good(learnable) -> Report:
    return evaluate([learnable], folds=2)


@pytest.fixture(scope="module")
def useless() -> Report:
    return evaluate([daily_bars(symbols=6, count=600, seed=3)], folds=3, forest=False, trade=False)


def test_what_can_be_predicted_is_found_better_than_every_baseline(good):
    assert good.better
    assert good.headline.startswith("Direction: BETTER than every baseline (AUC 0.")
    assert set(good.metrics) == {MODEL, "majority", "previous move", FOREST}
    assert good.metrics[MODEL]["auc"].low > 0.55
    assert all(gain["log_loss"].low > 0 for gain in good.gains.values())
    assert good.hit_rate > good.hit_rate_of_majority
    assert good.tested == sum(fold.test_rows for fold in good.folds) > 1000
    assert good.trading.model.sharpe.value > good.trading.hold.sharpe.value
    assert good.findings == ()


def test_a_random_walk_is_not_found_better_and_the_first_line_says_so(useless):
    assert not useless.better
    assert useless.headline.startswith("Direction: no skill (AUC 0.5")
    assert useless.headline.endswith("none is given.")
    auc = useless.metrics[MODEL]["auc"]
    assert auc.low <= 0.5 <= auc.high
    assert markdown(useless).startswith("**Direction: no skill")
    assert useless.trading is None
    first = re.search(r"<h1>.*?</h1>\s*<p[^>]*>([^<]*)", html(useless)).group(1)
    assert first.startswith("Direction: no skill")


def test_the_future_changes_no_prediction_before_it(learnable, monkeypatch):
    """Change the bars after the first test fold: its out-of-sample probabilities stay the same."""
    import tapeline.research.evaluation as module

    seen = {}
    real = module._test

    def spying(data, *rest):
        seen[len(seen)] = data, (done := real(data, *rest))
        return done

    monkeypatch.setattr(module, "_test", spying)
    cut = int(np.quantile(learnable.timestamp, 0.7))
    later = learnable.timestamp > cut
    factor = np.where(later, np.exp(np.random.default_rng(0).normal(0, 0.2, len(learnable))), 1)
    changed = dataclasses.replace(
        learnable, **{n: getattr(learnable, n) * factor for n in ("open", "high", "low", "close")}
    )
    for bars in (learnable, changed):
        evaluate([bars], folds=3, forest=False, trade=False)
    (one, first), (other, second) = seen.values()
    known = one.timestamp[one.timestamp <= cut]
    count = len(known)
    assert (other.timestamp[:count] == known).all()
    # folds are cut by rows, and all rows are warm in both, so the first two folds are the same
    compared = ~np.isnan(first.model[:count])
    assert compared.sum() > 500
    np.testing.assert_array_equal(first.model[:count][compared], second.model[:count][compared])


def test_features_that_look_ahead_are_not_to_be_trusted(learnable):
    report = evaluate(
        [learnable],
        folds=2,
        forest=False,
        trade=False,
        leaks=True,
        features=planted(next_close, "peeking"),
    )
    assert not report.better
    assert report.headline.startswith("NOT TO BE TRUSTED")
    assert "peeking" in next(f.detail for f in report.findings if not f.passed)


def test_the_same_bars_give_the_same_report(useless):
    again = evaluate([daily_bars(symbols=6, count=600, seed=3)], folds=3, forest=False, trade=False)
    assert again.as_dict() == useless.as_dict()


def test_the_first_line_says_worse_where_the_interval_lies_below_the_base_rate(useless):
    metrics, gains = dict(useless.metrics), {name: dict(gain) for name, gain in useless.gains.items()}
    gains["majority"]["log_loss"] = Estimate(-0.0065, -0.0111, -0.0027)
    metrics[MODEL] = metrics[MODEL] | {"auc": Estimate(0.504, 0.487, 0.523)}
    assert headline_of(metrics, gains, False, False) == (
        "Direction: WORSE than the base rate (log-loss gain -0.0065 [-0.0111, -0.0027], AUC 0.504 [0.487, 0.523]), "
        "none is given."
    )


def test_what_the_range_model_is_worth_comes_first():
    said = "Expected move: 26.6% [18.2, 33.9] better than EWMA."
    report = evaluate([daily_bars(symbols=4, count=300)], folds=1, forest=False, trade=False, expected_move=said)
    assert report.headline.startswith(f"{said} Direction: ")


def test_with_or_without_the_forest_the_model_is_trained_and_tested_on_the_same_rows(good, learnable):
    """The forest's 200-bar average warms up later: that is its own affair."""
    without = evaluate([learnable], folds=2, forest=False, trade=False)
    assert without.folds == good.folds
    assert without.tested == good.tested
    assert without.metrics[MODEL] == good.metrics[MODEL]


def test_five_years_of_one_share_are_enough():
    report = evaluate([daily_bars(symbols=1, count=1300, seed=1)], forest=False, trade=False)
    assert len(report.folds) == 5
    assert report.folds[0].train_rows >= 500
    assert report.tested > 200
    assert report.metrics[MODEL]["auc"].has_interval


def test_the_extra_train_alone_evaluates_and_says_what_it_left_out(monkeypatch):
    for package in ("sklearn", "bt", "optuna", "matplotlib"):
        monkeypatch.setitem(sys.modules, package, None)
    report = evaluate([daily_bars(symbols=4, count=300)], folds=1)
    assert report.left_out == ("the random-forest baseline needs scikit-learn", "the backtest needs bt")
    assert FOREST not in report.metrics
    assert report.trading is None
    assert "Left out: the random-forest baseline needs scikit-learn; the backtest" in summary(report)[-1]


def test_the_best_candidate_is_tested_for_having_been_chosen(good, useless):
    assert good.superior_ability.p < 0.01
    assert (good.superior_ability.best, good.superior_ability.candidates) == (MODEL, 3)
    assert useless.superior_ability.p > 0.05
    assert "Hansen" in markdown(useless)


def test_the_report_is_json_and_one_html_file_without_another_host(good):
    text = json.dumps(good.as_dict(), allow_nan=False)
    assert json.loads(text)["headline"] == good.headline
    page = html(good)
    assert page.count("<svg") == 4
    assert not re.search(r"""(src|href)\s*=\s*["'](?!\#)|url\((?!\#)|@import|<script""", page)
    assert "default-src 'none'" in page
    for name in good.metrics:
        assert f"<td>{name}</td>" in page
    assert html(good) == page


def test_symbols_in_the_report_are_escaped(useless):
    page = html(dataclasses.replace(useless, symbols=("<b>X",), headline="a <script> & b"))
    assert "<script" not in page
    assert "&lt;b&gt;X" in page


def test_a_failed_audit_is_shown_as_failed(useless):
    from tapeline.research.trained_guards import Finding

    page = html(dataclasses.replace(useless, findings=(Finding("purge", False, "two labels"),)))
    assert '<td class="bad">FAILED</td>' in page


def test_too_little_history_names_the_fold():
    with pytest.raises(NotEnoughHistoryError, match="fold 1 of 5"):
        evaluate([daily_bars(symbols=2, count=300)], trade=False, forest=False)
    with pytest.raises(NotEnoughHistoryError, match="give more history"):
        evaluate([Bars.of([])], trade=False, forest=False)


@pytest.mark.parametrize(
    ("package", "options"),
    [("sklearn.ensemble", {"forest": True}), ("bt", {"forest": False, "trade": True}), ("optuna", {"trials": 1})],
)
def test_a_missing_library_is_named_with_its_extra(learnable, monkeypatch, package, options):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'tapeline\[research\]'"):
        evaluate([learnable], folds=1, **options)
