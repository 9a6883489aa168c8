"""Check what a range model's file says before anything is done with it: the shapes and ranges of its numbers.

The file may have been damaged, or written by somebody else. A coefficient that is not a number would spoil a symbol's
state for good, and quantiles that fall would give bands whose low lies above their high.
"""

from __future__ import annotations

import itertools
import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from tapeline.core.foreign import Bounds
from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP
from tapeline.core.symbol_forms import MAX_SYMBOL_LENGTH
from tapeline.core.times import DAY
from tapeline.forecast.range_layout import (
    CAPPED_SQUARE,
    HORIZONS,
    LONG_RUN_DECAY,
    LONGEST_STEP,
    MEAN_SQUARE,
    NUMBERS,
    REGRESSORS,
    RETURN_SHRINKAGE,
    SCALE_DECAY,
    SHORTEST_STEP,
    SHRINKAGE,
    SLOW_DECAY,
    SMEAR,
    VOLUME_REGRESSORS,
    VOLUME_SMEAR,
    of_horizon,
)
from tapeline.forecast.time_of_day import TERMS

#: What the file may have at most; that of a model of all symbols of a market has some 200 KB.
BOUNDS = Bounds(size=4 * 1024 * 1024, depth=4)

_FORMS = ("daily", "intraday", "plain")
_LARGEST = 1e6
_MOST_LEVELS = 2_000

_Check = Callable[[Any], bool]


def fault(values: Mapping[str, Any]) -> str | None:
    """Return in one line what is wrong with these fields of `RangeModel`, taken from JSON; None if nothing is."""
    for name, value in values.items():
        is_right, what = _CHECKS[name]
        if not is_right(value):
            return f"{name} is {reprlib.repr(value)}, not {what}"
    if values["trained_from"] > values["trained_until"]:
        return "trained_from is after trained_until"
    for name in ("quantiles", "lowest", "highest"):
        for row in values[name]:
            if len(row) != len(values["levels"]) or any(a > b for a, b in itertools.pairwise(row)):
                return f"{name} does not rise with levels"
    return None


def _whole(least: int, most: int) -> _Check:
    return lambda value: type(value) is int and least <= value <= most


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value) and abs(value) <= _LARGEST


def _list_of(is_right: _Check, least: int, most: int | None = None) -> _Check:
    most = least if most is None else most
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(is_right, value))


def _table(width: int, most: int | None = None) -> _Check:
    return _list_of(_list_of(_is_number, width, most), len(HORIZONS))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_SYMBOL_LENGTH


def _are_numbers(value: Any) -> bool:
    """Return whether these can be what the step divides by and weights with."""
    if not (isinstance(value, list) and len(value) == NUMBERS):
        return False
    if any(type(each) not in {int, float} or not math.isfinite(each) for each in value):
        return False
    decays = (value[place] for place in (SLOW_DECAY, LONG_RUN_DECAY, SCALE_DECAY))
    positive = (value[place] for place in (RETURN_SHRINKAGE, LONGEST_STEP, SHORTEST_STEP))
    shrinkages, spreads, smears = (
        [value[of_horizon(k, which)] for k in range(len(HORIZONS)) for which in kind]
        for kind in ((SHRINKAGE,), (MEAN_SQUARE, CAPPED_SQUARE), (SMEAR, VOLUME_SMEAR))
    )
    return (
        all(0 < each < 1 for each in decays)
        and all(1e-9 < each < 1e12 for each in (*positive, *shrinkages))
        and all(1e-9 < each < 1e9 for each in spreads)
        and all(abs(each) < 20 for each in smears)
    )


def _are_levels(value: Any) -> bool:
    if not _list_of(_is_number, 3, _MOST_LEVELS)(value):
        return False
    return value[0] > 0 and value[-1] < 1 and all(a < b for a, b in itertools.pairwise(value))


def _is_metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(_is_number, value.values()))


_MOMENT = _whole(EARLIEST_TIMESTAMP, LATEST_TIMESTAMP)
_ROWS = f"{len(HORIZONS)} rows of numbers"
_PROFILE = _list_of(lambda value: _is_number(value) and abs(value) < 20, TERMS)
_CHECKS: Mapping[str, tuple[_Check, str]] = {
    "interval": (_whole(1, 400 * DAY), "a length of time in ms"),
    "form": (lambda value: value in _FORMS, f"one of {', '.join(_FORMS)}"),
    "trained_from": (_MOMENT, "a time in ms"),
    "trained_until": (_MOMENT, "a time in ms"),
    "symbols": (_list_of(_is_text, 0, 10**6), "a list of symbols"),
    "rows": (_whole(0, 10**15), "a number of rows"),
    "data_hash": (_is_text, "a text"),
    "numbers": (_are_numbers, f"{NUMBERS} numbers in their ranges"),
    "coefficients": (_table(len(REGRESSORS) + 1), _ROWS),
    "volume_coefficients": (_table(len(VOLUME_REGRESSORS) + 1), _ROWS),
    "levels": (_are_levels, "rising levels between 0 and 1"),
    "quantiles": (_table(3, _MOST_LEVELS), _ROWS),
    "lowest": (_table(3, _MOST_LEVELS), _ROWS),
    "highest": (_table(3, _MOST_LEVELS), _ROWS),
    "variance_profile": (_PROFILE, f"{TERMS} numbers"),
    "volume_profile": (_PROFILE, f"{TERMS} numbers"),
    "metrics": (_is_metrics, "a table of numbers"),
}
