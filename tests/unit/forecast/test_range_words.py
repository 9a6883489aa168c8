"""The verdict on ranges claims no more than its interval shows."""

from __future__ import annotations

import math

import pytest

from tapeline.forecast.estimates import Estimate
from tapeline.forecast.range_words import verdict


@pytest.mark.parametrize(
    ("gain", "says"),
    [
        (Estimate(0.2, 0.1, 0.3), "20.0% [10.0, 30.0] better than EWMA"),
        (Estimate(-0.2, -0.3, -0.1), "20.0% [10.0, 30.0] WORSE than EWMA"),
        (Estimate(0.2, -0.1, 0.5), "not shown to be better than EWMA (20.0% [-10.0, 50.0])"),
        (Estimate(-0.2, -0.5, 0.1), "not shown to be better than EWMA (-20.0% [-50.0, 10.0])"),
        (Estimate(0.2, math.nan, math.nan), "not shown to be better than EWMA (20.0%)"),
    ],
)
def test_better_and_worse_are_said_only_where_the_interval_says_so(gain: Estimate, says: str) -> None:
    assert verdict(gain, Estimate(0.8, 0.75, 0.85)) == f"Expected move: {says}; the 80% band held 80.0% [75.0, 85.0]."
