"""Check what a model's metadata say before anything is done with it: the types and ranges of every field.

The file may have been damaged, or written by somebody else: a horizon of a billion bars would keep a reader busy for
ever, and a text in place of a number would fail far from here.
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

#: What the file may have at most; that of a model of all symbols of a market has some 200 KB.
BOUNDS = Bounds(size=4 * 1024 * 1024, depth=8)

#: The longest horizon, bars; no setting allows a longer one.
LONGEST_HORIZON = 1_000

_MOST_FEATURES = 1_000
_LONGEST_NAME = 200
_LONGEST_SHOWN = 100

_Check = Callable[[Any], bool]


def fault(fields: Mapping[str, Any]) -> str | None:
    """Return in one line what is wrong with these fields of `Metadata`, taken from JSON; None if nothing is."""
    for name, value in fields.items():
        is_right, what = _CHECKS[name]
        if not is_right(value):
            return f"{name} is {_shown(value)}, not {what}"
    if fields["trained_from"] > fields["trained_until"]:
        return "trained_from is after trained_until"
    if fields["gate"].get("until", LATEST_TIMESTAMP) < fields["trained_until"]:
        return "the gate's rows do not come after trained_until"
    if fields["reference"] and fields["reference"].keys() != set(fields["features"]):
        return "reference does not describe exactly the features"
    return None


def _shown(value: Any) -> str:
    text = reprlib.repr(value)  # of tables of tables it may still be long
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _whole(least: int, most: int) -> _Check:
    return lambda value: type(value) is int and least <= value <= most


def _is_number(value: Any) -> bool:
    return type(value) in {int, float}


def _number(least: float, most: float) -> _Check:
    return lambda value: _is_number(value) and math.isfinite(value) and least <= value <= most


def _is_text(value: Any, longest: int = _LONGEST_NAME) -> bool:
    return isinstance(value, str) and len(value) <= longest


def _is_symbols(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(each, MAX_SYMBOL_LENGTH) for each in value)


def _is_features(value: Any) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_FEATURES:
        return False
    return all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_table_of(is_right: _Check) -> _Check:
    return lambda value: isinstance(value, dict) and all(map(_is_text, value)) and all(map(is_right, value.values()))


def _is_distribution(value: Any) -> bool:
    """Return whether these are the edges of bins and the share of each bin, as `drift.reference` makes them."""
    if not isinstance(value, dict) or value.keys() != {"edges", "shares"}:
        return False
    edges, shares = value["edges"], value["shares"]
    if not (_is_finite_list(edges) and _is_finite_list(shares) and len(shares) == len(edges) + 1):
        return False
    return all(a < b for a, b in itertools.pairwise(edges)) and all(0 <= share <= 1 for share in shares)


def _is_finite_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_finite, value))


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list)


def _moment(value: Any) -> bool:
    return _whole(EARLIEST_TIMESTAMP, LATEST_TIMESTAMP)(value)


_CHECKS: Mapping[str, tuple[_Check, str]] = {
    "features": (_is_features, f"a list of 1 to {_MOST_FEATURES} different names"),
    "feature_hash": (_is_text, "a text"),
    "horizon": (_whole(1, LONGEST_HORIZON), f"a whole number from 1 to {LONGEST_HORIZON}"),
    "no_trade_band": (_number(0, 100), "a number from 0 to 100"),
    "interval": (_whole(1, 400 * DAY), "a length of time in ms"),
    "hold_margin": (_number(0, 1), "a number from 0 to 1"),
    "slope": (_number(-1e9, 1e9), "a finite number"),
    "intercept": (_number(-1e9, 1e9), "a finite number"),
    "trained_from": (_moment, "a time in ms"),
    "trained_until": (_moment, "a time in ms"),
    "symbols": (_is_symbols, "a list of symbols"),
    "rows": (_whole(0, 10**15), "a number of rows"),
    "data_hash": (_is_text, "a text"),
    "seed": (_whole(-(2**63), 2**63 - 1), "a whole number"),
    "parameters": (_is_table_of(_is_plain), "a table of values"),
    "metrics": (_is_table_of(_is_number), "a table of numbers"),
    "gate": (_is_table_of(_is_finite), "a table of finite numbers"),
    "reference": (_is_table_of(_is_distribution), "a table of bin edges and shares"),
    "libraries": (_is_table_of(_is_text), "a table of texts"),
}
