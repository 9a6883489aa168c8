"""Adjust stored history for splits and dividends, and tell which shares it is in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tapeline.core.market import Bars, Floats
from tapeline.core.messages import Action, Series

#: Quotations in hundredths, and the currency that dividends may be stated in instead.
MINOR_UNITS = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}

#: How many bars must agree on a ratio, and how far prices must have moved, before history counts as in other shares.
_WITNESSES = 20
_SHIFT = 0.1


def adjusted(series: Series) -> tuple[Bars, str]:
    """Return the bars adjusted for dividends as well as splits, and the name of that adjustment (see `basis`).

    Each dividend scales all earlier prices by 1 - dividend / last close before it (CRSP's method, as Yahoo's adjusted
    close). Volumes are in today's shares already.
    """
    bars = series.bars
    factor = np.ones(len(bars))
    for action in series.actions:
        if action.kind != "dividend":
            continue
        before = int(np.searchsorted(bars.timestamp, action.timestamp))
        if not before:
            continue
        paid = action.value * (100.0 if MINOR_UNITS.get(series.currency) == action.currency else 1.0)
        share = 1.0 - paid / bars.close[before - 1]
        if share > 0:
            factor[:before] *= share
    return scaled(bars, factor, np.ones(len(bars))), basis(series.actions, dividends=True)


def basis(actions: Sequence[Action], *, dividends: bool = False) -> str:
    """Name the actions that prices are adjusted for: two histories are comparable when these names are equal."""
    counted = [
        (action.timestamp, action.kind, action.value) for action in actions if dividends or action.kind == "split"
    ]
    if not counted:
        return "raw"
    return f"{len(counted)}-{hashlib.sha256(json.dumps(counted).encode()).hexdigest()[:8]}"


def scaled(bars: Bars, price: Floats, volume: Floats) -> Bars:
    """Return the bars with prices and volumes multiplied by these factors, float64 [len(bars)] each."""
    prices = {name: getattr(bars, name) * price for name in ("open", "high", "low", "close")}
    return replace(bars, **prices, volume=bars.volume * volume)


def shift(held: Bars, fetched: Bars) -> float | None:
    """Measure how many times higher the held prices are than the fetched ones of the same times.

    Return 1.0 for anything that a revision or a dividend could have done, None when too few bars agree.
    """
    _, here, there = np.intersect1d(held.timestamp, fetched.timestamp, return_indices=True)
    if len(here) < _WITNESSES:
        return None
    ratio = held.close[here] / fetched.close[there]
    low, middle, high = np.quantile(ratio, (0.1, 0.5, 0.9))
    if abs(middle - 1) < _SHIFT or (high - low) > 0.02 * middle:
        return 1.0
    return float(middle)


def in_todays_shares(bars: Bars, splits: Sequence[Action], witnessed: float | None) -> Bars:
    """Return bars from before these splits in the shares that there are after them.

    `witnessed` is the `shift` that was measured: at 1.0 the bars are adjusted already.
    """
    if witnessed == 1.0:
        return bars
    factor = np.ones(len(bars))
    for split in splits:
        factor[bars.timestamp < split.timestamp] *= split.value
    if witnessed is not None and not splits:
        factor[:] = witnessed
    return scaled(bars, 1.0 / factor, factor)
