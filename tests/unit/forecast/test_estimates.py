from __future__ import annotations

import math

import numpy as np
import pytest

from tapeline.forecast.estimates import blocks, calibration, confidence_interval, draws, hit_rate_by_confidence


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    n, symbols = 3000, 10
    timestamp = np.repeat(np.arange(n // symbols, dtype=np.int64) * 60_000, symbols)
    p = np.round(np.clip(rng.normal(0.5, 0.1, n), 0.05, 0.95), 2)  # rounded: ties
    up = rng.random(n) < 0.5 + 0.5 * (p - 0.5)
    move = np.where(up, 1, -1) * rng.exponential(0.01, n)
    return timestamp, p, up, move


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
