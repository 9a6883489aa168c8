"""Read columns of numbers that stand for times: seconds, ms, µs and ns since 1970, and periods of pandas."""

from __future__ import annotations

import numpy as np

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Floats, Ints
from tapeline.core.times import DAY, HOUR, MINUTE, SECOND, WEEK

#: A time that no bar has: what stands in place of one that cannot be read.
NEVER = LATEST_TIMESTAMP + 1

#: ms of the periods of pandas that are all as long, by their frequency.
_LENGTHS = {"D": DAY, "B": DAY, "h": HOUR, "H": HOUR, "min": MINUTE, "T": MINUTE, "s": SECOND, "S": SECOND, "ms": 1}
_MONTHS_LONG = {"M": 1, "ME": 1, "Q": 3, "QE": 3, "Y": 12, "A": 12, "YE": 12}
#: The frequencies of pandas' periods that can be read.
PERIODS = frozenset({"W", *_LENGTHS, *_MONTHS_LONG})


def scaled(values: Ints, per_second: int) -> Ints:
    """Return times, of which `per_second` make a second, in ms, rounded down; clip those outside all market data."""
    if per_second >= 1000:
        return values // (per_second // 1000)
    return np.clip(values, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP) * (1000 // per_second)


def epoch_ms_of(values: Ints, unit: str) -> Ints:
    """Return epoch s or ms (`unit`), or µs or ns (told apart by magnitude), as ms.

    Below 10^11, seconds reach to the year 5138, and ms are from before 1973. A number that reads as a date of these
    centuries would otherwise be a time of 1970, when no bar opened: the file has others, so it is no time at all.
    """
    size = np.abs(np.clip(values, -(2**62), 2**62))
    dated = (values >= 18_670_101) & (values <= 22_001_231)
    if dated.any():
        month, day = values // 100 % 100, values % 100
        dated &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    elif len(values) and unit == "ms" and size.max() < 10**14:
        return values
    result = np.select(
        [dated, (size < 10**11) & (unit == "s"), size < 10**14, size < 10**17],
        [NEVER, np.clip(values, -(10**11), 10**11) * 1000, values, values // 1000],
        values // 1_000_000,
    )
    return result.astype(np.int64, copy=False)


def epoch_of_fractions(values: Floats, unit: str) -> Ints:
    """Do as `epoch_ms_of` for numbers with a fraction."""
    size = np.abs(values)
    scale = np.select([(size < 1e11) & (unit == "s"), size < 1e14, size < 1e17], [1e3, 1.0, 1e-3], 1e-6)
    ms: Ints = np.rint(np.clip(values * scale, -1e15, 1e15)).astype(np.int64)
    return ms


def of_periods(ordinals: Ints, frequency: str) -> Ints:
    """Return the starts of pandas' periods, which are numbered from 1970, in ms."""
    ordinals = np.clip(ordinals, -(10**12), 10**12)
    if frequency == "W":  # W-SUN ends on Sundays
        return (ordinals - 1) * WEEK - 3 * DAY
    if months := _MONTHS_LONG.get(frequency):
        first = np.clip(ordinals * months, -10_000, 10_000).astype("datetime64[M]")
        return first.astype("datetime64[ms]").astype(np.int64)
    return np.clip(ordinals, -(10**15) // _LENGTHS[frequency], 10**15 // _LENGTHS[frequency]) * _LENGTHS[frequency]
