"""The embedded store: rows, states, checkpoints and rejects in the SQLite file that also holds the stream.

Indicator values are one float64 blob a row beside the id of their column layout; names are put on when a row is read.
The rows table has a rowid and an index on (symbol, timestamp): filled in arrival order that is seven times faster than
a table clustered on that key.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tapeline.backends.sqlite.database import Database
from tapeline.core.market import Bars, Floats, Reject, Rows
from tapeline.core.ports import KEPT_CHECKPOINTS, Commit, SymbolState

_COLUMNS = (
    "timestamp",
    "open",
    "high",
    "low",
    "price",
    "volume",
    "final",
    "prediction",
    "probability",
    "model",
    "layout",
    "indicator",
)
_UPSERT = (
    f"INSERT INTO rows (symbol, {', '.join(_COLUMNS)}) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))}) "  # noqa: S608
    f"ON CONFLICT (symbol, timestamp) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])}"
)


class SqliteStore:
    """`Store` and `RejectLog` over a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[tuple[str, str], int] = {}

    # -- writing -----------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        try:
            with self._database.transaction() as connection:
                connection.executemany(_UPSERT, self._row_values(connection, commit.rows))
                connection.executemany(
                    "INSERT OR REPLACE INTO states VALUES (?, ?, ?)", self._state_values(connection, commit.states)
                )
                self._keep_checkpoints(connection, commit)
                connection.executemany(
                    "INSERT OR IGNORE INTO rejects (source, place, reason, raw) VALUES (?, ?, ?, ?)",
                    [(reject.source, reject.place, reject.reason, reject.raw) for reject in commit.rejects],
                )
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('position', ?)", (commit.position,))
        except BaseException:
            self._ids.clear()  # ids handed out inside the transaction were rolled back with it
            raise

    def _row_values(self, connection: sqlite3.Connection, rows: Rows) -> Iterable[tuple[object, ...]]:
        bars, count = rows.bars, len(rows)
        if not count:
            return ()
        symbols = np.array([self._id(connection, "symbol", symbol) for symbol in bars.symbols])
        models = np.array([*(self._id(connection, "model", version) for version in rows.models), None])
        layout = self._id(connection, "layout", json.dumps(rows.names))
        width = len(rows.names) * 8
        blob = np.ascontiguousarray(rows.indicator, "<f8").tobytes()
        return zip(
            symbols[bars.code].tolist(),
            bars.timestamp.tolist(),
            bars.open.tolist(),
            bars.high.tolist(),
            bars.low.tolist(),
            bars.close.tolist(),
            bars.volume.tolist(),
            bars.final.tolist(),
            rows.prediction.tolist(),
            rows.probability.tolist(),  # SQLite stores NaN as NULL
            models[rows.model].tolist(),  # -1, for no model, is the None at the end
            [layout] * count,
            [blob[at : at + width] for at in range(0, count * width, width)] if width else [b""] * count,
            strict=True,
        )

    def _state_values(
        self, connection: sqlite3.Connection, states: Mapping[str, SymbolState]
    ) -> list[tuple[int, int, bytes]]:
        return [
            (self._id(connection, "symbol", symbol), state.timestamp, state.data) for symbol, state in states.items()
        ]

    def _keep_checkpoints(self, connection: sqlite3.Connection, commit: Commit) -> None:
        connection.executemany(
            "DELETE FROM checkpoints WHERE symbol = ? AND timestamp >= ?",
            [(self._id(connection, "symbol", symbol), since) for symbol, since in commit.rewound.items()],
        )
        values = self._state_values(connection, commit.checkpoints)
        connection.executemany("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", values)
        connection.executemany(
            "DELETE FROM checkpoints WHERE symbol = ? AND timestamp <= (SELECT timestamp FROM checkpoints "
            "WHERE symbol = ? ORDER BY timestamp DESC LIMIT 1 OFFSET ?)",
            [(symbol, symbol, KEPT_CHECKPOINTS) for symbol, _, _ in values],
        )

    def _id(self, connection: sqlite3.Connection, kind: str, name: str) -> int:
        """The number of a symbol, model or layout, given out at its first use."""
        known = self._ids.get((kind, name))
        if known is None:
            table, column = {
                "symbol": ("symbols", "symbol"),
                "model": ("models", "version"),
                "layout": ("layouts", "names"),
            }[kind]
            connection.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (name,))  # noqa: S608
            known = connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", (name,)).fetchone()[0]  # noqa: S608
            self._ids[kind, name] = known
        return known

    # -- reading -----------------------------------------------------------------------------------------------------

    def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
        wanted = None if symbols is None else set(symbols)
        reader = self._database.reader
        reader.execute("BEGIN")  # both answers from one snapshot
        try:
            found = reader.execute(
                "SELECT symbols.symbol, timestamp, data FROM states JOIN symbols ON symbols.id = states.symbol"
            ).fetchall()
            position = reader.execute("SELECT value FROM meta WHERE name = 'position'").fetchone()
        finally:
            reader.execute("ROLLBACK")
        states = {s: SymbolState(time, data) for s, time, data in found if wanted is None or s in wanted}
        return states, position[0] if position else 0

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        row = self._database.reader.execute(
            "SELECT timestamp, data FROM checkpoints WHERE symbol = (SELECT id FROM symbols WHERE symbol = ?) "
            "AND timestamp < ? ORDER BY timestamp DESC LIMIT 1",
            (symbol, timestamp),
        ).fetchone()
        return SymbolState(*row) if row else None

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        low = -(1 << 62) if start is None else start
        high = (1 << 62) if end is None else end
        found = self._database.reader.execute(
            f"SELECT 0, {', '.join(_COLUMNS)} FROM rows "  # noqa: S608
            "WHERE symbol = (SELECT id FROM symbols WHERE symbol = ?) AND timestamp >= ? AND timestamp < ? "
            "ORDER BY timestamp DESC LIMIT ?",
            (symbol, low, high, -1 if limit is None else limit),
        ).fetchall()
        return self._rows((symbol,), found[::-1])

    def latest(self) -> Rows:
        found = self._database.reader.execute(
            f"SELECT symbols.symbol, {', '.join(f'rows.{c}' for c in _COLUMNS[:-1])}, x'' FROM symbols "  # noqa: S608
            "JOIN rows ON rows.rowid = (SELECT rowid FROM rows WHERE symbol = symbols.id "
            "ORDER BY timestamp DESC LIMIT 1) ORDER BY symbols.symbol"
        ).fetchall()
        return self._rows(
            tuple(row[0] for row in found), [(place, *row[1:]) for place, row in enumerate(found)], names=()
        )

    def count(self) -> int:
        """How many rows there are. Rows are never deleted, so the last rowid is their number."""
        (newest,) = self._database.reader.execute("SELECT max(rowid) FROM rows").fetchone()
        return newest or 0

    def rejects(self, limit: int | None = None) -> Iterator[Reject]:
        found = self._database.reader.execute(
            "SELECT source, place, reason, raw FROM (SELECT * FROM rejects ORDER BY id DESC LIMIT ?) ORDER BY id",
            (-1 if limit is None else limit,),
        )
        return (Reject(*row) for row in found)

    def _rows(
        self, symbols: tuple[str, ...], found: Sequence[tuple[Any, ...]], names: tuple[str, ...] | None = None
    ) -> Rows:
        columns = tuple(zip(*found, strict=True)) if found else ((),) * (len(_COLUMNS) + 1)
        code, timestamp, open_, high, low, price, volume, final, prediction, probability, model, layout, blobs = columns
        bars = Bars(
            symbols,
            np.array(code, np.int32),
            np.array(timestamp, np.int64),
            np.array(open_, np.float64),
            np.array(high, np.float64),
            np.array(low, np.float64),
            np.array(price, np.float64),
            np.array(volume, np.float64),
            np.array(final, np.bool_),
        )
        indicator = np.empty((len(found), 0))
        if names is None:
            names, indicator = self._values(layout, blobs)
        versions = self._names("models", "version", model)
        places = {number: place for place, number in enumerate(versions)}
        return Rows(
            bars,
            names,
            indicator,
            np.array(prediction, np.int8),
            np.array(probability, np.float64),  # None becomes NaN
            tuple(versions.values()),
            np.array([places.get(number, -1) for number in model], np.int32),
        )

    def _values(self, layout: Sequence[int], blobs: Sequence[bytes]) -> tuple[tuple[str, ...], Floats]:
        """The indicator values under the union of the names of all layouts among them, the newest layout first."""
        layouts = {number: json.loads(text) for number, text in self._names("layouts", "names", layout).items()}
        names = tuple(dict.fromkeys(name for number in sorted(layouts, reverse=True) for name in layouts[number]))
        column = {name: place for place, name in enumerate(names)}
        values = np.full((len(blobs), len(names)), np.nan)
        numbers = np.array(layout)
        for number, own in layouts.items():
            where = np.flatnonzero(numbers == number)
            block = np.frombuffer(b"".join([blobs[i] for i in where.tolist()]), "<f8").reshape(len(where), len(own))
            values[np.ix_(where, np.array([column[name] for name in own], np.intp))] = block
        return names, values

    def _names(self, table: str, column: str, numbers: Iterable[int | None]) -> dict[int, str]:
        """Number -> name for those numbers of a table of names."""
        wanted = sorted({number for number in numbers if number is not None})
        if not wanted:
            return {}
        known = dict(self._database.reader.execute(f"SELECT id, {column} FROM {table}"))  # noqa: S608
        return {number: known[number] for number in wanted}
