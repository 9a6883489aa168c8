"""Keep bars, forecasts, states, checkpoints and rejects in the SQLite file that also holds the stream.

Final bars are blocks of columns (`bar_blocks`, `block_table`); the newest row of every symbol, which may still be
forming, is a row of its own. Indicator values are not stored: computing them from the bars is cheaper than reading them
(`runtime.indicator_view`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence

from tapeline.backends.sqlite.checked_rows import checked_rows, put_rows, whole_row
from tapeline.backends.sqlite.commit_blocks import NEWEST, PreparedSymbol, prepare
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.reject_table import RejectTable, are_complete
from tapeline.backends.sqlite.revision_table import add_revision, revisions_of
from tapeline.backends.sqlite.series_reading import SeriesReader
from tapeline.core.market import Reject, Revisions
from tapeline.core.messages import NO_STATE, Commit, SymbolState
from tapeline.core.rows import Rows


class SqliteStore(SeriesReader):
    """Be the `Store` and the `RejectLog` over a `Database`. How rows are read is in `SeriesReader`.

    `notify` is given a line about whatever is found damaged, such as a block: whose bars cannot be read, and which.
    """

    keeps_indicators = False

    def __init__(self, database: Database, notify: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(database)
        self._damage.tell(notify)
        self._rejects = RejectTable()

    # -- writing -----------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        try:
            prepared = self._prepared(commit.rows)
            with self._database.transaction() as connection:
                self._put_rows(connection, prepared)
                known = {**commit.states, **commit.rewound, **commit.checkpoints}
                numbers = self._names.numbers(connection, "symbols", known)
                put_rows(connection, "states", _state_values(numbers, commit.states))
                rewound = [(numbers[symbol], since) for symbol, since in commit.rewound.items()]
                connection.executemany("DELETE FROM checkpoints WHERE symbol = ? AND timestamp >= ?", rewound)
                put_rows(connection, "checkpoints", _state_values(numbers, commit.checkpoints))
                self._rejects.add(connection, commit.rejects)
                put_rows(connection, "meta", [("position", commit.position)])
        except BaseException:
            self._names.forget()  # numbers given out inside the transaction were rolled back with it
            self._blocks.forget()
            raise

    def _prepared(self, rows: Rows) -> list[PreparedSymbol]:
        """Return what to store of each symbol, encoded before the file is locked."""
        if not len(rows):
            return []
        symbols = self._names.known_numbers("symbols", rows.bars.symbols)
        models = self._names.known_numbers("models", rows.models)
        if symbols is None or models is None:
            with self._database.transaction() as connection:
                symbols = self._names.numbers(connection, "symbols", rows.bars.symbols)
                models = self._names.numbers(connection, "models", rows.models)
        return prepare(rows, symbols, models)

    def _put_rows(self, connection: sqlite3.Connection, prepared: Sequence[PreparedSymbol]) -> None:
        """Store final bars as blocks, one a symbol, and the newest row of each symbol by itself."""
        for symbol, block, _ in prepared:
            if block is not None and self._blocks.put(connection, symbol, block):
                add_revision(connection, symbol, int(block.block.timestamp[0]))
        updated = ", ".join(f"{name} = excluded.{name}" for name in (*NEWEST, "crc"))
        put_rows(
            connection, "newest", [(symbol, *newest) for symbol, _, newest in prepared],
            clause=f"ON CONFLICT (symbol) DO UPDATE SET {updated} WHERE excluded.timestamp > timestamp "
            "OR excluded.timestamp = timestamp AND (excluded.final OR NOT final)",
        )  # fmt: skip

    # -- reading -----------------------------------------------------------------------------------------------------

    def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
        """Return states and position; damaged states as bytes that no processor takes: it computes the symbol anew."""
        wanted = None if symbols is None else set(symbols)
        states: dict[str, SymbolState] = {}
        with self._database.reading() as reader:
            for number, name in self._names.all(reader, "symbols").items() if wanted is None or wanted else ():
                if wanted is not None and name not in wanted:
                    continue
                row, whole = whole_row(reader, "states", "symbol", number)
                if row is not None:
                    states[name] = SymbolState(row[1], row[2]) if whole else SymbolState(0, NO_STATE)
                if not whole:
                    self._damage.note(("states", number), f"{name}: what is remembered of it is damaged")
            return states, self._position(reader)

    def _position(self, reader: sqlite3.Connection) -> int:
        row, whole = whole_row(reader, "meta", "name", "position")
        if whole:
            return row[1] if row else 0
        self._damage.note(("meta", "position"), "how far the log was processed is damaged: it is read again")
        (first,) = reader.execute("SELECT coalesce(min(first), 0) FROM log").fetchone()
        return int(first)

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        with self._database.reading() as reader:
            number = self._names.find(reader, "symbols", symbol)
            rest = "WHERE symbol = ? AND timestamp < ? ORDER BY timestamp DESC"
            for row, whole in checked_rows(reader, "checkpoints", rest, (number, timestamp)):
                if whole:
                    return SymbolState(*row[1:])
                self._damage.note(("checkpoints", symbol), f"{symbol}: a checkpoint is damaged, an older one is used")
        return None

    # -- indicator states --------------------------------------------------------------------------------------------

    def indicator_state(self, symbol: str, layout: str, before: int) -> tuple[int, bytes] | None:
        with self._database.reading() as reader:
            number = self._names.find(reader, "symbols", symbol)
            rest = "WHERE symbol = ? AND layout = ? AND timestamp < ? ORDER BY timestamp DESC"
            for row, whole in checked_rows(reader, "indicator_states", rest, (number, layout, before)):
                if whole:
                    return int(row[2]), row[3]
                text = f"{symbol}: a state of its indicators is damaged and unused"
                self._damage.note(("indicator_states", number), text)
        return None

    def keep_indicator_states(
        self, symbol: str, layout: str, states: Sequence[tuple[int, bytes]], revisions: Revisions
    ) -> None:
        with self._database.transaction() as connection:
            number = self._names.numbers(connection, "symbols", [symbol])[symbol]
            if revisions_of(connection, number, self._damage) == revisions:
                rows = [(number, layout, timestamp, data) for timestamp, data in states]
                put_rows(connection, "indicator_states", rows)

    # -- rejects and damage --------------------------------------------------------------------------------------------

    def rejects(self, limit: int | None = None) -> Iterator[Reject]:
        with self._database.reading() as reader:
            rest = "WHERE id IN (SELECT id FROM rejects ORDER BY id DESC LIMIT ?) ORDER BY id"
            found = list(checked_rows(reader, "rejects", rest, (-1 if limit is None else limit,)))
            complete = are_complete(reader)
        damaged = sum(not whole for _, whole in found)
        if damaged:
            self._damage.note(("rejects", damaged), f"{damaged:,} rejected records are damaged, and left out")
        elif not complete:
            self._damage.note(("rejects", -1), "rejected records are missing, or damaged")
        return (Reject(*row) for row, whole in found if whole)

    @property
    def damaged(self) -> tuple[str, ...]:
        """Return what was found damaged so far, one line each. What cannot be read is passed over."""
        return self._damage.lines


def _state_values(numbers: Mapping[str, int], states: Mapping[str, SymbolState]) -> list[tuple[int, int, bytes]]:
    return [(numbers[symbol], state.timestamp, state.data) for symbol, state in states.items()]
