"""Say what is wrong with a bar before it goes anywhere: the one place that decides which are refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Bars, Flags
from tapeline.core.symbol_forms import may_be_negative

#: Why a bar is refused, in the order of the checks; `faults` returns an index into this. An open or close a little
#: outside the bar's range is no fault: exchanges publish such bars (late prints), and charts and indicators bear them.
FAULTS = (
    "",
    "a price or the volume is NaN (not a number)",
    "a price or the volume is infinite",
    "a price is zero or negative",
    "the volume is negative",
    "high is below low",
    "the timestamp is outside 1867-2200: wrong unit?",
    "the timestamp is in the future",
)


def faults(bars: Bars, now: int | None = None) -> NDArray[np.int8]:
    """Return what is wrong with each bar, int8 [n]: 0 for nothing, otherwise the index of the first reason in `FAULTS`.

    `now` (UTC epoch ms), where given, is the latest open time a bar may have. A price may be zero or negative where the
    instrument's may: see `may_be_negative`.
    """
    if len(bars) and _sound(bars, LATEST_TIMESTAMP if now is None else min(now, LATEST_TIMESTAMP)):
        return np.zeros(len(bars), np.int8)
    prices = np.stack((bars.open, bars.high, bars.low, bars.close))
    values = np.vstack((prices, bars.volume))
    with np.errstate(invalid="ignore"):
        checks = [
            np.isnan(values).any(axis=0),
            np.isinf(values).any(axis=0),
            (prices <= 0).any(axis=0) & ~_may_be_negative(bars),
            bars.volume < 0,
            bars.high < bars.low,
            (bars.timestamp < EARLIEST_TIMESTAMP) | (bars.timestamp > LATEST_TIMESTAMP),
            bars.timestamp > (LATEST_TIMESTAMP if now is None else now),
        ]
    found = np.zeros(len(bars), np.int8)
    for reason in range(len(checks), 0, -1):
        found[checks[reason - 1]] = reason
    return found


def _may_be_negative(bars: Bars) -> Flags:
    known = np.array([*map(may_be_negative, bars.symbols), False])
    return known[np.where(bars.code < 0, len(bars.symbols), bars.code)]  # a negative code has no symbol


def _sound(bars: Bars, latest: int) -> bool:
    """Return whether no bar has a fault: a fifth of the work of finding which one it is, since nearly all are sound."""
    prices = {id(price): price for price in (bars.open, bars.high, bars.low, bars.close)}.values()
    # NaN fails every comparison, and is what min and max find where there is one.
    return bool(
        all(price.min() > 0 and price.max() < np.inf for price in prices)
        and bars.volume.min() >= 0
        and bars.volume.max() < np.inf
        and (bars.high >= bars.low).all()
        and bars.timestamp.min() >= EARLIEST_TIMESTAMP
        and bars.timestamp.max() <= latest
    )
