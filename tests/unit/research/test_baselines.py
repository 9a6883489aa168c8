from __future__ import annotations

import numpy as np
import pytest

from tapeline.core.bars import sort_and_dedupe
from tapeline.research.baselines import RAW_FEATURES, RAW_NAMES, majority, previous_move, random_forest
from tapeline.research.dataset import build
from tapeline.research.walk_forward import walk_forward


@pytest.fixture(scope="module")
def whole(learnable):
    return build(sort_and_dedupe([learnable]), only_decided=False)


def test_baselines_know_the_training_rows_only(whole):
    fold = list(walk_forward(whole, 3))[1]
    up = whole.direction == 1
    share = up[fold.train].mean()
    assert set(majority(whole, fold.train, fold.test)) == {share}
    got = previous_move(whole, fold.train, fold.test)
    bars, places = whole.bars, whole.index
    step = len(bars.symbols) * whole.horizon
    rose = bars.close[places] > bars.close[places - step]
    for side in (True, False):
        want = up[fold.train & (rose == side)].mean()
        assert got[rose[fold.test] == side] == pytest.approx(want)


def test_the_forest_sees_the_raw_columns(whole):
    raw = build(whole.bars, features=RAW_FEATURES, only_decided=False)
    assert raw.features.names == RAW_NAMES
    np.testing.assert_array_equal(raw.X[:, 0], raw.bars.close[raw.index])
    np.testing.assert_array_equal(raw.X[:, 1], raw.bars.volume[raw.index])
    code = raw.bars.code[raw.index[-1]]
    own = raw.bars.close[raw.bars.code == code]
    np.testing.assert_allclose(raw.X[-1, 2:5], [own[-n:].mean() for n in (20, 50, 200)], rtol=1e-9)
    fold = next(walk_forward(whole, 1))
    p = random_forest(whole, raw, fold.train, fold.test)
    assert p.shape == (fold.test.sum(),)
    assert ((p >= 0) & (p <= 1)).all()
    assert len(set(p)) > 20


def test_the_forest_says_the_base_rate_where_its_columns_are_not_warm(whole):
    raw = build(whole.bars, features=RAW_FEATURES, only_decided=False)
    fold = next(walk_forward(whole, 1))
    late = raw.select(raw.timestamp > np.quantile(raw.timestamp, 0.7))
    p = random_forest(whole, late, fold.train, fold.test)
    early = whole.timestamp[fold.test] < late.timestamp[0]
    assert 0 < early.sum() < len(early)
    assert set(p[early]) == {(whole.direction[fold.train] == 1).mean()}
