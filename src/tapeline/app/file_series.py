"""Choose the series that the bars of files are kept in: several lengths of bars of one symbol lie side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tapeline.app.data_directory import DataDirectory
from tapeline.core.bars import may_have_interval
from tapeline.core.candle_intervals import INTERVALS
from tapeline.core.market import Bars, Ints
from tapeline.core.series import series_name, split_series, symbol_of
from tapeline.core.times import interval_name
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource, Scan
from tapeline.feeds.files.scan import FileScan, combined_scan
from tapeline.runtime.stored_series import StoredSeries

#: A symbol's only bars in a file may be corrections of shorter ones when they are at most this many ...
_FEW = 2
#: ... or this many that are apart by what is no length of bars.
_FEW_SCATTERED = 9


@dataclass(frozen=True, slots=True, eq=False)
class FileSeries:
    """Say which series the symbols of files are: `names` by file and symbol, `lengths` (ms) by name.

    A symbol with a single bar has no length. `times` are open times of some bars of each series, in order.
    """

    names: Mapping[Path, Mapping[str, str]]
    lengths: Mapping[str, int]
    times: Mapping[str, Ints]

    @property
    def beside(self) -> Iterator[str]:
        """Yield a sentence for each length of bars that is kept beside another one of their symbols."""
        named: dict[int, list[str]] = {}
        for name in self.lengths:
            interval = split_series(name)[1]
            if interval is not None:
                named.setdefault(interval, []).append(name)
        for interval, names in sorted(named.items()):
            first, more = names[0], f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            bars = f"{interval_name(interval)} bars of {symbol_of(first)}{more}"
            yield f"{bars} are kept beside those of another length, as {first}{' and so on' if more else ''}"

    def others(self, interval: int | None) -> frozenset[str]:
        """Return the series whose bars are not of this length (ms), nor those of a thin share of this length."""
        if interval is None:
            return frozenset()
        return frozenset(
            name for name, length in self.lengths.items()
            if length != interval and (split_series(name)[1] or not may_have_interval(self.times[name], interval))
        )  # fmt: skip

    def learnt(self, scan: Scan) -> Scan:
        """Return what the files hold together whose bars have the length of most, for a model that learns from them."""
        others = self.others(scan.interval)
        kept = tuple(file for file in scan.files if not set(self.names[file.path].values()) <= others)
        return combined_scan(kept) if others else scan

    def only(self, bars: Bars, interval: int | None) -> Bars:
        """Return the bars of the series of this length (ms), under their symbols, for a model that learns from them."""
        others = self.others(interval)
        if others.isdisjoint(bars.symbols):
            return replace(bars, symbols=tuple(map(symbol_of, bars.symbols)))
        bars = bars[np.array([name not in others for name in bars.symbols], np.bool_)[bars.code]]
        used, code = np.unique(bars.code, return_inverse=True)
        symbols = tuple(symbol_of(bars.symbols[index]) for index in used)
        return replace(bars, symbols=symbols, code=code.astype(np.int32))


def series_of_files(directory: DataDirectory | None, scan: Scan) -> FileSeries:
    """Return the series of every symbol in these files beside what the data directory has, if they go into one.

    Of several lengths of a new symbol the shortest becomes its first series. Raises `FileError` for bars whose length
    has no name and which do not fall on the times of those that are there.
    """
    stored: dict[str, list[str]] = {}
    series = None
    if directory is not None:
        for name in directory.store.latest().bars.symbols:
            stored.setdefault(symbol_of(name), []).append(name)
        series = StoredSeries(directory.store, lambda symbol: stored.get(symbol, ()))
    found = [
        (file.intervals.get(symbol, 0), number, symbol) for number, file in enumerate(scan.files)
        for symbol in file.symbols
    ]  # fmt: skip
    first: dict[str, int] = {}
    names: dict[Path, dict[str, str]] = {file.path: {} for file in scan.files}
    lengths: dict[str, int] = {}
    times: dict[str, Ints] = {}
    for interval, number, symbol in sorted(found):
        file = scan.files[number]
        name = _name(series, file, symbol, interval, first, symbol in stored.get(symbol, ()))
        names[file.path][symbol] = name
        if interval:
            lengths.setdefault(name, interval)
            times.setdefault(name, file.times[symbol])
    return FileSeries(names, lengths, times)


def _name(
    series: StoredSeries | None, file: FileScan, symbol: str, interval: int, first: dict[str, int], is_stored: bool
) -> str:
    """Return the series of a symbol in a file; `first` has the lengths that new symbols' first series have by now."""
    times = _telling(file, symbol)
    base, own = split_series(symbol)
    if own is not None:
        if times is not None and interval and not may_have_interval(times, own):
            raise FileError(f"{file.path}: has {interval_name(interval)} bars of what it calls {symbol}")
        return series_name(base, own)
    if not interval:
        return symbol
    name = series.home(symbol, interval, times) if series is not None else symbol
    if name == symbol and not is_stored:
        there = first.setdefault(symbol, interval)
        name = symbol if _fits(times, interval, there) else series_name(symbol, interval)
    if name == symbol:
        return name
    there = series.length(symbol) if series is not None and is_stored else first.get(symbol, interval)
    nameless = interval_name(interval) not in INTERVALS
    few = _FEW_SCATTERED if nameless else _FEW
    if times is not None and len(times) <= few and there < interval and (times % there == times[0] % there).all():
        return symbol
    if nameless:
        raise FileError(
            f"{file.path}: its bars of {symbol} are {interval_name(interval)} apart, which is no length of bars, and "
            f"others of it are {interval_name(there)} long; say how long these are: --interval {interval_name(there)}"
        )
    return name


def _telling(file: FileScan, symbol: str) -> Ints | None:
    """Return times that tell how long the bars are; None where an option says it."""
    return file.times.get(symbol) if file.said is None else None


def _fits(times: Ints | None, interval: int, there: int) -> bool:
    return interval == there or (times is not None and may_have_interval(times, there))


def unsaid_calendars(source: FileSource, scan: Scan) -> Iterator[str]:
    """Yield a sentence for what the files or the options say of calendars and the store cannot keep.

    The store goes by the symbol alone, so that every door has the same sessions.
    """
    for path, how in source.readings():
        if how.guesses["calendar"].why == "--calendar":
            yield f"{path}: --calendar is used to read the file; stored bars go by their symbol's form (see inspect)"
    for file in scan.files:
        for symbol in sorted(file.around_the_clock)[:3]:
            yield (
                f"{file.path}: {symbol} has bars on weekends, and its form says New York's hours; "
                f"--symbol {symbol}-USD would say that it trades around the clock"
            )
