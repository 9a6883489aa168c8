"""Make the tables of the journal of alerts, and give every row a checksum that tells whether it is what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from tapeline.errors import StorageError

_VERSION = 3
_PAUSES = "CREATE TABLE pauses (rule TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID"
_SCHEMA = f"""
CREATE TABLE rules (id TEXT PRIMARY KEY, text TEXT NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE states (rule TEXT NOT NULL, symbol TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (rule, symbol))
    WITHOUT ROWID;
CREATE TABLE fired (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, rule TEXT NOT NULL, symbol TEXT NOT NULL,
    timestamp INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL, price REAL
);
CREATE TABLE deliveries (
    alert INTEGER NOT NULL REFERENCES fired (id) ON DELETE CASCADE, channel TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, error TEXT NOT NULL, at INTEGER, PRIMARY KEY (alert, channel)
) WITHOUT ROWID;
{_PAUSES};
CREATE INDEX deliveries_pending ON deliveries (channel, alert) WHERE state = 'pending';
"""

#: The columns that a row's checksum covers. `price` is a number, the others are compared as the bytes of their text.
COVERED = {
    "rules": ("id", "text", "added"),
    "states": ("rule", "symbol", "state"),
    "fired": ("id", "key", "rule", "symbol", "timestamp", "at", "text", "price"),
    "deliveries": ("alert", "channel", "state", "attempts", "error", "at"),
    "pauses": ("rule", "at"),
}

#: The first version with checksums, and the first with pauses.
_CHECKSUMS_SINCE, _PAUSES_SINCE = 2, 3


def _checksum(table: str, prefix: str = "") -> str:
    """Return the SQL for a row's checksum; bytes, because damaged texts cannot be handed to a function."""
    columns = (
        f"CASE typeof({prefix}price) WHEN 'real' THEN {prefix}price END"
        if name == "price"
        else f"CAST({prefix}{name} AS BLOB)"
        for name in COVERED[table]
    )
    return f"checksum('{table}', {', '.join(columns)})"


def whole(table: str, prefix: str = "") -> str:
    """Return the SQL that says whether a row still is what was written."""
    return f"{prefix}crc = {_checksum(table, prefix)}"


def make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file, and add to those of an earlier version what they lack.

    Raises `StorageError` for a file that a newer version made.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise StorageError(f"{path}: a newer tapeline made it (version {version}): upgrade tapeline")
    if version == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
    if 0 < version < _PAUSES_SINCE:
        connection.execute(_PAUSES)
    if version < _VERSION:
        for table in COVERED if version < _CHECKSUMS_SINCE else ("pauses",):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN crc INTEGER NOT NULL DEFAULT 0")
            connection.execute(f"UPDATE {table} SET crc = {_checksum(table)}")  # noqa: S608 - names of this module
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def sum_up(connection: sqlite3.Connection, table: str, where: str, keys: Iterable[tuple[object, ...]]) -> None:
    """Give the rows with these keys the checksum of what they say now."""
    connection.executemany(f"UPDATE {table} SET crc = {_checksum(table)} WHERE {where}", keys)  # noqa: S608 - names of this module
