"""Keep rejects in the SQLite file, within a number and within bytes, wherever they are written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from tapeline.backends.sqlite.checked_rows import is_whole, put_rows, selected, whole_row
from tapeline.core.market import Reject
from tapeline.core.rejects import Quota

#: Rejects kept, the newest, and the bytes of all their texts and records: garbage must not fill the disk.
KEPT_REJECTS = 100_000
KEPT_REJECT_BYTES = 32 << 20

_SIZE = "length(CAST(source || place || reason AS BLOB)) + length(raw)"
_BYTES = "reject_bytes"  # in `meta`: what all of them have


class RejectTable:
    """Add rejects to the table; those of one kind beyond `core.rejects.KEPT_ALIKE` in a process are only counted."""

    def __init__(self) -> None:
        self._quota = Quota()

    def add(self, connection: sqlite3.Connection, rejects: Iterable[Reject]) -> None:
        """Keep these inside the caller's transaction; one that is kept already is not kept again.

        The oldest go where there are more than `KEPT_REJECTS`, or more than `KEPT_REJECT_BYTES` of them.
        """
        found = self._quota.thin(rejects)
        if not found:
            return
        size = _stored_size(connection)
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM rejects").fetchone()[0]
        single = [(one.source, one.place, one.reason, one.raw, 1) for one in found if one.count == 1]
        put_rows(connection, "rejects", single, clause="ON CONFLICT DO NOTHING")
        for one in found:
            if one.count > 1:
                size -= _add_count(connection, one)
        size += _size_where(connection, "id > ?", newest)
        size -= _delete_until(connection, "SELECT max(id) - ? FROM rejects", KEPT_REJECTS)
        if size > KEPT_REJECT_BYTES:
            over = size - KEPT_REJECT_BYTES * 9 // 10  # more than is needed, so that it is not needed again at once
            size -= _delete_until(
                connection,
                f"SELECT min(id) FROM (SELECT id, sum({_SIZE}) OVER (ORDER BY id) AS upto FROM rejects) "  # noqa: S608
                "WHERE upto >= ?",
                over,
            )
        put_rows(connection, "meta", [(_BYTES, size)])


def _stored_size(connection: sqlite3.Connection) -> int:
    """Return the bytes of all rejects; a file of an earlier version does not say, and is counted once."""
    stored, whole = whole_row(connection, "meta", "name", _BYTES)
    if stored is None or not whole:
        return _size_where(connection, "id > ?", 0)
    return int(stored[1])


def _size_where(connection: sqlite3.Connection, condition: str, parameter: int) -> int:
    query = f"SELECT coalesce(sum({_SIZE}), 0) FROM rejects WHERE {condition}"  # noqa: S608 - both are from here
    return int(connection.execute(query, (parameter,)).fetchone()[0])


def _add_count(connection: sqlite3.Connection, reject: Reject) -> int:
    """Add to the count of a kind, which becomes the newest. Return the bytes that went with the old one."""
    key = reject.source, reject.place, reject.reason
    query = f"SELECT {_SIZE}, {selected('rejects')} FROM rejects WHERE (source, place, reason) = (?, ?, ?)"  # noqa: S608
    size, *row = connection.execute(query, key).fetchone() or (0,)
    count = row[4] if row and is_whole("rejects", row) else 0
    put_rows(connection, "rejects", [(*key, reject.raw, count + reject.count)])
    return int(size)


def _delete_until(connection: sqlite3.Connection, last: str, parameter: int) -> int:
    """Delete the rejects up to the id that this query gives. Return how many bytes they had."""
    (until,) = connection.execute(last, (parameter,)).fetchone()
    size = _size_where(connection, "id <= ?", until)
    if size:
        connection.execute("DELETE FROM rejects WHERE id <= ?", (until,))
    return size
