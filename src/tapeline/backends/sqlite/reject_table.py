"""Keep rejects in the SQLite file, within a number and within bytes, wherever they are written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from tapeline.backends.sqlite.checked_rows import is_whole, put_rows, selected, whole_row
from tapeline.core.market import Reject
from tapeline.core.rejects import Quota

#: Rejects kept, the newest, and the bytes of all their texts and records: garbage must not fill the disk.
KEPT_REJECTS = 100_000
KEPT_REJECT_BYTES = 32 << 20

_SIZE = "length(CAST(source || place || reason AS BLOB)) + length(raw)"
_TOTALS = f"coalesce(sum({_SIZE}), 0), coalesce(sum(crc + id), 0)"
_BYTES, _CHECKSUMS = "reject_bytes", "reject_checksums"  # in `meta`: the totals of all of them


class _Totals(NamedTuple):
    """Say what rejects come to: the bytes of their texts and records, and the sum of their checksums and ids."""

    size: int
    checksums: int

    def plus(self, other: _Totals) -> _Totals:
        return _Totals(self.size + other.size, self.checksums + other.checksums)

    def less(self, other: _Totals) -> _Totals:
        return _Totals(self.size - other.size, self.checksums - other.checksums)


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
        totals = _stored_totals(connection)
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM rejects").fetchone()[0]
        single = [(one.source, one.place, one.reason, one.raw, 1) for one in found if one.count == 1]
        put_rows(connection, "rejects", single, clause="ON CONFLICT DO NOTHING")
        for one in found:
            if one.count > 1:
                totals = totals.less(_add_count(connection, one, newest))
        totals = totals.plus(_totals_where(connection, "id > ?", newest))
        totals = totals.less(_delete_until(connection, "SELECT max(id) - ? FROM rejects", KEPT_REJECTS))
        if totals.size > KEPT_REJECT_BYTES:
            over = totals.size - KEPT_REJECT_BYTES * 9 // 10  # more than has to go: room for a while
            gone = _delete_until(
                connection,
                f"SELECT min(id) FROM (SELECT id, sum({_SIZE}) OVER (ORDER BY id) AS upto FROM rejects) "  # noqa: S608
                "WHERE upto >= ?",
                over,
            )
            totals = totals.less(gone)
        put_rows(connection, "meta", [(_BYTES, totals.size), (_CHECKSUMS, totals.checksums)])


def are_complete(connection: sqlite3.Connection) -> bool:
    """Return whether the rejects are those that were written, as far as their checksums tell together.

    One that vanished with its page, or that another stands in for, is missed. A file that says no total is believed.
    """
    stored, whole = whole_row(connection, "meta", "name", _CHECKSUMS)
    return whole and (stored is None or int(stored[1]) == _totals_where(connection, "id > ?", 0).checksums)


def _stored_totals(connection: sqlite3.Connection) -> _Totals:
    """Return the totals of all rejects; a file of an earlier version does not say them, and is counted once."""
    rows = [whole_row(connection, "meta", "name", name) for name in (_BYTES, _CHECKSUMS)]
    known = [int(row[1]) for row, whole in rows if row is not None and whole]
    return _Totals(*known) if len(known) == len(rows) else _totals_where(connection, "id > ?", 0)


def _totals_where(connection: sqlite3.Connection, condition: str, parameter: int) -> _Totals:
    query = f"SELECT {_TOTALS} FROM rejects WHERE {condition}"  # noqa: S608 - both are from here
    return _Totals(*connection.execute(query, (parameter,)).fetchone())


def _add_count(connection: sqlite3.Connection, reject: Reject, newest: int) -> _Totals:
    """Add to the count of a kind, which becomes the newest. Return what went of those up to the id `newest`."""
    key = reject.source, reject.place, reject.reason
    query = f"SELECT id, {selected('rejects')} FROM rejects WHERE (source, place, reason) = (?, ?, ?)"  # noqa: S608
    number, *row = connection.execute(query, key).fetchone() or (newest + 1,)
    count = row[4] if row and is_whole("rejects", row) else 0
    gone = _totals_where(connection, f"id <= {newest:d} AND id = ?", number)
    put_rows(connection, "rejects", [(*key, reject.raw, count + reject.count)])
    return gone


def _delete_until(connection: sqlite3.Connection, last: str, parameter: int) -> _Totals:
    """Delete the rejects up to the id that this query gives. Return what they came to."""
    (until,) = connection.execute(last, (parameter,)).fetchone()
    gone = _totals_where(connection, "id <= ?", until)
    if gone.checksums:
        connection.execute("DELETE FROM rejects WHERE id <= ?", (until,))
    return gone
