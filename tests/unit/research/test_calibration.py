from __future__ import annotations

import numpy as np
import pytest

from tapeline.research.calibration import platt_slope


def test_platt_scaling_finds_the_true_slope_and_never_reverses_a_ranking():
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 0.5, 200_000)
    block = np.arange(len(raw)) // 100
    up = rng.random(len(raw)) < 1 / (1 + np.exp(-(0.6 * raw + 0.2)))
    assert platt_slope(raw, up, block) == pytest.approx(0.6, abs=0.03)
    assert platt_slope(raw, rng.random(len(raw)) < 1 / (1 + np.exp(raw)), block) == 0.1
    assert platt_slope(np.zeros(100), up[:100], block[:100]) == 0
    noise, luck = rng.normal(size=300), rng.random(300) < 0.5
    assert platt_slope(noise, luck, np.arange(300) // 10) < 0.2
