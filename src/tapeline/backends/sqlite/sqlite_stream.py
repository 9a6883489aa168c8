"""Keep the embedded stream: an append-only log in the SQLite file. An entry is one delivery; a position counts bars."""

from __future__ import annotations

import threading
import time

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.reject_table import RejectTable
from tapeline.core.codec import decode, encode
from tapeline.core.market import Bars
from tapeline.core.ports import Delivery
from tapeline.errors import LogTrimmedError

#: Bars kept after they were processed, so that the recent log can be looked at. 100,000 bars are about 6 MB.
KEPT_BARS = 100_000

_POLL_SECONDS = 0.05  # how soon an append by another process is seen


class SqliteStream:
    """Be the `Stream` over a `Database`. Positions are 0, 1, 2 ... in the order of appending, over all symbols."""

    def __init__(self, database: Database, *, kept_bars: int = KEPT_BARS) -> None:
        self._database = database
        self._kept_bars = kept_bars
        self._rejects = RejectTable()
        self._appended = threading.Condition()
        self._entry: tuple[int, Bars] = (0, Bars.of(()))

    def append(self, source: str, delivery: Delivery) -> int:
        with self._database.transaction() as connection:
            row = connection.execute("SELECT first + count FROM log ORDER BY first DESC LIMIT 1").fetchone()
            end: int = row[0] if row else 0
            if len(delivery.bars):
                payload = encode(delivery.bars)
                connection.execute("INSERT INTO log VALUES (?, ?, ?)", (end, len(delivery.bars), payload))
                end += len(delivery.bars)
            self._rejects.add(connection, delivery.rejects)
            connection.execute("INSERT OR REPLACE INTO sources VALUES (?, ?)", (source, delivery.resume))
        with self._appended:
            self._appended.notify_all()
        return end

    def end(self) -> int:
        """Return where the next write goes."""
        row = self._database.reader.execute("SELECT first + count FROM log ORDER BY first DESC LIMIT 1").fetchone()
        return row[0] if row else 0

    def resume(self, source: str) -> str:
        row = self._database.reader.execute("SELECT resume FROM sources WHERE name = ?", (source,)).fetchone()
        return str(row[0]) if row else ""

    def read(self, position: int, limit: int) -> tuple[Bars, int]:
        found: list[Bars] = []
        taken = 0
        while taken < limit:
            part = self._at(position + taken)
            if part is None:
                break
            part = part[: limit - taken]
            found.append(part)
            taken += len(part)
        return Bars.concat(found), position + taken

    def _at(self, position: int) -> Bars | None:
        """Return the rest of the entry that holds `position`, None where the log ends. The last one is kept decoded."""
        first, bars = self._entry
        if not first <= position < first + len(bars):
            row = self._database.reader.execute(
                "SELECT first, payload FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1", (position,)
            ).fetchone()
            if row is None:
                (oldest,) = self._database.reader.execute("SELECT min(first) FROM log").fetchone()
                if oldest is not None and oldest > position:  # not so when the first entry came since the query above
                    raise LogTrimmedError(f"{self._database.path}: the log no longer holds position {position}")
                return None
            first, bars = self._entry = (row[0], decode(row[1]))
            if position >= first + len(bars):
                return None
        return bars[position - first :]

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
                "DELETE FROM log WHERE first < min(?1, (SELECT max(first) FROM log)) AND first + count <= ?1",
                (position - self._kept_bars,),
            )
