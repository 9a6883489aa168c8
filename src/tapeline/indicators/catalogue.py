"""List every indicator. Specs, the docs page, the picker and the model's features are made from this."""

from __future__ import annotations

from typing import get_args

from tapeline.indicators import (
    bands,
    direction,
    levels,
    momentum,
    oscillators,
    overlap,
    patterns,
    three_candle_patterns,
    volatility,
    volume,
    weighted_averages,
)  # fmt: skip
from tapeline.indicators.entry import Group, Indicator

_FILES = (
    overlap, weighted_averages, bands, momentum, oscillators, direction, volatility, volume, levels, patterns,
    three_candle_patterns,
)  # fmt: skip

#: Listed first in their group, in this order: a reader looks for the well known ones there, whatever file they are in.
_FIRST = (
    "macd", "ppo", "rsi", "stoch", "stochrsi", "willr", "cci", "cmo", "roc", "mom", "trix", "ultosc", "mfi",
    "adx", "adxr", "plus_di", "minus_di", "aroon", "aroonosc", "bop",
)  # fmt: skip


def _order(entry: Indicator) -> tuple[int, int]:
    """Return what the catalogue is sorted by: the group, then `_FIRST`, then (the sort is stable) the files."""
    return get_args(Group).index(entry.group), _FIRST.index(entry.name) if entry.name in _FIRST else len(_FIRST)


CATALOGUE: dict[str, Indicator] = {
    entry.name: entry for entry in sorted((entry for file in _FILES for entry in file.ENTRIES), key=_order)
}
