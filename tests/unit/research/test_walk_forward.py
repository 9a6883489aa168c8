from __future__ import annotations

import numpy as np
import pytest

from tapeline.core.bars import sort_and_dedupe
from tapeline.research.dataset import build
from tapeline.research.walk_forward import walk_forward


@pytest.fixture(scope="module")
def whole(learnable):
    return build(sort_and_dedupe([learnable]), only_decided=False)


@pytest.mark.parametrize("folds", [1, 3, 7])
def test_folds_look_back_only_and_tests_do_not_overlap(whole, folds):
    cut = list(walk_forward(whole, folds))
    assert len(cut) == folds
    tested = np.zeros(len(whole.index), int)
    for fold in cut:
        assert whole.end[fold.train].max() < fold.start
        assert whole.timestamp[fold.test].min() == fold.start
        assert whole.timestamp[fold.test].max() == fold.end
        assert np.isin(whole.direction[fold.train], (1, 2)).all()
        tested += fold.test
    assert tested.max() == 1
    assert tested[whole.timestamp >= cut[0].start].all()
    sizes = [int(fold.test.sum()) for fold in cut]
    assert max(sizes) < 1.1 * min(sizes)


def test_the_embargo_keeps_a_distance_beyond_the_purge(whole):
    times = np.unique(whole.timestamp)
    for embargo in (0, 5, 40):
        for fold in walk_forward(whole, 3, embargo):
            start = np.searchsorted(times, fold.start)
            last = np.searchsorted(times, whole.end[fold.train].max())
            assert last == start - embargo - 1


def test_no_rows_make_no_folds_and_no_folds_are_an_error():
    empty = build(sort_and_dedupe([]))
    assert list(walk_forward(empty)) == []
    with pytest.raises(ValueError, match="at least 1 fold"):
        list(walk_forward(empty, 0))
