"""List the names that a rule may read, with what they stand for: for whoever writes one."""

from __future__ import annotations

import functools

from tapeline.alerts.names import FIELDS
from tapeline.forecast.horizons import COLUMNS
from tapeline.indicators import parse
from tapeline.indicators.catalogue import CATALOGUE

_OF_A_BAR = {
    "price": "the close", "close": "the close", "open": "the open", "high": "the high", "low": "the low",
    "volume": "the volume", "probability": "the model's probability of UP",
}  # fmt: skip

_EXPECTED = {
    "expected_move": "one sigma of the move", "expected_volume": "mean volume of a bar",
    "p_big_move": "chance of a move beyond 1.5 usual sigmas",
}  # fmt: skip

_ENDS = {"low": "lower", "high": "upper"}

_CALLED = {"prediction": "the model's call: UP, DOWN or HOLD"}


@functools.cache
def readable_names() -> dict[str, str]:
    """Return what each name stands for: those of a bar, of indicators with their usual numbers, and of the forecast."""
    found = {name: _OF_A_BAR[name] for name in FIELDS} | _CALLED
    for indicator in CATALOGUE.values():
        for suffix, output in zip(indicator.outputs, parse(indicator.name).outputs, strict=True):
            part = suffix.strip("_").replace("_", " ")
            found[output] = f"{indicator.title}: {part}" if part else indicator.title
    return found | {name: _expected(name) for name in COLUMNS}


def _expected(column: str) -> str:
    name, _, horizon = column.rpartition("_")
    end, _, coverage = name.partition("_")
    what = _EXPECTED.get(name) or f"{_ENDS[end]} end of the {coverage}% band"
    return f"{what}, {horizon} bar{'' if horizon == '1' else 's'} ahead"
