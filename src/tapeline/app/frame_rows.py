"""Find the bars of a data frame: which column means what, the order of its rows, and rows that come again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tapeline.app.frame_columns import Frame
from tapeline.app.frame_symbols import FrameSymbols
from tapeline.app.frame_values import on_all_cores
from tapeline.core.market import OHLCV, Bars, Flags, Floats, Ints
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.errors import InputError
from tapeline.feeds.files.column_roles import ALIASES, plain


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """Settle what a frame leaves open; see `analyse`."""

    symbol: str | None = None
    calendar: str | None = None
    zone: str | None = None
    columns: Mapping[str, str] | None = None
    date_format: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FrameBars:
    """Hold the bars of a frame in its order, which symbols they are of, and what else was found.

    `zone` is that of the times, None where they name none; `timed` says that there are any.
    """

    bars: Bars
    symbols: FrameSymbols
    timed: bool
    zone: str | None


def roles_of(names: Sequence[Any], given: Mapping[str, str] | None = None) -> dict[str, int]:
    """Return the index of each meaning that a frame's columns have, the first of those that could be meant.

    Raises `InputError` for a column in `given` that there is none of.
    """
    known: dict[str, int] = {}
    for index, name in reversed(list(enumerate(names))):
        known[plain(str(name))] = index
    found = {}
    for meaning, aliases in ALIASES.items():
        place = next((known[alias] for alias in aliases if alias in known), None)
        if place is not None:
            found[meaning] = place
    for meaning, name in (given or {}).items():
        if plain(name) not in known:
            raise InputError(f"no column {name!r} to be the {meaning}; the frame has: {', '.join(map(str, names))}")
        found[meaning] = known[plain(name)]
    return found


def frame_bars(frame: Frame, inputs: frozenset[str], options: FrameOptions) -> FrameBars:
    """Return the frame's bars as they stand. Raises `InputError` for a column that is missing or is something else."""
    columns = roles_of(frame.names, options.columns)
    missing = [name for name in ("close", *sorted(inputs.intersection(OHLCV[:4]))) if name not in columns]
    if missing:
        raise InputError(f"no column {missing[0]}; the frame has: {', '.join(map(str, frame.names))}")
    close = frame.numbers(columns["close"])
    count = len(close)
    open_, high, low = (frame.numbers(columns[name]) if name in columns else close for name in OHLCV[:3])
    volume = _volume(frame, columns, count) if "volume" in inputs else np.zeros(count)
    symbols, (timestamp, zone) = _keys(frame, columns, count, options)
    names = tuple(map(canonical_symbol, symbols.names))
    bars = Bars(names, symbols.code, timestamp, open_, high, low, close, volume, np.ones(count, np.bool_))
    return FrameBars(bars, symbols, "timestamp" in columns, zone)


def _keys(
    frame: Frame, columns: Mapping[str, int], count: int, options: FrameOptions
) -> tuple[FrameSymbols, tuple[Ints, str | None]]:
    """Return the rows' symbols, and their times with the zone; of a large frame both are read at the same time."""
    one = canonical_symbol(options.symbol or "")

    def symbols() -> FrameSymbols:
        if "symbol" in columns and not one:
            return frame.symbols(columns["symbol"])
        return replace(FrameSymbols.single(count), names=(one,))

    def times() -> tuple[Ints, str | None]:
        if "timestamp" not in columns:
            return np.arange(count, dtype=np.int64), "UTC"
        return frame.times(columns["timestamp"], options.zone, options.date_format)

    reading: tuple[Callable[[], Any], ...] = (symbols, times)
    found = on_all_cores(lambda read: read(), reading, 8 * count if {"symbol", "timestamp"} <= columns.keys() else 0)
    return found[0], found[1]


def _volume(frame: Frame, columns: dict[str, int], count: int) -> Floats:
    """Return the volumes, 0 where there is none."""
    if "volume" not in columns:
        return np.zeros(count)
    volume = frame.numbers(columns["volume"])
    absent = np.isnan(volume)
    return np.where(absent, 0.0, volume) if absent.any() else volume


def rising(times: Ints, symbols: FrameSymbols) -> bool:
    """Return whether the rows of each symbol are known to be together, and its time goes on with every row."""
    if symbols.starts is None:
        return False
    stays = np.flatnonzero(times[1:] <= times[:-1]) + 1
    return bool(np.isin(stays, symbols.starts, assume_unique=True).all())


def ordered(timestamp: Ints, symbols: FrameSymbols) -> bool:
    """Return whether no symbol's time goes back."""
    back = np.flatnonzero(timestamp[1:] < timestamp[:-1]) + 1
    if symbols.starts is not None:
        return bool(np.isin(back, symbols.starts, assume_unique=True).all())
    if not len(back):
        return True
    order = np.argsort(symbols.code, kind="stable")
    times, codes = timestamp[order], symbols.code[order]
    return not bool(((times[1:] < times[:-1]) & (codes[1:] == codes[:-1])).any())


def last_of_repeated(found: FrameBars, good: Flags) -> Flags:
    """Return which rows count of those with the same symbol and time: the last of the good ones."""
    times, code = found.bars.timestamp, found.symbols.code
    kept = np.ones(len(times), np.bool_)
    if not found.timed or rising(times, found.symbols):
        return kept
    if ((times[1:] > times[:-1]) | ((times[1:] == times[:-1]) & (code[1:] > code[:-1]))).all():
        return kept
    order = np.lexsort((good, times, code))  # stable: of good ones the last comes last
    again = (times[order][1:] == times[order][:-1]) & (code[order][1:] == code[order][:-1])
    kept[order[:-1][again]] = False
    return kept
