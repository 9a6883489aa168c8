"""Features that look ahead on purpose, to prove that the leak guards catch them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tapeline.core.market import Bars, Floats
from tapeline.forecast.features import FeatureSet


def planted(formula: Callable[[Bars, Floats], Floats], name: str) -> FeatureSet:
    """Return an honest feature with the one called `name` beside it."""

    def both(bars: Bars, values: Floats) -> Floats:
        return np.column_stack((values[:, 0] / bars.close - 1, formula(bars, values)))

    return FeatureSet(["sma_5"], ["sma_5"], ["honest", name], both)


def next_close(bars: Bars, _: Floats) -> Floats:
    """Read, for each row, a row that comes later in its batch."""
    return np.append(bars.close[5:], bars.close[-5:]) / bars.close - 1
