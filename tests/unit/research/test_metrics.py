from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss, roc_auc_score

from tapeline.forecast.estimates import blocks, calibration, confidence_interval, draws, hit_rate_by_confidence
from tapeline.research.metrics import PairedMetrics, auc


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
    timestamp, p, up, move = sample
    neutral = np.full(len(p), 0.47)
    got = PairedMetrics(timestamp, up, move, neutral, 5, 10).measure("m", p)
    assert got["auc"].value == pytest.approx(roc_auc_score(up, p), rel=1e-12)
    assert got["log_loss"].value == pytest.approx(log_loss(up, p), rel=1e-12)
    assert got["brier"].value == pytest.approx(brier_score_loss(up, p), rel=1e-12)
    assert got["balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(up, p > 0.47), rel=1e-12)
    assert got["brier_skill"].value == pytest.approx(1 - ((p - up) ** 2).mean() / ((0.47 - up) ** 2).mean(), rel=1e-12)
    ics = [spearmanr(p[timestamp == t], move[timestamp == t])[0] for t in np.unique(timestamp)]
    assert got["rank_ic"].value == pytest.approx(np.mean(ics), rel=1e-9)


def test_weighted_auc_equals_repeating_rows(sample):
    _, p, up, _ = sample
    weight = np.random.default_rng(1).integers(0, 4, len(p))
    repeated = np.repeat(np.arange(len(p)), weight)
    assert auc(p, up, weight.astype(float)) == pytest.approx(roc_auc_score(up[repeated], p[repeated]), rel=1e-12)
    assert math.isnan(auc(p, np.ones(len(p), bool)))
    assert math.isnan(auc(p[:0], up[:0]))


def test_a_constant_knows_nothing_and_fold_shares_are_not_counted_as_skill(sample):
    timestamp, _, up, move = sample
    shares = np.where(np.arange(len(up)) < 1500, 0.4, 0.6)  # what two folds knew beforehand
    got = PairedMetrics(timestamp, up, move, shares, 5, 50).measure("majority", shares)
    assert (got["auc"].value, got["auc"].low, got["auc"].high) == (0.5, 0.5, 0.5)
    assert got["brier_skill"].value == 0
    assert got["balanced_accuracy"].value == 0.5
    assert got["rank_ic"].value == 0


def test_a_single_symbol_has_a_rank_ic_too(sample):
    _, p, up, move = sample
    time = np.arange(len(p), dtype=np.int64)
    assert PairedMetrics(time, up, move, np.full(len(p), 0.5), 5, 20).measure("m", p)["rank_ic"].value > 0.05


def test_confidence_intervals_cover_the_truth():
    """Cover the truth about 95% of the time, also when neighbours in time are alike: the reason for blocks."""
    rng = np.random.default_rng(0)
    covered = 0
    trials = 120
    for trial in range(trials):
        days, symbols, horizon = 300, 5, 5
        common = np.repeat(rng.normal(size=days // horizon), horizon)[:, None]  # one outcome for five days
        up = (common + 0.5 * rng.normal(size=(days, symbols)) > 0).ravel()
        timestamp = np.repeat(np.arange(days, dtype=np.int64), symbols)
        p = np.repeat(rng.random(days // horizon), horizon * symbols)  # and one opinion, which knows nothing
        paired = PairedMetrics(timestamp, up, np.zeros(len(up)), np.full(len(up), 0.5), horizon, 200, seed=trial)
        measured = paired.measure("m", p)["auc"]
        covered += measured.low <= 0.5 <= measured.high
    assert covered / trials > 0.85  # bootstrap intervals of few blocks are a little short; of single rows it is 0.4


def test_differences_are_measured_in_pairs(sample):
    timestamp, p, up, move = sample
    paired = PairedMetrics(timestamp, up, move, np.full(len(p), 0.5), 5, 200)
    paired.measure("model", p)
    paired.measure("same", p.copy())
    paired.measure("coin", np.full(len(p), 0.5))
    nothing = paired.difference("log_loss", "model", "same")
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    gain = paired.difference("log_loss", "model", "coin")
    assert gain.low < gain.value < gain.high
    assert gain.value == pytest.approx(log_loss(up, np.full(len(p), 0.5)) - log_loss(up, p))
    assert paired.difference("auc", "model", "coin").value > 0


def test_blocks_keep_all_symbols_of_a_time_together_and_are_longer_than_the_horizon():
    timestamp = np.repeat(np.arange(1000, dtype=np.int64), 3)
    block = blocks(timestamp, 5)
    assert (block.reshape(-1, 3) == block[::3, None]).all()
    assert np.bincount(block)[:-1].tolist() == [60] * (len(np.bincount(block)) - 1)
    assert blocks(timestamp[:60], 5).max() == 19  # few times: shorter blocks, but twenty
    assert draws(timestamp[:0], 5, 10, 0)[1].shape == (10, 0)
    _, drawn = draws(timestamp, 5, 10, 0)
    assert (drawn.sum(axis=1) == drawn.shape[1]).all()


def test_a_confidence_interval_of_mostly_unknown_values_is_unknown():
    assert all(math.isnan(x) for x in confidence_interval(np.array([np.nan, np.nan, 1.0])))
    assert confidence_interval(np.arange(1001.0)) == (25.0, 975.0)


def test_bins_hold_equally_many_rows_in_order(sample):
    _, p, up, _ = sample
    bins = calibration(p, up, 7)
    assert sum(b.count for b in bins) == len(p)
    assert max(b.count for b in bins) - min(b.count for b in bins) <= 1
    assert [b.mean for b in bins] == sorted(b.mean for b in bins)
    assert sum(b.share * b.count for b in bins) == pytest.approx(up.sum())
    sure = hit_rate_by_confidence(np.array([0.9, 0.1, 0.6, 0.45]), np.array([True, False, False, True]), 2)
    assert [(b.share, b.count) for b in sure] == [(0.0, 2), (1.0, 2)]
    assert calibration(p[:3], up[:3], 10)[-1].count == 1
