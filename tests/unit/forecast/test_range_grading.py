"""Bands are graded by the closes that came: decided, waiting and undecidable ones add up to all that were said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tapeline.core.market import Bars
from tapeline.core.times import DAY
from tapeline.forecast.range_grading import grade_bands
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.processor import Processor


@pytest.fixture(scope="module")
def bars(learnable: Bars) -> Bars:
    return learnable[learnable.code == 1]


def test_bands_of_a_walk_hold_what_they_say(bars: Bars, range_model: RangeModel) -> None:
    rows = Processor((), range_model=range_model).step(bars).rows
    found = grade_bands(rows, {range_model.version: range_model}, 5, DAY)
    said = int((rows.said_ranges[1] >= 0).sum())
    assert found.waiting == 5
    assert found.decided + found.waiting + found.undecidable == said
    assert found.undecidable == 0
    assert found.held[50] < found.held[80] < found.held[95] <= found.decided
    assert found.held[80] / found.decided == pytest.approx(0.8, abs=0.12)


def test_a_gap_makes_the_bands_before_it_undecidable(bars: Bars, range_model: RangeModel) -> None:
    later = np.arange(len(bars)) >= len(bars) - 20
    broken = dataclasses.replace(bars, timestamp=bars.timestamp + np.where(later, 60 * DAY, 0))
    rows = Processor((), range_model=range_model).step(broken).rows
    found = grade_bands(rows, {range_model.version: range_model}, 5, DAY)
    assert found.undecidable == 5
    assert found.waiting == 5


def test_without_forecasts_nothing_is_graded(bars: Bars) -> None:
    found = grade_bands(Processor(()).step(bars).rows, {}, 5, DAY)
    assert (found.decided, found.waiting, found.undecidable) == (0, 0, 0)
