"""Read what a data directory holds: any symbols, at any interval, with any indicators, page by page as time goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tapeline.app.data_directory import DataDirectory
from tapeline.core.rows import Rows
from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import meant_symbol, nearest_symbol
from tapeline.core.times import DAY
from tapeline.errors import NotFoundError, NotPossibleError
from tapeline.forecast.range_model import RangeModel
from tapeline.indicators.spec import parse_all
from tapeline.runtime.indicator_view import RowReader
from tapeline.runtime.interval_views import IntervalViews
from tapeline.runtime.stored_series import StoredSeries

#: Bars in a page, at most: memory stays the same however long a history is.
PAGE_BARS = 32_768

_LISTED = 20  # symbols that a message lists


@dataclass(frozen=True, slots=True)
class Selection:
    """Say which candles are wanted: of these symbols, with these indicators (specs), opening in start <= t < end.

    Times are UTC epoch ms, None for no limit.
    """

    symbols: tuple[str, ...]
    indicators: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None

    def within(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the span start <= t < end that is wanted."""
        low = start if self.start is None else max(start, self.start)
        return low, end if self.end is None else min(end, self.end)


class StoredHistory:
    """Read candles from a data directory, with values that do not depend on the part of history that is read.

    `interval` is a name such as `1d`, None for the stored bars that are shown of each symbol. A stored series of that
    interval is read as it is; otherwise candles are made of shorter bars. `as_known` reads every bar as it was first
    stored, before any correction, and computes the indicators from these values. What a running process commits
    meanwhile may be seen in later pages.
    """

    def __init__(self, directory: DataDirectory, interval: str | None = None, *, as_known: bool = False) -> None:
        self._path = directory.path
        self._directory = directory
        self._interval = interval
        store = directory.store
        self._extents = store.extents()
        self._names: dict[str, list[str]] = {}
        for name in self._extents:
            self._names.setdefault(symbol_of(name), []).append(name)
        reader = FirstKnownRows(store) if as_known else store
        self._views = IntervalViews(reader, lambda symbol: self._names.get(symbol, ()))
        self._found: dict[str, tuple[str, int, int]] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return every stored symbol, sorted, each once however many series it has."""
        return tuple(sorted(self._names))

    @cached_property
    def ranges(self) -> Mapping[str, RangeModel]:
        """Return the range models that may have spoken about the bars, by version."""
        return self._directory.ranges.models()[0]

    def chosen(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Return these symbols, each once; all that are stored where none is named. A series may be named as well.

        Raises `NotFoundError` for one without bars.
        """
        wanted = tuple(dict.fromkeys(meant_symbol(each, self._extents) for each in symbols)) or self.symbols
        for symbol in wanted:
            if symbol_of(symbol) not in self._names:
                raise unknown_symbol(symbol, self.symbols, self._path)
        return wanted

    def interval(self, symbol: str) -> int:
        """Return the length of the symbol's candles (ms). Raises `NotPossibleError` for one its bars cannot make."""
        return self._series(symbol)[2]

    def resamples(self, symbol: str) -> bool:
        """Return whether the symbol's candles are made of its stored bars, rather than these themselves."""
        _, stored, interval = self._series(symbol)
        return interval != stored

    def extent(self, symbol: str) -> tuple[int, int]:
        """Return a span of time, start <= t < end, in which all of the symbol's candles open.

        A week or a month may open before the first bar in it, and a session's date begin after the session does.
        """
        name, stored, interval = self._series(symbol)
        first, last, _ = self._extents[name]
        room = 0 if interval == stored else 2 * interval
        return first - room, last + room + 1

    def a_day(self, symbol: str) -> float:
        """Return how many candles the symbol has for each day of its extent, about."""
        name, stored, interval = self._series(symbol)
        first, last, count = self._extents[name]
        return count * stored / interval * DAY / (last - first + DAY)

    def pages(self, symbol: str, selection: Selection) -> Iterator[Rows]:
        """Yield the candles selected of one symbol in the order of time, up to `PAGE_BARS` at once.

        Nothing but the blocks of that span is read, beside the few that lead up to it.
        """
        name, stored, interval = self._series(symbol)
        view = self._views.at(stored, interval)
        low, high = selection.within(*self.extent(symbol))
        while low < high:
            stop = min(low + PAGE_BARS * interval, high)
            rows = view.rows(name, selection.indicators, low, stop)
            if len(rows):
                yield replace(rows, bars=replace(rows.bars, symbols=(symbol,)))
            low = stop

    def _series(self, symbol: str) -> tuple[str, int, int]:
        """Return the series that is read, and the length of its bars and of the candles, in ms."""
        found = self._found.get(symbol)
        if found is None:
            try:
                found = self._views.series.find(symbol, self._interval)
            except NotPossibleError as error:
                raise NotPossibleError(f"{symbol} at {self._interval}: {error}") from error
            self._found[symbol] = found
        return found


def unknown_symbol(symbol: str, known: Sequence[str], where: Path) -> NotFoundError:
    """Return the error that a symbol has no bars, with the one that may have been meant."""
    near = nearest_symbol(symbol, known)
    guess = f"did you mean {near}? " if near else ""
    more = f" and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
    listed = ", ".join(known[:_LISTED]) + more or "none yet"
    return NotFoundError(f"no rows of {symbol} in {where}; {guess}symbols there: {listed}")


def unknown_symbol_errors(symbols: Iterable[str], directory: DataDirectory) -> list[NotFoundError]:
    """Return the errors that these symbols have no bars there."""
    names = directory.store.latest().bars.symbols if symbols else ()
    known = list(dict.fromkeys(map(symbol_of, names)))
    return [unknown_symbol(symbol, known, directory.path) for symbol in symbols]


def stored_series(directory: DataDirectory, symbols: Iterable[str] | None, interval: str | None) -> list[str]:
    """Return the stored series of these symbols, in any spelling, or of all (None).

    Without an interval these are the ones that are shown; of all, those without one at it are left out. Raises
    `NotFoundError` for a symbol that has no rows, or none at this interval.
    """
    names: dict[str, list[str]] = {}
    for name in directory.store.latest().bars.symbols:
        names.setdefault(symbol_of(name), []).append(name)
    series = StoredSeries(directory.store, lambda symbol: names.get(symbol, ()))
    found = []
    for given in names if symbols is None else symbols:
        symbol = meant_symbol(given, names)
        if symbol_of(symbol) not in names:
            raise unknown_symbol(symbol, list(names), directory.path)
        try:
            found.append(series.stored(symbol, interval))
        except NotFoundError:
            if symbols is not None:
                raise
    return found


def outputs_of(indicators: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns that these specs make. Raises `SpecError`."""
    return tuple(name for spec in parse_all(indicators) for name in spec.outputs)


class FirstKnownRows:
    """Read bars as they were first stored, so that indicators are computed from what was known."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return rows as `Store.rows` does."""
        return self._reader.rows(symbol, start, end, limit).as_known()
