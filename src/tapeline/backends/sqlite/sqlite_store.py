"""Keep bars, forecasts, states, checkpoints and rejects in the SQLite file that also holds the stream.

Final bars are blocks of columns (`bar_blocks`, `block_table`); the newest row of every symbol, which may still be
forming, is a row of its own. Indicator values are not stored: computing them from the bars is cheaper than reading them
(`runtime.indicator_view`).
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_table import BlockTable, PreparedBlock
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.reject_table import RejectTable
from tapeline.core.market import FORECAST, OHLCV, Bars, Floats, Reject, Revisions, Rows
from tapeline.core.ports import Commit, SymbolState

_EARLIEST, _LATEST = -(1 << 62), 1 << 62
_NEVER_CORRECTED = np.zeros(0, np.int64), np.zeros((0, len(OHLCV)))
_EMPTY = Block(
    np.zeros(0, np.int64), np.zeros((0, len(OHLCV))),
    {name: np.zeros(0, dtype) for name, (dtype, _) in FORECAST.items()}, np.zeros(0, np.int32), *_NEVER_CORRECTED,
)  # fmt: skip
_KEPT_REVISIONS = 64  # a symbol; whoever looks less often computes its indicators anew
_NewestRow = tuple[float, ...]
_NEWEST = ("timestamp", *OHLCV, "final", "model", *FORECAST)


class SqliteStore:
    """Be the `Store` and the `RejectLog` over a `Database`.

    `notify` is given a line about each block that cannot be read: whose bars are missing, from when to when, and why.
    """

    keeps_indicators = False

    def __init__(self, database: Database, notify: Callable[[str], None] = lambda _: None) -> None:
        self._database = database
        self._blocks = BlockTable(notify)
        self._rejects = RejectTable()
        self._ids: dict[tuple[str, str], int] = {}
        self._versions: dict[int, str] = {}

    # -- writing -----------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        try:
            prepared = self._prepared(commit.rows)
            with self._database.transaction() as connection:
                self._put_rows(connection, prepared)
                connection.executemany(
                    "INSERT OR REPLACE INTO states VALUES (?, ?, ?)", self._state_values(connection, commit.states)
                )
                connection.executemany(
                    "DELETE FROM checkpoints WHERE symbol = ? AND timestamp >= ?",
                    [(self._id(connection, "symbol", symbol), since) for symbol, since in commit.rewound.items()],
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)",
                    self._state_values(connection, commit.checkpoints),
                )
                self._rejects.add(connection, commit.rejects)
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('position', ?)", (commit.position,))
        except BaseException:
            self._ids.clear()  # ids handed out inside the transaction were rolled back with it
            self._blocks.forget()
            raise

    def _prepared(self, rows: Rows) -> list[tuple[int, PreparedBlock | None, _NewestRow]]:
        """Return what to store of each symbol: its number, its final bars, and its newest row."""
        if not len(rows):
            return []
        bars = rows.bars
        if any(("symbol", name) not in self._ids for name in bars.symbols) or any(
            ("model", name) not in self._ids for name in rows.models
        ):
            with self._database.transaction() as connection:
                for kind, names in (("symbol", bars.symbols), ("model", rows.models)):
                    for name in names:
                        self._id(connection, kind, name)
        order = np.lexsort((bars.timestamp, bars.code))  # stable: of two rows of one bar the later one stays last
        code, timestamp = bars.code[order], bars.timestamp[order]
        kept = np.append((np.diff(code) != 0) | (np.diff(timestamp) != 0), True)
        order = order[kept]
        models = np.array([*(self._ids["model", version] for version in rows.models), -1], np.int32)
        known = np.full((len(rows), len(OHLCV)), np.nan) if rows.known is None else rows.known[order]
        corrected = np.flatnonzero(~np.isnan(known[:, 0]))
        said = {name: column[order] for name, column in rows.forecast.items()}
        said["probability"] = np.where(said["prediction"] != 0, said["probability"], np.nan)
        ranges = None if rows.ranges is None else rows.ranges[order]
        by = None if rows.range_model is None else models[rows.range_model[order]]
        whole = Block(
            bars.timestamp[order], np.stack([getattr(bars, name)[order] for name in OHLCV], axis=1), said,
            models[rows.model[order]], corrected, known[corrected], ranges, by,
        )  # fmt: skip
        final = bars.final[order]
        edges = np.flatnonzero(np.diff(bars.code[order], prepend=-1, append=-1)).tolist()
        prepared = []
        for start, stop in itertools.pairwise(edges):
            symbol = self._ids["symbol", bars.symbols[bars.code[order[start]]]]
            closed = start + int(np.count_nonzero(final[start:stop]))
            if not final[start:closed].all():  # a forming bar before a final one was replaced by it
                raise ValueError("a forming bar must be its symbol's newest")
            last = stop - 1
            newest = (
                int(whole.timestamp[last]), *whole.values[last].tolist(), bool(final[last]), int(whole.model[last]),
                *(column[last].item() for column in said.values()),
            )  # fmt: skip
            prepared.append((symbol, PreparedBlock(whole[start:closed]) if closed > start else None, newest))
        return prepared

    def _put_rows(
        self, connection: sqlite3.Connection, prepared: Sequence[tuple[int, PreparedBlock | None, _NewestRow]]
    ) -> None:
        """Store final bars as blocks, one a symbol, and the newest row of each symbol by itself."""
        for symbol, block, _ in prepared:
            if block is not None and self._blocks.put(connection, symbol, block):
                self._revised(connection, symbol, int(block.block.timestamp[0]))
        connection.executemany(
            f"INSERT INTO newest (symbol, {', '.join(_NEWEST)}) VALUES (?{', ?' * len(_NEWEST)}) "  # noqa: S608
            f"ON CONFLICT (symbol) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _NEWEST)} "
            "WHERE excluded.timestamp > timestamp OR excluded.timestamp = timestamp AND (excluded.final OR NOT final)",
            [(symbol, *newest) for symbol, _, newest in prepared],
        )

    def _revised(self, connection: sqlite3.Connection, symbol: int, since: int) -> None:
        """Note that bars from `since` on changed, and drop the indicator states that were made from them."""
        (number,) = connection.execute(
            "SELECT coalesce(max(number), 0) + 1 FROM revisions WHERE symbol = ?", (symbol,)
        ).fetchone()
        connection.execute("INSERT INTO revisions VALUES (?, ?, ?)", (symbol, number, since))
        connection.execute("DELETE FROM revisions WHERE symbol = ? AND number <= ?", (symbol, number - _KEPT_REVISIONS))
        connection.execute("DELETE FROM indicator_states WHERE symbol = ? AND timestamp >= ?", (symbol, since))

    def _state_values(
        self, connection: sqlite3.Connection, states: Mapping[str, SymbolState]
    ) -> list[tuple[int, int, bytes]]:
        return [
            (self._id(connection, "symbol", symbol), state.timestamp, state.data) for symbol, state in states.items()
        ]

    def _id(self, connection: sqlite3.Connection, kind: str, name: str) -> int:
        """Return the number of a symbol or model, given out at its first use."""
        known = self._ids.get((kind, name))
        if known is None:
            table, column = {"symbol": ("symbols", "symbol"), "model": ("models", "version")}[kind]
            connection.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (name,))  # noqa: S608
            known = connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", (name,)).fetchone()[0]  # noqa: S608
            self._ids[kind, name] = known
        return known

    # -- reading -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's reader inside a transaction: everything read in it is of one moment."""
        with self._database.reading() as reader:
            yield reader

    def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
        wanted = None if symbols is None else set(symbols)
        with self._snapshot() as reader:
            found = reader.execute(
                "SELECT symbols.symbol, timestamp, data FROM states JOIN symbols ON symbols.id = states.symbol"
            ).fetchall()
            position = reader.execute("SELECT value FROM meta WHERE name = 'position'").fetchone()
        states = {s: SymbolState(time, data) for s, time, data in found if wanted is None or s in wanted}
        return states, position[0] if position else 0

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        with self._snapshot() as reader:
            row = reader.execute(
                "SELECT timestamp, data FROM checkpoints WHERE symbol = (SELECT id FROM symbols WHERE symbol = ?) "
                "AND timestamp < ? ORDER BY timestamp DESC LIMIT 1",
                (symbol, timestamp),
            ).fetchone()
        return SymbolState(*row) if row else None

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        low = _EARLIEST if start is None else start
        high = _LATEST if end is None else end
        with self._snapshot() as reader:
            known = reader.execute("SELECT id FROM symbols WHERE symbol = ?", (symbol,)).fetchone()
            if known is None:
                return self._made(reader, (symbol,), [], None, ())
            (number,) = known
            revisions = self._revisions(reader, number)
            newest = reader.execute(
                f"SELECT {', '.join(_NEWEST)} FROM newest "  # noqa: S608
                "WHERE symbol = ? AND NOT final AND timestamp >= ? AND timestamp < ?",
                (number, low, high),
            ).fetchone()
            wanted = _LATEST if limit is None else max(limit - (newest is not None), 0)
            blocks: list[Block] = []
            for entry in self._blocks.newest_entries(reader, number, low, high) if wanted else ():
                block = self._blocks.read(reader, entry)
                if block is None:
                    continue
                inside = slice(*np.searchsorted(block.timestamp, (low, high)).tolist())
                blocks.append(block[inside])
                wanted -= len(blocks[-1])
                if wanted <= 0:
                    break
            blocks.reverse()
            if wanted < 0:
                blocks[0] = blocks[0][-wanted:]
            return self._made(reader, (symbol,), blocks, newest if limit != 0 else None, revisions)

    def latest(self) -> Rows:
        with self._snapshot() as reader:
            found = reader.execute(
                f"SELECT symbols.symbol, {', '.join(f'newest.{c}' for c in _NEWEST)} FROM newest "  # noqa: S608
                "JOIN symbols ON symbols.id = newest.symbol ORDER BY symbols.symbol"
            ).fetchall()
            columns = tuple(zip(*found, strict=True)) if found else ((),) * (len(_NEWEST) + 1)
            symbols, timestamp, open_, high, low, close, volume, final, model, *said = columns
            bars = Bars(
                tuple(symbols), np.arange(len(found), dtype=np.int32), np.array(timestamp, np.int64),
                np.array(open_, np.float64), np.array(high, np.float64), np.array(low, np.float64),
                np.array(close, np.float64), np.array(volume, np.float64), np.array(final, np.bool_),
            )  # fmt: skip
            return self._rows(reader, bars, _forecast(said), np.array(model, np.int32))

    # -- indicator states --------------------------------------------------------------------------------------------

    def indicator_state(self, symbol: str, layout: str, before: int) -> tuple[int, bytes] | None:
        with self._snapshot() as reader:
            found = reader.execute(
                "SELECT timestamp, data FROM indicator_states WHERE symbol = (SELECT id FROM symbols WHERE symbol = ?) "
                "AND layout = ? AND timestamp < ? ORDER BY timestamp DESC LIMIT 1",
                (symbol, layout, before),
            ).fetchone()
        return (int(found[0]), found[1]) if found else None

    def keep_indicator_states(
        self, symbol: str, layout: str, states: Sequence[tuple[int, bytes]], revisions: Revisions
    ) -> None:
        with self._database.transaction() as connection:
            number = self._id(connection, "symbol", symbol)
            if self._revisions(connection, number) == revisions:
                connection.executemany(
                    "INSERT OR REPLACE INTO indicator_states VALUES (?, ?, ?, ?)",
                    [(number, layout, timestamp, data) for timestamp, data in states],
                )

    def _revisions(self, connection: sqlite3.Connection, symbol: int) -> Revisions:
        query = "SELECT number, since FROM revisions WHERE symbol = ? ORDER BY number"
        return tuple((number, since) for number, since in connection.execute(query, (symbol,)))

    # -- facts about the file ----------------------------------------------------------------------------------------

    def count(self) -> int:
        """Return how many rows there are, forming ones included."""
        with self._snapshot() as reader:
            (blocks,) = reader.execute("SELECT coalesce(sum(count), 0) FROM blocks").fetchone()
            (forming,) = reader.execute("SELECT count(*) FROM newest WHERE NOT final").fetchone()
        return int(blocks + forming)

    def extents(self) -> dict[str, tuple[int, int, int]]:
        """Return, for every symbol, the open times of its first and its newest bar, and how many are final.

        The symbols are sorted. Of the blocks, only the index is read.
        """
        with self._snapshot() as reader:
            found = reader.execute(
                "SELECT symbols.symbol, coalesce(min(blocks.first), newest.timestamp), newest.timestamp, "
                "coalesce(sum(blocks.count), 0) FROM newest JOIN symbols ON symbols.id = newest.symbol "
                "LEFT JOIN blocks ON blocks.symbol = newest.symbol GROUP BY symbols.symbol ORDER BY symbols.symbol"
            ).fetchall()
        return {symbol: (first, last, count) for symbol, first, last, count in found}

    def rejects(self, limit: int | None = None) -> Iterator[Reject]:
        with self._snapshot() as reader:
            found = reader.execute(
                "SELECT source, place, reason, raw, count FROM (SELECT * FROM rejects ORDER BY id DESC LIMIT ?) "
                "ORDER BY id",
                (-1 if limit is None else limit,),
            ).fetchall()
        return (Reject(*row) for row in found)

    @property
    def damaged(self) -> tuple[str, ...]:
        """Return what could not be read so far, one line a block: whose bars, which, and why. They are passed over."""
        return tuple(self._blocks.damaged.values())

    def verify(self) -> tuple[str, ...]:
        """Read every block in the file and return `damaged`."""
        with self._snapshot() as reader:
            self._blocks.verify(reader)
        return self.damaged

    def _made(
        self, reader: sqlite3.Connection, symbols: tuple[str, ...], blocks: list[Block],
        newest: tuple[float, ...] | None, revisions: Revisions,
    ) -> Rows:  # fmt: skip
        """Return one symbol's rows: those of its blocks, and the forming one."""
        closed = sum(map(len, blocks))
        if newest is not None:
            forming = Block(
                np.array(newest[:1], np.int64), np.array([newest[1:6]], np.float64),
                _forecast([(value,) for value in newest[8:]]), np.array(newest[7:8], np.int32), *_NEVER_CORRECTED,
            )  # fmt: skip
            blocks = [*blocks, forming]
        whole = Block.concat(blocks) if blocks else _EMPTY
        count = len(whole)
        open_, high, low, close, volume = (np.ascontiguousarray(whole.values[:, i]) for i in range(len(OHLCV)))
        code, final = np.zeros(count, np.int32), np.arange(count) < closed
        bars = Bars(symbols, code, whole.timestamp, open_, high, low, close, volume, final)
        known = None
        if len(whole.corrected):
            known = np.full((count, len(OHLCV)), np.nan)
            known[whole.corrected] = whole.known
        return self._rows(reader, bars, whole.forecast, whole.model, known, revisions, whole)

    def _rows(
        self, reader: sqlite3.Connection, bars: Bars, forecast: Mapping[str, Any], model: NDArray[np.int32],
        known: Floats | None = None, revisions: Revisions | None = None, block: Block | None = None,
    ) -> Rows:  # fmt: skip
        """Return the rows with the names of their models, in the order of their numbers."""
        by = None if block is None else block.range_model
        used = model if by is None else np.concatenate((model, by))
        numbers = np.unique(used[used >= 0])
        if any(number not in self._versions for number in numbers.tolist()):
            self._versions = dict(reader.execute("SELECT id, version FROM models"))
        index = np.full(int(numbers[-1]) + 2 if len(numbers) else 1, -1, np.int32)  # -1, for no model, is the last
        index[numbers] = np.arange(len(numbers), dtype=np.int32)
        versions = tuple(self._versions[number] for number in numbers.tolist())
        none = np.empty((len(bars), 0))
        return Rows(
            bars, (), none, models=versions, model=index[model], known=known, revisions=revisions,
            ranges=None if block is None else block.ranges, range_model=None if by is None else index[by], **forecast,
        )  # fmt: skip


def _forecast(columns: Sequence[Sequence[float | None]]) -> dict[str, NDArray[Any]]:
    """Return the columns of `FORECAST` with these values, in its order."""
    return {name: np.array(column, dtype) for (name, (dtype, _)), column in zip(FORECAST.items(), columns, strict=True)}
