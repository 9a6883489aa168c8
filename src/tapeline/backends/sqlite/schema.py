"""Define the tables of the SQLite file, and the version that says which tables a file has."""

from __future__ import annotations

import sqlite3

import numpy as np

from tapeline.backends.sqlite.checked_rows import CHECKED, is_whole, put_rows
from tapeline.core.rows import FORECAST

SCHEMA_VERSION = 3

#: The first version whose blocks are columns.
BLOCKS_SINCE = 2

_VERSION = "schema_version"  # in `meta`

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value, crc INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, payload BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sources (name TEXT PRIMARY KEY, resume TEXT NOT NULL, crc INTEGER NOT NULL DEFAULT 0)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejects (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL,
    count INTEGER NOT NULL DEFAULT 1, crc INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source, place, reason)
);
CREATE TABLE IF NOT EXISTS symbols (
    id INTEGER PRIMARY KEY, symbol TEXT NOT NULL UNIQUE, crc INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS revisions (
    symbol INTEGER NOT NULL, number INTEGER NOT NULL, since INTEGER NOT NULL, crc INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (symbol, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models (
    id INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE, crc INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, symbol INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, crc INTEGER NOT NULL DEFAULT 0,
    payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS blocks_by_time ON blocks (symbol, last, first, count);
CREATE TABLE IF NOT EXISTS block_totals (
    symbol INTEGER PRIMARY KEY, blocks INTEGER NOT NULL, bars INTEGER NOT NULL, first INTEGER NOT NULL,
    digest INTEGER NOT NULL, crc INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS newest (
    symbol INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
    final INTEGER NOT NULL, model INTEGER NOT NULL, crc INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS states (
    symbol INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS checkpoints (
    symbol INTEGER NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS checkpoints_by_time ON checkpoints (symbol, timestamp);
CREATE TABLE IF NOT EXISTS indicator_states (
    symbol INTEGER NOT NULL, layout TEXT NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL,
    crc INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS indicator_states_by_time ON indicator_states (symbol, layout, timestamp);
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables that are missing, inside the caller's transaction, and note the version of all of them."""
    for statement in filter(str.strip, _TABLES.split(";")):
        connection.execute(statement)
    for table, column in missing_columns(connection):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    put_rows(connection, "meta", [(_VERSION, SCHEMA_VERSION)])


def missing_columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the columns, as (table, definition), that are missing because an earlier tapeline made the file."""
    checksum = {"crc": "INTEGER NOT NULL DEFAULT 0"}
    wanted = {table: dict(checksum) for table in (*CHECKED, "blocks")}
    wanted["rejects"]["count"] = "INTEGER NOT NULL DEFAULT 1"
    for name, (dtype, absent) in FORECAST.items():
        kind = "REAL" if issubclass(dtype, np.floating) else f"INTEGER NOT NULL DEFAULT {int(absent)}"
        wanted["newest"][name] = kind
    missing = []
    for table, columns in wanted.items():
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        missing += [(table, f"{name} {kind}") for name, kind in columns.items() if name not in known]
    return missing


def stored_version(connection: sqlite3.Connection) -> int | None:
    """Return the version of the tables in the file, None for a file without any.

    A file whose note of it is damaged has a checksum beside it, so it is at least of the first version with checksums.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return None
    found = connection.execute("SELECT * FROM meta WHERE name = ?", (_VERSION,)).fetchone()
    if found is not None and (len(found) == 2 or is_whole("meta", found)):
        return int(found[1])
    return SCHEMA_VERSION
