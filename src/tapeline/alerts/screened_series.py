"""Choose one series of each symbol for the screener, and read the newest rows of all of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tapeline.alerts.rules import Rule
from tapeline.alerts.window_terms import RowsReader, window_values
from tapeline.core.candle_intervals import choices
from tapeline.core.market import Floats
from tapeline.core.ports import Store
from tapeline.core.rows import Rows
from tapeline.core.series import split_series, symbol_of
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.core.times import interval_ms, interval_name
from tapeline.errors import NotPossibleError
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.interval_views import IntervalViews
from tapeline.runtime.newest_rows import NewestRows
from tapeline.runtime.series_tails import TAIL
from tapeline.runtime.stored_series import shown_of


@dataclass(frozen=True, slots=True)
class NewestOfAll:
    """Hold the newest rows of each series, series after series. `interval` returns that of a series, by its name.

    `reader` returns what reads a series' rows, or the candles made of them.
    """

    rows: Rows
    interval: Callable[[str], str]
    reader: Callable[[str], RowsReader]

    def windows(self, columns: Sequence[str], models: Callable[[], Mapping[str, RangeModel]]) -> dict[str, Floats]:
        """Return those of these columns that look back at earlier bars, float64 [len(rows)] each."""
        bars = self.rows.bars
        edges = np.flatnonzero(np.diff(bars.code, prepend=-1, append=-1)).tolist()
        parts: dict[str, list[Floats]] = {}
        for start, stop in itertools.pairwise(edges):
            name = bars.symbols[bars.code[start]]
            own = window_values(self.reader(name), name, bars.timestamp[start:stop], columns, models)
            for column, values in own.items():
                parts.setdefault(column, []).append(values)
        return {column: np.concatenate(values) for column, values in parts.items()}


class ScreenedSeries:
    """Read one series of every symbol of a store: the one that is shown, or the one at an interval.

    Where that interval is not stored, candles are made of the longest stored bars that divide it, as for a chart; that
    is slower. Any number of threads may ask.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest = NewestRows(store)
        self._names: dict[str, list[str]] = {}
        self._views = IntervalViews(store, lambda symbol: self._names.get(symbol, ()))
        self._lock = threading.Lock()

    def read(
        self, rule: Rule, specs: tuple[str, ...], interval: str | None = None, at: int | None = None
    ) -> NewestOfAll | None:
        """Return the newest rows with these indicators of the series that the rule is about; None without any.

        Raises `NotPossibleError` where no symbol has bars that make this interval.
        """
        latest = self._store.latest()
        symbols = (latest.bars.symbols[code] for code in latest.bars.code.tolist())
        newest = dict(zip(symbols, latest.bars.timestamp.tolist(), strict=True))
        with self._lock:
            chosen = self._chosen(rule, newest, interval)
        if not chosen:
            return None
        before = None if at is None else at + 1
        stored = [name for name, own in chosen.items() if own is None or own[0] == own[1]]
        parts = [] if not stored else [self._newest.read(stored, specs, before, forming=rule.forming)]
        for name, own in chosen.items():
            if own is not None and own[0] != own[1]:
                rows = self._views.at(*own).rows(name, specs, end=before, limit=TAIL + 1)
                parts.append((rows if rule.forming else rows[np.flatnonzero(rows.bars.final)])[-TAIL:])
        found = [part for part in parts if part is not None and len(part)]
        if not found:
            return None

        def interval_of(name: str) -> str:
            own = chosen[name]
            return interval_name(self._length(name) if own is None else own[1])

        def reader_of(name: str) -> RowsReader:
            own = chosen[name]
            if own is None or own[0] == own[1]:
                return self._store.rows
            view = self._views.at(*own)

            def candles(
                symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None
            ) -> Rows:
                return view.rows(symbol, (), start, end, limit)

            return candles

        return NewestOfAll(Rows.concat(found), interval_of, reader_of)

    def _chosen(self, rule: Rule, newest: Mapping[str, int], interval: str | None) -> dict[str, tuple[int, int] | None]:
        """Return the series to read with the lengths (ms) of their bars and of the candles wanted.

        None stands for the bars as they are, whose length nobody asked for: telling it takes a read of each series.
        """
        several: dict[str, list[str]] = {}
        for name in newest:
            several.setdefault(symbol_of(name), []).append(name)
        self._names = several  # at once: other threads are using the names of before
        found: dict[str, tuple[int, int] | None] = {}
        refused: set[str] = set()
        impossible = interval
        for wanted, own, names in _wanted(rule, several):
            asked = interval if own is None else own
            if asked is None:
                name = names[0]
                if len(names) > 1:
                    name = shown_of({each: self._length(each) for each in names}, newest)
                found[name] = None
                continue
            try:
                name, length, candles = self._views.series.find(wanted, asked)
            except NotPossibleError:
                impossible = asked
                refused.update(each for name in names for each in choices(self._length(name)))
                continue
            found[name] = (length, candles)
        if not found and refused:
            possible = ", ".join(sorted(refused, key=lambda name: interval_ms(name) or 0))
            raise NotPossibleError(f"no bars make {impossible} candles; intervals to choose from: {possible}")
        return found

    def _length(self, name: str) -> int:
        """Return the length of a series' bars (ms)."""
        own = split_series(name)[1]
        return own if own is not None else self._views.series.length(name)


def _wanted(rule: Rule, stored: Mapping[str, list[str]]) -> Iterable[tuple[str, str | None, list[str]]]:
    """Yield each symbol that the rule is about, its own interval where the rule names a series, and its series."""
    if not rule.symbols:
        for symbol, names in stored.items():
            yield symbol, None, names
        return
    kept = {canonical_symbol(symbol): symbol for symbol in stored}
    for given in rule.symbols:
        symbol, own = split_series(given)
        if symbol in kept:
            yield kept[symbol], None if own is None else interval_name(own), stored[kept[symbol]]
