"""Features that look ahead on purpose, to prove that the leak guards catch them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tapeline.core.market import Bars, Flags, Floats
from tapeline.forecast.features import FeatureSet
from tapeline.forecast.labels import label

Formula = Callable[[Bars, Floats], Floats]


def planted(formula: Formula, *names: str) -> FeatureSet:
    """Return an honest feature with those called `names` beside it."""

    def both(bars: Bars, values: Floats) -> Floats:
        return np.column_stack((values[:, 0] / bars.close - 1, formula(bars, values)))

    return FeatureSet(["sma_5"], ["sma_5"], ["honest", *names], both)


def next_close(bars: Bars, _: Floats) -> Floats:
    """Read, for each row, a row that comes later in its batch."""
    return np.append(bars.close[5:], bars.close[-5:]) / bars.close - 1


class Table:
    """Hold numbers by symbol and time, brought along by a formula: what it says does not depend on the bars."""

    def __init__(self, bars: Bars, values: Floats) -> None:
        keys = zip((bars.symbols[code] for code in bars.code), bars.timestamp.tolist(), strict=True)
        self._known = dict(zip(keys, values, strict=True))
        self._nothing = np.zeros(values.shape[1:])

    def __call__(self, bars: Bars, _: Floats) -> Floats:
        keys = zip((bars.symbols[code] for code in bars.code), bars.timestamp.tolist(), strict=True)
        return np.array([self._known.get(key, self._nothing) for key in keys])


def future_moves(bars: Bars) -> Floats:
    """Return how far each close moves in the next five bars, in standard deviations; 0 where nobody knows."""
    move = label(bars).move
    return np.nan_to_num(move / np.nanstd(move))


def noisy_table(bars: Bars, noise: float = 4.0, columns: int = 1, seed: int = 0) -> FeatureSet:
    """Return features that know the future under noise: none of them is conspicuous alone."""
    rng = np.random.default_rng(seed)
    values = future_moves(bars)[:, None] + rng.normal(0, noise, (len(bars), columns))
    return planted(Table(bars, values), *(f"noisy_{k}" for k in range(columns)))


def xor_pair(bars: Bars, seed: int = 0) -> FeatureSet:
    """Return two features that know nothing each, and everything together: whether their signs are the same."""
    sign = np.random.default_rng(seed).choice((-1.0, 1.0), len(bars))
    size = np.random.default_rng(seed + 1).uniform(0.5, 1.5, (len(bars), 2))
    rises = np.where(future_moves(bars) > 0, 1.0, -1.0)
    return planted(Table(bars, np.stack((sign, sign * rises), axis=1) * size), "one", "other")


def hill(bars: Bars, seed: int = 0) -> FeatureSet:
    """Return a feature in the middle before a rise and at either end before a fall, which no ranking shows."""
    rng = np.random.default_rng(seed)
    end = rng.choice((-1.0, 1.0), len(bars)) * rng.uniform(1, 2, len(bars))
    values = np.where(future_moves(bars) > 0, rng.uniform(-0.5, 0.5, len(bars)), end)
    return planted(Table(bars, values), "hill")


def late_table(bars: Bars, part: float = 0.17, seed: int = 0) -> FeatureSet:
    """Return a feature that is noise but in the last part of the dates, where it knows the future."""
    values = np.random.default_rng(seed).normal(size=len(bars))
    late: Flags = bars.timestamp >= np.quantile(bars.timestamp, 1 - part)
    values[late] = future_moves(bars)[late]
    return planted(Table(bars, values), "late")


def revised_volume(bars: Bars, seed: int = 0) -> Floats:
    """Return volumes as they were corrected after the close by somebody who knew the next five bars."""
    return 10_000 * np.exp(future_moves(bars) + np.random.default_rng(seed).normal(0, 0.1, len(bars)))
