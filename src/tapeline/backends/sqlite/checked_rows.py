"""Write rows with a checksum, and tell on reading which of them are still what was written.

Every table of the file has a column `crc` over the columns named here, so that a flipped bit is noticed by whoever
reads the row: a value is right, or it is named as damaged. Blocks have one over their key and their bytes
(`block_table`), and `block_totals` says which blocks a symbol has, so that none can be missing unseen.

SQLite's own page checksums (its `cksumvfs`) are an extension that Python's `sqlite3` cannot load everywhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tapeline.core.checksums import checksum_of
from tapeline.core.market import OHLCV
from tapeline.core.rows import FORECAST

#: What SQLite raises about a damaged file; about one whose names of tables are no text, that this is no text.
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)

_STATE = ("symbol", "timestamp", "data")
_NEWEST = ("symbol", "timestamp", *OHLCV, "final", "model")

#: The columns that a row's checksum covers, and the order in which rows are written and read here.
CHECKED = {
    "meta": ("name", "value"),
    "log": ("first", "count", "payload"),
    "sources": ("name", "resume"),
    "rejects": ("source", "place", "reason", "raw", "count"),
    "symbols": ("id", "symbol"),
    "models": ("id", "version"),
    "revisions": ("symbol", "number", "since"),
    "newest": (*_NEWEST, *FORECAST),
    "states": _STATE,
    "checkpoints": _STATE,
    "indicator_states": ("symbol", "layout", "timestamp", "data"),
    "block_totals": ("symbol", "blocks", "bars", "first", "digest"),
}

_ABSENT = tuple((name, absent) for name, (_, absent) in FORECAST.items())


def row_checksum(table: str, values: Sequence[object]) -> int:
    """Return the checksum of a row's values, which are those of `CHECKED[table]` in their order."""
    if table != "newest":
        return checksum_of((table, *values))
    # A forecast's column counts where it says something: one that a later version adds leaves checksums as they are.
    said = values[len(_NEWEST) :]
    found = [each for pair, value in zip(_ABSENT, said, strict=True) if value not in (None, pair[1])
             for each in (pair[0], value)]  # fmt: skip
    return checksum_of((table, *values[: len(_NEWEST)], *found))


def put_rows(connection: sqlite3.Connection, table: str, rows: Iterable[Sequence[object]], *, clause: str = "") -> None:
    """Write rows with their checksums; one that is there under the same key is replaced, or as `clause` says."""
    columns = CHECKED[table]
    verb = "INSERT" if clause else "INSERT OR REPLACE"
    connection.executemany(
        f"{verb} INTO {table} ({', '.join(columns)}, crc) VALUES ({'?, ' * len(columns)}?) {clause}",
        [(*row, row_checksum(table, row)) for row in rows],
    )


def selected(table: str) -> str:
    """Return the columns to select, so that `is_whole` can judge the row: those of `CHECKED`, and the checksum."""
    return ", ".join((*CHECKED[table], "crc"))


def is_whole(table: str, row: Sequence[object]) -> bool:
    """Return whether a row that was read as `selected` has it is what was written."""
    return row_checksum(table, row[:-1]) == row[-1]


def whole_row(
    connection: sqlite3.Connection, table: str, key: str, value: object
) -> tuple[tuple[Any, ...] | None, bool]:
    """Return the row whose column `key` has this value (None: there is none), and whether it is what was written."""
    return next(checked_rows(connection, table, f"WHERE {key} = ?", (value,)), (None, True))


def checked_rows(
    connection: sqlite3.Connection, table: str, rest: str = "", parameters: Sequence[object] = ()
) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """Yield each row of a table, and whether it is what was written. `rest` ends the query, with its parameters."""
    query = f"SELECT {selected(table)} FROM {table} {rest}"  # noqa: S608 - names of this package
    for row in connection.execute(query, parameters):
        yield row[:-1], is_whole(table, row)


def fill_checksums(connection: sqlite3.Connection) -> None:
    """Give a checksum to every row that an earlier version wrote, inside the caller's transaction."""
    connection.create_function("row_checksum", -1, lambda table, *values: row_checksum(table, values))
    for table, columns in CHECKED.items():
        values = ", ".join(columns)
        connection.execute(f"UPDATE {table} SET crc = row_checksum('{table}', {values})")  # noqa: S608 - as above
    connection.create_function("row_checksum", -1, None)
