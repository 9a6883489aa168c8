"""Give the rows of a store with the values of any indicators, whichever part of the history is asked for.

A value of a bar depends on all bars of its series up to it, never on how many of them were asked for: every value is
what the live engine gives when it has seen the series from its first bar on, bit for bit. To be quick all the same, the
view keeps the engine's state at every `KEPT_BARS`-th bar and goes on from the newest one before the rows in question.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from tapeline.core.market import Floats, Revisions
from tapeline.core.ports import IndicatorStates
from tapeline.core.rows import Rows
from tapeline.errors import DecodeError, StorageError
from tapeline.indicators import Engine, parse

#: Bars between two kept states of an engine.
KEPT_BARS = 4096

_MOST_STATE_BYTES = 64 * 1024 * 1024
_MOST_ENGINES = 64
_TRIES = 3  # before all history is read at once, because bars are revised faster than values are computed
_LONG_LEAD = 256  # bars
_FIRST = -(1 << 62)


class RowReader(Protocol):
    """Give the view its rows: a `Store`, or bars resampled from one."""

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return rows as `Store.rows` does."""
        ...


@dataclass(slots=True)
class _Track:
    """Keep the states of one engine along one series: parallel lists, and the newest revision that they allow for."""

    timestamps: list[int] = field(default_factory=list)
    states: list[bytes] = field(default_factory=list)
    revision: int = 0

    def drop_from(self, since: int) -> None:
        """Forget the states that a bar at this time, or an earlier one, went into."""
        kept = int(np.searchsorted(np.array(self.timestamps, np.int64), since))
        del self.timestamps[kept:], self.states[kept:]

    def keep(self, timestamp: int, state: bytes) -> None:
        at = int(np.searchsorted(np.array(self.timestamps, np.int64), timestamp))
        if at == len(self.timestamps) or self.timestamps[at] != timestamp:
            self.timestamps.insert(at, timestamp)
            self.states.insert(at, state)

    def before(self, timestamp: int) -> tuple[int, bytes] | None:
        at = int(np.searchsorted(np.array(self.timestamps, np.int64), timestamp)) - 1
        return (self.timestamps[at], self.states[at]) if at >= 0 else None


