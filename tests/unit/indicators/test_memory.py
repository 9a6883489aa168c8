"""Test that every catalogue entry says how it forgets: disturb one early bar, then look which later values changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import random_bars

from tapeline.core.market import Bars, Floats
from tapeline.indicators import CATALOGUE, Engine, parse
from tapeline.indicators.entry import Indicator
from tapeline.indicators.kernels.interface import REBASE

COUNT, SEEDS = 3000, 6
SESSION_BARS = 20


def values(bars: Bars, name: str) -> Floats:
    return Engine([name]).update(bars, session=np.arange(COUNT) // SESSION_BARS)


def disturbed(bars: Bars, index: int) -> Bars:
    """Return the bars with one that is half as high again, closes on its other side, and trades three times as much."""
    changed = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")}
    changed["open"][index], changed["close"][index] = bars.close[index] * 1.3, bars.open[index] * 1.2
    changed["high"][index] *= 1.5
    changed["volume"][index] = 3 * bars.volume[index] + 1000
    return replace(bars, **changed)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_an_indicator_forgets_an_early_bar_as_its_entry_says(entry: Indicator) -> None:
    early = REBASE - max(parse(entry.name).warm_up) - 2  # its last window ends before the sums are re-based
    changed = np.zeros((COUNT, len(entry.outputs)), np.bool_)
    for seed in range(SEEDS):
        bars = random_bars(1, COUNT, seed)
        before = values(bars, entry.name)
        changed |= (values(disturbed(bars, early), entry.name) != before) & ~np.isnan(before)
    assert not changed[:early].any()
    assert changed[early:].any() or entry.group == "pattern"  # no pattern is that common
    soon, next_sessions, end = changed[REBASE:], changed[REBASE + 2 * SESSION_BARS :], changed[-SESSION_BARS:]
    found = "endless" if end.any() else "decaying" if next_sessions.any() else "session" if soon.any() else "window"
    assert found == entry.memory
