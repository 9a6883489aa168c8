from __future__ import annotations

import dataclasses

import numpy as np

from tapeline.core.bars import sort_and_dedupe
from tapeline.research.dataset import build
from tapeline.research.search import search


def test_the_search_sees_the_training_rows_only_and_is_reproducible(learnable):
    data = build(sort_and_dedupe([learnable]))
    rows = data.end < np.quantile(data.timestamp, 0.5)
    chosen = search(data, rows, 3, seed=1)
    assert set(chosen) == {"num_leaves", "learning_rate", "min_data_in_leaf", "feature_fraction", "lambda_l2"}
    noise = data.X.copy()
    noise[~rows] = np.random.default_rng(0).normal(size=noise[~rows].shape)
    assert search(dataclasses.replace(data, X=noise), rows, 3, seed=1) == chosen
