"""Splits and dividends: what they make of stored history. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from tapeline.core.market import Bars, Floats
from tapeline.core.ports import Action, Series

#: Quotations in hundredths, and the currency that dividends may be stated in beside them.
MINOR_UNITS = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}

#: Bars that must agree on a ratio, and how far prices must have moved, before history is taken to be in other shares.
_WITNESSES = 20
_SHIFT = 0.1


def adjusted(series: Series) -> tuple[Bars, str]:
    """The bars adjusted for dividends as well as splits, and the version of that: which actions went into it.

    Each dividend scales all earlier prices by 1 - dividend / last close before it (CRSP's method, as Yahoo's adjusted
    close). Volumes are those of today's shares already.
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
    """Names the actions that prices are adjusted for: two histories are comparable when theirs are equal."""
    counted = [(a.timestamp, a.kind, a.value) for a in actions if dividends or a.kind == "split"]
    if not counted:
        return "raw"
    return f"{len(counted)}-{hashlib.sha256(json.dumps(counted).encode()).hexdigest()[:8]}"


def scaled(bars: Bars, price: Floats, volume: Floats) -> Bars:
    """The bars with prices and volumes multiplied, float64 [n] each."""
    return Bars(
        bars.symbols, bars.code, bars.timestamp, bars.open * price, bars.high * price, bars.low * price,
        bars.close * price, bars.volume * volume, bars.final,
    )  # fmt: skip


def shift(held: Bars, fetched: Bars) -> float | None:
    """How many times higher prices were before, where both have them; None when too few bars agree on it.

    1.0 for anything that a revision or a dividend could have done.
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
    """Bars from before these splits, in the shares there are after them.

    `witnessed` is the `shift` that was measured: at 1.0 the bars were adjusted already.
    """
    if witnessed == 1.0:
        return bars
    factor = np.ones(len(bars))
    for split in splits:
        factor[bars.timestamp < split.timestamp] *= split.value
    if witnessed is not None and not splits:
        factor[:] = witnessed
    return scaled(bars, 1.0 / factor, factor)