class IndicatorView:
    """Give rows with indicator values, to any number of threads; one of them computes at a time.

    An answer is of one moment: where bars are revised while it is computed, it is computed again.

    A reader that keeps engine states (`IndicatorStates`) is asked for them, and given new ones. Raises `SpecError` for
    specs that cannot be computed.
    """

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader
        self._kept_states = reader if isinstance(reader, IndicatorStates) else None
        self._lock = threading.Lock()
        self._engines: OrderedDict[tuple[str, ...], Engine] = OrderedDict()
        self._tracks: OrderedDict[tuple[tuple[str, ...], str], _Track] = OrderedDict()

    def rows(
        self, symbol: str, specs: Sequence[str], start: int | None = None, end: int | None = None,
        limit: int | None = None,
    ) -> Rows:  # fmt: skip
        """Return the symbol's rows with start <= timestamp < end, the newest `limit` of them, with these indicators.

        `names` are the outputs of `specs`, in their order. Values that the store keeps are taken as they are.
        """
        rows = self._reader.rows(symbol, start, end, limit)
        names = tuple(dict.fromkeys(name for spec in specs for name in parse(spec).outputs))
        if not len(rows) or set(names) <= set(rows.names):
            columns = [rows.names.index(name) for name in names] if len(rows) else []
            indicator = rows.indicator[:, columns] if len(rows) else np.empty((0, len(names)))
            return replace(rows, names=names, indicator=indicator)
        with self._lock:
            engine = self._engine(tuple(specs))
            for _ in range(_TRIES):
                values = self._computed(engine, symbol, rows)
                if values is not None:
                    break
                rows = self._reader.rows(symbol, start, end, limit)
            else:
                rows, values = self._computed_at_once(engine, symbol, start, end, limit)
        return replace(rows, names=names, indicator=values[:, [engine.outputs.index(name) for name in names]])

    def _engine(self, specs: tuple[str, ...]) -> Engine:
        engine = self._engines.pop(specs, None)
        self._engines[specs] = engine = Engine(specs, live=False) if engine is None else engine
        while len(self._engines) > _MOST_ENGINES:
            self._engines.popitem(last=False)
        return engine

    def _computed(self, engine: Engine, symbol: str, rows: Rows) -> Floats | None:
        """Return the values of these rows; None where bars before them were revised after they were read."""
        track = self._track(engine.specs, symbol, rows.revisions)
        if track is None:
            return None
        first = int(rows.bars.timestamp[0])
        engine.forget(symbol)
        made: list[tuple[int, bytes]] = []
        stands = self._restored(engine, symbol, track, first)
        lead = self._reader.rows(symbol, None if stands is None else stands + 1, first)
        if rows.revisions is not None and lead.revisions not in (None, rows.revisions):
            return None
        advance(engine, symbol, lead, made)
        if rows.revisions is not None and len(lead) > _LONG_LEAD:
            # whoever follows the newest rows asks for nearly the same next time
            track.keep(int(lead.bars.timestamp[-1]), engine.snapshot(symbol))
        values = self._values(engine, symbol, rows, made)
        if rows.revisions is not None:
            self._keep(engine, symbol, track, made, rows.revisions)
        return values

    def _computed_at_once(
        self, engine: Engine, symbol: str, start: int | None, end: int | None, limit: int | None
    ) -> tuple[Rows, Floats]:
        """Return rows with their values from one read of all history, which no revision can come into."""
        rows = self._reader.rows(symbol, None, end)
        engine.forget(symbol)
        values = self._values(engine, symbol, rows, [])
        first = 0 if start is None else int(np.searchsorted(rows.bars.timestamp, start))
        first = first if limit is None else max(first, len(rows) - limit)
        return rows[first:], values[first:]

    def _values(self, engine: Engine, symbol: str, rows: Rows, made: list[tuple[int, bytes]]) -> Floats:
        """Return the values of rows that continue what the engine has seen, which it forgets after that."""
        closed = int(np.count_nonzero(rows.bars.final))
        values = advance(engine, symbol, rows[:closed], made)
        if closed < len(rows):
            forming = rows.bars[closed:]
            values = np.concatenate((values, engine.peek(forming, session=engine.sessions(forming))))
        engine.forget(symbol)
        return values

    def _restored(self, engine: Engine, symbol: str, track: _Track, first: int) -> int | None:
        """Put the engine where the newest state before this time stands, and return that time; None without one."""
        found = [state for state in (track.before(first),) if state is not None]
        if self._kept_states is not None:
            stored = self._kept_states.indicator_state(symbol, engine.layout, first)
            found += [] if stored is None else [stored]
        for timestamp, state in sorted(found, reverse=True):
            with contextlib.suppress(DecodeError):  # damaged on the disk: there are older ones, or the bars
                engine.restore(symbol, state)
                return timestamp
        return None

    def _track(self, specs: tuple[str, ...], symbol: str, revisions: Revisions | None) -> _Track | None:
        """Return the states that still hold after the latest revisions; None if there are newer ones than these."""
        track = self._tracks.setdefault((specs, symbol), _Track())
        self._tracks.move_to_end((specs, symbol))
        if revisions is not None and track.revision > (revisions[-1][0] if revisions else 0):
            return None
        if revisions:
            known = [since for number, since in revisions if number > track.revision]
            every = revisions[0][0] <= track.revision + 1
            if known:
                track.drop_from(min(known) if every else _FIRST)
            track.revision = revisions[-1][0]
        return track

    def _keep(
        self, engine: Engine, symbol: str, track: _Track, made: list[tuple[int, bytes]], revisions: Revisions
    ) -> None:
        for timestamp, state in made:
            track.keep(timestamp, state)
        if made and self._kept_states is not None:
            with contextlib.suppress(StorageError):  # a full or read-only disk makes the next start slower, no more
                self._kept_states.keep_indicator_states(symbol, engine.layout, made, revisions)
        most = max(1, _MOST_STATE_BYTES // max(engine.bytes_per_symbol, 1))
        while sum(len(each.states) for each in self._tracks.values()) > most and len(self._tracks) > 1:
            self._tracks.popitem(last=False)


def advance(engine: Engine, symbol: str, rows: Rows, made: list[tuple[int, bytes]]) -> Floats:
    """Commit final rows of a symbol to an engine and return their values, float64 [len(rows), len(engine.outputs)].

    Adds the engine's state at every `KEPT_BARS`-th bar to `made`, with the bar's open time.
    """
    parts = []
    start = 0
    while start < len(rows):
        stop = start + KEPT_BARS - engine.count(symbol) % KEPT_BARS
        bars = rows.bars[start:stop]
        parts.append(engine.update(bars, session=engine.sessions(bars)))
        if engine.count(symbol) % KEPT_BARS == 0:
            made.append((int(bars.timestamp[-1]), engine.snapshot(symbol)))
        start = stop
    return np.concatenate(parts) if parts else np.empty((0, len(engine.outputs)))
