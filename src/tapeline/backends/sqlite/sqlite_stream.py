"""Keep the embedded stream: an append-only log in the SQLite file. An entry is one delivery; a position counts bars."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import deque
from typing import Any

from tapeline.backends.sqlite.checked_rows import checked_rows, put_rows, whole_row
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.reject_table import RejectTable
from tapeline.core.codec import decode, encode
from tapeline.core.market import Bars
from tapeline.core.messages import Delivery
from tapeline.errors import DecodeError, LogTrimmedError, StorageError

#: Bars kept after they were processed, so that the recent log can be looked at. 100,000 bars are about 6 MB.
KEPT_BARS = 100_000

#: Entries that were appended here and not read yet, kept in memory: whoever follows closely reads nothing back.
_KEPT_ENTRIES = 8

_POLL_SECONDS = 0.05  # how soon an append by another process is seen


class SqliteStream:
    """Be the `Stream` over a `Database`. Positions are 0, 1, 2 ... in the order of appending, over all symbols."""

    def __init__(self, database: Database, *, kept_bars: int = KEPT_BARS) -> None:
        self._database = database
        self._kept_bars = kept_bars
        self._rejects = RejectTable()
        self._appended = threading.Condition()
        self._entry: tuple[int, Bars] = (0, Bars.of(()))
        self._unread: deque[tuple[int, Bars]] = deque(maxlen=_KEPT_ENTRIES)
        self._end: int | None = None  # after what was last appended here

    def append(self, source: str, delivery: Delivery) -> int:
        with self._database.transaction() as connection:
            end = self._sure_end(connection)
            if len(delivery.bars):
                payload = encode(delivery.bars)
                put_rows(connection, "log", [(end, len(delivery.bars), payload)], clause=" ")
                end += len(delivery.bars)
            self._rejects.add(connection, delivery.rejects)
            put_rows(connection, "sources", [(source, delivery.resume)])
        self._end = end
        if len(delivery.bars):
            self._unread.append((end - len(delivery.bars), delivery.bars))
        with self._appended:
            self._appended.notify_all()
        return end

    def end(self) -> int:
        """Return where the next write goes."""
        with self._database.reading() as reader:
            return _end(reader)

    def _sure_end(self, connection: sqlite3.Connection) -> int:
        """Return where the next write goes. Raises `StorageError` where damage made the end of the log vanish."""
        end = _end(connection)
        if end != self._end:
            last_is_whole = all(whole for _, whole in checked_rows(connection, "log", "ORDER BY first DESC LIMIT 1"))
            position, whole = whole_row(connection, "meta", "name", "position")
            if not last_is_whole or (position and whole and position[1] > end):
                raise self._damaged("the end of the log is damaged")
        return end

    def _damaged(self, what: str) -> StorageError:
        self._database.damage.note(("log", what), what)
        return StorageError(f"{self._database.path}: {what}; stop what writes there and run `tapeline check --repair`")

    def resume(self, source: str) -> str:
        with self._database.reading() as reader:
            row, whole = whole_row(reader, "sources", "name", source)
        if not whole:
            self._database.damage.note(
                ("sources", source),
                f"how far {source} was read is damaged: it is read from its beginning",
                advice=False,
            )
        return str(row[1]) if row and whole else ""

    def read(self, position: int, limit: int) -> tuple[Bars, int]:
        found: list[Bars] = []
        taken = 0
        while taken < limit:
            part = self._at(position + taken)
            if part is None or (found and taken + len(part) > limit):
                break  # whole entries are handed over as they are, where the limit allows one
            part = part[: limit - taken]
            found.append(part)
            taken += len(part)
        return Bars.concat(found), position + taken

    def _at(self, position: int) -> Bars | None:
        """Return the rest of the entry that holds `position`, None where the log ends. The last one is kept decoded."""
        first, bars = self._entry
        if not first <= position < first + len(bars):
            first, bars = self._entry = self._unread_at(position) or self._entry
        if not first <= position < first + len(bars):
            with self._database.reading() as reader:
                rest = "WHERE first <= ? ORDER BY first DESC LIMIT 1"
                row, whole = next(checked_rows(reader, "log", rest, (position,)), (None, True))
                (later,) = reader.execute("SELECT min(first) FROM log WHERE first > ?", (position,)).fetchone()
            if row is None:
                if later is not None:
                    raise LogTrimmedError(f"{self._database.path}: the log no longer holds position {position}")
                return None
            first, bars = self._entry = (row[0], self._decoded(row, whole=whole))
            if position >= first + len(bars):
                if later is not None:
                    raise self._damaged(f"the log's entry at position {position} is missing")
                return None
        return bars[position - first :]

    def _unread_at(self, position: int) -> tuple[int, Bars] | None:
        """Return the entry at `position` if it was appended here just now; those before it are not kept any longer."""
        self._drop_unread(position)
        try:
            return self._unread.popleft() if self._unread[0][0] <= position else None
        except IndexError:  # there is none, or another thread took it
            return None

    def _drop_unread(self, position: int) -> None:
        """Keep entries that end at `position` or before it no longer."""
        with contextlib.suppress(IndexError):  # what another thread takes meanwhile is read from the file
            while True:
                first, bars = self._unread[0]
                if first + len(bars) > position:
                    return
                self._unread.popleft()

    def _decoded(self, entry: tuple[Any, ...], *, whole: bool) -> Bars:
        first, count, payload = entry
        reason = ""
        try:
            if whole and len(bars := decode(payload)) == count:
                return bars
        except DecodeError as error:
            reason = f" ({error})"
        raise self._damaged(f"the log's entry at position {first} is damaged{reason}")

    def wait(self, position: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._at(position) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            with self._appended:
                self._appended.wait(min(remaining, _POLL_SECONDS))
        return True

    def trim(self, position: int) -> None:
        """Drop whole entries that end `kept_bars` or more before `position`; the newest entry always stays."""
        with self._database.transaction() as connection:
            connection.execute(  # `first` is bounded twice, so that a long rest of the log is not searched
                "DELETE FROM log WHERE first < min(:end, (SELECT max(first) FROM log)) AND first + count <= :end",
                {"end": position - self._kept_bars},
            )
        self._drop_unread(position - self._kept_bars)


def _end(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT first + count FROM log ORDER BY first DESC LIMIT 1").fetchone()
    return row[0] if row else 0
