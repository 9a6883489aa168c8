"""Every indicator there is. Specs, the docs page, the picker and the model's features are made from this."""

from __future__ import annotations

from tapeline.indicators.entries import levels, momentum, overlap, patterns, volatility, volume
from tapeline.indicators.entry import Indicator

_GROUPS = (overlap, momentum, volatility, volume, levels, patterns)

CATALOGUE: dict[str, Indicator] = {entry.name: entry for group in _GROUPS for entry in group.ENTRIES}

#: What is computed unless told otherwise.
DEFAULT: tuple[str, ...] = (
    "sma_20", "sma_50", "sma_200", "ema_12", "ema_26", "macd_12_26_9", "rsi_14", "bbands_20_2", "atr_14",
)  # fmt: skip
