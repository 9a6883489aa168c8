"""Daily bars to learn from, with the dataset and the model made of them once per test run."""

from __future__ import annotations

import numpy as np
import pytest
from tests.daily import daily_bars

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars
from tapeline.core.times import DAY
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.range_model import RangeModel
from tapeline.research.dataset import Dataset, build
from tapeline.research.range_training import fit_sorted
from tapeline.research.training import fit


@pytest.fixture(scope="session")
def learnable() -> Bars:
    return daily_bars(symbols=6, count=600, reversal=1.5)


@pytest.fixture(scope="session")
def data(learnable: Bars) -> Dataset:
    return build(sort_and_dedupe([learnable]))


@pytest.fixture(scope="session")
def model(learnable: Bars) -> LightGBMModel:
    return fit([learnable], until=int(np.quantile(learnable.timestamp, 0.6)))


@pytest.fixture(scope="session")
def range_model(learnable: Bars) -> RangeModel:
    history = sort_and_dedupe([learnable], int(np.quantile(learnable.timestamp, 0.6)))
    return fit_sorted(history, DAY)
