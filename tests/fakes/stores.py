"""A store in memory that counts its reads, fails when asked to, and can die between any two writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tapeline.core.market import Bar, Reject
from tapeline.core.messages import Commit, SymbolState
from tapeline.core.ports import KEPT_CHECKPOINTS
from tapeline.core.rejects import thinned
from tapeline.core.rows import Row, Rows
from tapeline.core.series import is_series_of
from tapeline.errors import ConflictError
from tests.fakes import Writes


class MemoryTables(Writes):
    """What is stored, shared by every process (`MemoryStore`) that opens it.

    `states` has the version of each symbol's state beside it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[str, dict[int, Row]] = {}
        self.newest: dict[str, Row] = {}
        self.states: dict[str, tuple[int, SymbolState]] = {}
        self.checkpoints: dict[str, dict[int, SymbolState]] = {}
        self.rejects: list[Reject] = []
        self.position = 0

    def opened(self) -> MemoryStore:
        """Return the store as a fresh process sees it."""
        return MemoryStore(self)


class MemoryStore:
    """A `Store` and `RejectLog`: one process's view of `tables`, which are its own unless given.

    It writes rows first; then, for each symbol at once, the newest row, the state and its checkpoint, if the state is
    still the one loaded here. `reads` counts the rows handed out by `rows`. `error`, while set, is raised by reads.
    """

    keeps_indicators = True

    def __init__(self, tables: MemoryTables | None = None) -> None:
        self.tables = MemoryTables() if tables is None else tables
        self.reads = 0
        self.error: Exception | None = None
        self._versions: dict[str, int] = {}

    def put(self, *rows: Row) -> None:
        """Store these rows without a state, as a test's starting point."""
        self.commit(Commit(Rows.of(rows), {}, self.tables.position))

    def remove(self, symbol: str) -> None:
        """Forget the rows of a symbol."""
        del self.tables.items[symbol]

    def commit(self, commit: Commit) -> None:
        _check(commit)
        tables = self.tables
        for row in commit.rows:
            tables.before_write()
            tables.items.setdefault(row.stock_symbol, {})[row.timestamp] = row
        newest = {row.stock_symbol: row for row in sorted(commit.rows, key=lambda row: row.timestamp)}
        conflicts = []
        for symbol in dict.fromkeys([*newest, *commit.states, *commit.checkpoints, *commit.rewound]):
            tables.before_write()
            if symbol in commit.states and not self._replace_state(symbol, commit.states[symbol]):
                conflicts.append(symbol)
                continue
            known = tables.newest.get(symbol)
            if symbol in newest and (known is None or known.timestamp <= newest[symbol].timestamp):
                tables.newest[symbol] = newest[symbol]
            self._keep_checkpoints(symbol, commit)
        if conflicts:
            raise ConflictError(conflicts)
        tables.rejects += commit.rejects
        tables.position = commit.position

    def _replace_state(self, symbol: str, state: SymbolState) -> bool:
        version, _ = self.tables.states.get(symbol, (0, None))
        if self._versions.get(symbol, 0) != version:
            return False
        self._versions[symbol] = version + 1
        self.tables.states[symbol] = version + 1, state
        return True

    def _keep_checkpoints(self, symbol: str, commit: Commit) -> None:
        kept = self.tables.checkpoints.setdefault(symbol, {})
        if symbol in commit.rewound:
            for time in [time for time in kept if time >= commit.rewound[symbol]]:
                del kept[time]
        if symbol in commit.checkpoints:
            kept[commit.checkpoints[symbol].timestamp] = commit.checkpoints[symbol]
        for time in sorted(kept)[:-KEPT_CHECKPOINTS]:
            del kept[time]

    def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
        found = {s: v for s, v in self.tables.states.items() if symbols is None or s in symbols}
        for symbol in symbols or found:
            self._versions[symbol] = found[symbol][0] if symbol in found else 0
        states = {symbol: replace(state, forming=self._forming(symbol)) for symbol, (_, state) in found.items()}
        return states, self.tables.position

    def _forming(self, symbol: str) -> Bar | None:
        row = self.tables.newest.get(symbol)
        return None if row is None or row.final else next(iter(Rows.of([row]).bars))

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        kept = self.tables.checkpoints.get(symbol, {})
        return kept[max(before)] if (before := [time for time in kept if time < timestamp]) else None

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        self._fail()
        own = self.tables.items.get(symbol, {})
        times = [t for t in sorted(own) if (start is None or t >= start) and (end is None or t < end)]
        times = times[len(times) - min(len(times), limit) :] if limit is not None else times
        self.reads += len(times)
        return Rows.of([own[time] for time in times])

    def latest(self) -> Rows:
        self._fail()
        newest = [own[max(own)] for _, own in sorted(self.tables.items.items())]
        return Rows.of([replace(row, indicator={}) for row in newest])

    def series(self, symbol: str) -> tuple[str, ...]:
        self._fail()
        return tuple(name for name, rows in sorted(self.tables.items.items()) if rows and is_series_of(name, symbol))

    def rejects(self, limit: int | None = None) -> Iterator[Reject]:
        kept = list(thinned(dict.fromkeys(self.tables.rejects)))
        yield from kept if limit is None else kept[len(kept) - min(len(kept), limit) :]

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


def _check(commit: Commit) -> None:
    """Refuse what a backend could not write, before anything is written."""
    for symbol, state in [*commit.states.items(), *commit.checkpoints.items()]:
        if not isinstance(state.data, bytes) or not isinstance(state.timestamp, int):
            raise TypeError(f"the state of {symbol} has a time or bytes of another type")
