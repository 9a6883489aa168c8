"""Hold measures against those of scikit-learn and SciPy, which take seconds to import: in the tests that need them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tapeline.research.metrics import PairedMetrics, auc, auc_influence


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    n, symbols = 3000, 10
    timestamp = np.repeat(np.arange(n // symbols, dtype=np.int64) * 60_000, symbols)
    p = np.round(np.clip(rng.normal(0.5, 0.1, n), 0.05, 0.95), 2)  # rounded: ties
    up = rng.random(n) < 0.5 + 0.5 * (p - 0.5)
    move = np.where(up, 1, -1) * rng.exponential(0.01, n)
    return timestamp, p, up, move


def test_point_values_equal_scikit_learns(sample):
    from scipy.stats import spearmanr
    from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss, roc_auc_score

    timestamp, p, up, move = sample
    neutral = np.full(len(p), 0.47)
    got = PairedMetrics(timestamp, up, move, neutral, 5).measure("m", p)
    assert got["auc"].value == pytest.approx(roc_auc_score(up, p), rel=1e-12)
    assert got["log_loss"].value == pytest.approx(log_loss(up, p), rel=1e-12)
    assert got["brier"].value == pytest.approx(brier_score_loss(up, p), rel=1e-12)
    assert got["balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(up, p > 0.47), rel=1e-12)
    assert got["brier_skill"].value == pytest.approx(1 - ((p - up) ** 2).mean() / ((0.47 - up) ** 2).mean(), rel=1e-12)
    ics = [spearmanr(p[timestamp == t], move[timestamp == t])[0] for t in np.unique(timestamp)]
    assert got["rank_ic"].value == pytest.approx(np.mean(ics), rel=1e-9)


def test_the_influence_of_a_row_on_the_auc_is_what_leaving_it_out_changes(sample):
    from sklearn.metrics import roc_auc_score

    _, p, up, _ = sample
    value, influence = auc_influence(p, up)
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    for i in (0, 1, 500, 2999):
        without = np.arange(len(p)) != i
        change = value - roc_auc_score(up[without], p[without])
        assert influence[i] / (len(p) - 1) == pytest.approx(change, abs=2 / len(p) ** 2)


def test_an_auc_needs_rows_of_both_kinds(sample):
    _, p, up, _ = sample
    assert math.isnan(auc(p, np.ones(len(p), bool)))
    assert math.isnan(auc(p[:0], up[:0]))


def test_a_constant_knows_nothing_and_fold_shares_are_not_counted_as_skill(sample):
    timestamp, _, up, move = sample
    shares = np.where(np.arange(len(up)) < 1500, 0.4, 0.6)  # what two folds knew beforehand
    got = PairedMetrics(timestamp, up, move, shares, 5).measure("majority", shares)
    assert got["auc"].value == 0.5
    assert not got["auc"].has_interval, "of what cannot be otherwise"
    assert got["brier_skill"].value == 0
    assert got["balanced_accuracy"].value == 0.5
    assert got["rank_ic"].value == 0


def test_a_single_symbol_has_a_rank_ic_too(sample):
    _, p, up, move = sample
    time = np.arange(len(p), dtype=np.int64)
    assert PairedMetrics(time, up, move, np.full(len(p), 0.5), 5).measure("m", p)["rank_ic"].value > 0.05


def test_differences_are_measured_in_pairs(sample):
    from sklearn.metrics import log_loss

    timestamp, p, up, move = sample
    paired = PairedMetrics(timestamp, up, move, np.full(len(p), 0.5), 5)
    paired.measure("model", p)
    paired.measure("same", p.copy())
    paired.measure("coin", np.full(len(p), 0.5))
    nothing = paired.difference("log_loss", "model", "same")
    assert nothing.value == 0
    assert not nothing.has_interval
    gain = paired.difference("log_loss", "model", "coin")
    assert gain.low < gain.value < gain.high
    assert gain.value == pytest.approx(log_loss(up, np.full(len(p), 0.5)) - log_loss(up, p))
    assert paired.difference("auc", "model", "coin").value > 0
