from __future__ import annotations

import math

import numpy as np
import pytest
from tests.no_skill import TRUTHS, coverage

from tapeline.forecast.estimates import Estimate, Sampling, blocks, calibration, hit_rate_by_confidence, ratio_influence


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


def test_an_interval_says_how_far_a_mean_of_independent_values_may_be_off():
    """With one value a time and nothing alike, it is the textbook's within what few coefficients may differ."""
    values = np.random.default_rng(0).normal(3, 2, 1000)
    found = Sampling(np.arange(1000), 1).mean(values)
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(2.18 * 2 / 1000**0.5, rel=0.5)


def test_rows_of_one_time_count_once_however_many_they_are():
    values = np.random.default_rng(0).normal(size=200)
    one = Sampling(np.arange(200), 5).mean(values)
    many = Sampling(np.repeat(np.arange(200), 30), 5).mean(np.repeat(values, 30))
    assert (many.low, many.high) == pytest.approx((one.low, one.high))


def test_a_ratio_has_the_interval_of_its_linear_form():
    rng = np.random.default_rng(0)
    over, under = rng.normal(2, 1, 500), rng.uniform(1, 2, 500)
    value, influence = ratio_influence(over, under)
    assert value == pytest.approx(over.sum() / under.sum())
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    step = 1e-6
    nudged = ratio_influence(over * (1 + step * (np.arange(500) == 7)), under)[0]
    assert (nudged - value) / step == pytest.approx(over[7] / under.sum(), rel=1e-4)
    with_nothing = Sampling(np.arange(500), 5).ratio(over, np.zeros(500))
    assert math.isnan(with_nothing.value)
    assert not with_nothing.has_interval


def test_what_is_all_alike_has_no_interval_instead_of_one_without_width():
    constant = Sampling(np.arange(100), 5).mean(np.full(100, 0.1))
    assert constant.value == pytest.approx(0.1)
    assert not constant.has_interval
    assert str(constant) == "0.1000"
    assert str(Estimate(0.5, 0.4, 0.6)) == "0.5000 [0.4000, 0.6000]"


def test_too_few_times_have_no_interval():
    assert not Sampling(np.arange(9), 1).mean(np.arange(9.0)).has_interval
    assert not Sampling(np.arange(39), 20).mean(np.arange(39.0)).has_interval
    assert Sampling(np.arange(40), 20).mean(np.arange(40.0) ** 2).has_interval
    assert not Sampling(np.arange(0), 1).mean(np.zeros(0)).has_interval


def test_a_share_of_all_or_none_is_not_certain():
    sampling, every = Sampling(np.arange(100), 5), np.ones(100)
    all_hit, none = sampling.proportion(every, every), sampling.proportion(0 * every, every)
    assert all_hit.value == all_hit.high == 1.0
    assert 0.6 < all_hit.low < 0.9
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - all_hit.low)
    half = sampling.proportion(np.arange(100) % 2, every)
    assert 0 < half.low < 0.5 < half.high < 1


def test_a_few_misses_in_a_row_do_not_make_a_share_surer_than_none():
    """Three of 500 rows that overlap over 20 are less than one outcome: a band of 95% may well have been right."""
    missed = np.arange(500) // 3 == 80
    found = Sampling(np.arange(500), 20).proportion(~missed, np.ones(500))
    assert found.low < 0.95 < found.value == 0.994
    often = np.arange(500) % 2 == 0  # of what is not rare, the coefficients tell enough
    error = Sampling(np.arange(500), 1).mean(often).high - 0.5
    assert Sampling(np.arange(500), 1).proportion(often, np.ones(500)).high - 0.5 == pytest.approx(error, rel=0.2)


@pytest.mark.parametrize(("times", "horizon", "symbols"), [(60, 5, 1), (500, 20, 1), (250, 5, 5)])
def test_intervals_hold_the_truth_of_no_skill_nineteen_times_in_twenty(times, horizon, symbols):
    """Hold it 93 to 97% of the time (`python -m tests.no_skill`), here within what 150 samples may differ by chance."""
    held, _ = coverage(150, times, horizon, symbols)
    assert held.keys() == TRUTHS.keys()
    for name, share in held.items():
        assert 0.89 <= share <= 1.0, name


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
