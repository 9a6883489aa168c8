"""Audit random features on random walks, and count the audits that see a leak where there is none.

usage: python -m tests.false_alarms [SETS] [FIRST]

tries SETS sets (100), from set FIRST on (0): set k is the same whichever it begins with, so that a long count can be
made in parts.
"""

from __future__ import annotations

import sys

import numpy as np

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars, Floats
from tapeline.forecast.features import FeatureSet
from tapeline.research.audit import audit
from tapeline.research.dataset import build
from tapeline.research.walk_forward import walk_forward
from tests.daily import daily_bars

_SYMBOLS, _BARS = 5, 500
_PRICES = ("sma_5", "sma_20", "ema_10", "bbands_20_2_upper", "bbands_20_2_lower")
_OSCILLATORS = ("rsi_14", "rsi_2", "mfi_14", "adx_14", "plus_di_14", "stoch_14_3_3_k")
_SPECS = ("sma_5", "sma_20", "ema_10", "bbands_20_2", "rsi_14", "rsi_2", "mfi_14", "adx_14", "plus_di_14",
          "stoch_14_3_3", "atr_14")  # fmt: skip


def random_features(seed: int) -> FeatureSet:
    """Return 3 to 10 features: distances from average prices, oscillators, and products of two of them."""
    rng = np.random.default_rng(seed)
    inputs = ("atr_14", *_PRICES, *_OSCILLATORS)
    width = int(rng.integers(3, 11))
    pairs = rng.integers(1, len(inputs), (width, 2))
    kinds = rng.integers(0, 3, width)

    def plain(bars: Bars, values: Floats, column: int) -> Floats:
        if column <= len(_PRICES):
            return (bars.close - values[:, column]) / values[:, 0]
        return values[:, column] / 100 - 0.5

    def formula(bars: Bars, values: Floats) -> Floats:
        columns = []
        for (one, other), kind in zip(pairs.tolist(), kinds.tolist(), strict=True):
            first = plain(bars, values, one)
            columns.append(first if kind == 0 else first * plain(bars, values, other) if kind == 1 else np.tanh(first))
        return np.column_stack(columns)

    return FeatureSet(_SPECS, inputs, [f"random_{k}" for k in range(width)], formula)


def false_alarms(sets: int, first: int = 0) -> list[tuple[int, str]]:
    """Return which of the `sets` sets from `first` on failed which guard, each on random walks of its own."""
    found = []
    for k in range(first, first + sets):
        bars = sort_and_dedupe([daily_bars(symbols=_SYMBOLS, count=_BARS, seed=k)])
        data = build(bars, features=random_features(k), only_decided=False)
        failed = [f.guard for f in audit(data, list(walk_forward(data)), k) if not f.passed]
        found += [(k, guard) for guard in failed]
    return found


def main(sets: int = 100, first: int = 0) -> None:
    """Print the alarms."""
    found = false_alarms(sets, first)
    alarmed = {k for k, _ in found}
    print(f"{len(alarmed)} of {sets} sets of honest features raise an alarm ({len(alarmed) / sets:.0%})")
    for guard in sorted({guard for _, guard in found}):
        print(f"  {guard}: {sum(other == guard for _, other in found)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
