"""GARCH(1,1) finds the parameters that `arch` finds, and knows nothing of what comes later."""

from __future__ import annotations

import numpy as np
import pytest
from tests.daily import daily_bars

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.times import DAY
from tapeline.forecast.range_baselines import bar_returns
from tapeline.research.garch import filtered, fitted, garch


def test_its_parameters_are_those_of_arch() -> None:
    from arch import arch_model  # takes seconds

    rng = np.random.default_rng(0)
    returns, variance = np.empty(2_000), 1.0
    for i in range(len(returns)):
        returns[i] = rng.normal() * np.sqrt(variance)
        variance = 0.05 + 0.1 * returns[i] ** 2 + 0.85 * variance
    level, part, persistence = fitted(returns)
    found = arch_model(returns, mean="Zero", rescale=False).fit(disp="off").params
    assert part == pytest.approx(found["alpha[1]"], rel=0.03)
    assert persistence == pytest.approx(found["alpha[1]"] + found["beta[1]"], rel=0.01)
    assert level * (1 - persistence) == pytest.approx(found["omega"], rel=0.1)


def test_no_variance_is_zero_or_below_after_a_shock() -> None:
    """A negative part fits this noise best, until a shock comes."""
    returns = np.random.default_rng(3).normal(size=400)
    assert filtered(np.full(3, 9.0), *fitted(returns)).min() > 0


def test_it_looks_back_only_and_comes_back_to_its_level() -> None:
    bars = sort_and_dedupe([daily_bars(symbols=2, count=300)])
    first = int(bars.timestamp[400])
    returns = bar_returns(bars, DAY)
    said = garch(bars, first, returns)
    later = bars.timestamp > first + 10 * DAY
    again = garch(bars, first, np.where(later, 0.5, returns))
    assert np.array_equal(said[~later], again[~later])
    level = np.median(said[:, 2])
    assert np.abs(np.log(said[:, 2] / level)).mean() <= np.abs(np.log(said[:, 0] / level)).mean()
