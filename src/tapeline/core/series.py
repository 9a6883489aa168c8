"""Name series: the bars of one symbol at one interval are one series, and have one name.

A symbol alone, such as `TSLA`, names its first series: the one that was stored before any other, or the shortest of
those that came together. On AWS it is the collector's. Bars of the symbol at any other interval are in a series with
the interval after an at sign: `TSLA@1d`. No ticker has such an ending, so everything that keeps something for a symbol
(tables, states, checkpoints, records) keeps it for a series under this one text, and what was stored before there were
several intervals needs no conversion.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tapeline.core.times import interval_ms, interval_name

_MARK = "@"
_SUFFIX = re.compile(r"(?<=.)@([1-9]\d{0,8}(?:ms|s|m|h|d|w|mo))$")


def series_name(symbol: str, interval: int) -> str:
    """Return the name of a series that is not its symbol's first: `TSLA@1d`. `interval` is in ms."""
    return f"{symbol}{_MARK}{interval_name(interval)}"


def split_series(name: str) -> tuple[str, int | None]:
    """Return the symbol of a series, and its interval (ms): None for a symbol's first, whose bars tell it."""
    if _MARK in name and (match := _SUFFIX.search(name)):
        return name[: match.start()], interval_ms(match[1])
    return name, None


def symbol_of(name: str) -> str:
    """Return the symbol of a series."""
    return split_series(name)[0]


def say_intervals(names: Iterable[str]) -> bool:
    """Return whether one of these names may say an interval; False, for most batches, takes next to no time."""
    return _MARK in "".join(names)


def has_interval(name: str, interval: int) -> bool:
    """Return whether a series can have this interval (ms; 0: any): a symbol's first can have every one by its name."""
    own = split_series(name)[1]
    return own is None or interval in (0, own)


def series_span(symbol: str) -> tuple[str, str]:
    """Return two texts, between which the names of all of a symbol's series lie, and of few others."""
    return symbol, f"{symbol}{_MARK}~"


def is_series_of(name: str, symbol: str) -> bool:
    """Return whether a series is of this symbol."""
    return name == symbol or (name.startswith(symbol + _MARK) and symbol_of(name) == symbol)
