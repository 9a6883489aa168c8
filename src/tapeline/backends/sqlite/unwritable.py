"""Read a database where nothing can be written: a full disk, or a folder that is read-only.

SQLite makes files to share a database in WAL mode among processes, even to read it. Where that is not possible nobody
else has them either, so the file does not change: it is read as it is. What a killed process left in the write-ahead
log is part of it, and is read once into memory then.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

#: What SQLite says where it cannot make or write the files that it needs to read.
REFUSALS = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PERM}
)

_NUMBERS = itertools.count()


class UnwritableFile:
    """Open connections that read a file which cannot be written. `notice` says what cannot be read."""

    def __init__(self, path: Path) -> None:
        self.notice = ""
        self._kept: sqlite3.Connection | None = None
        self._address = f"file:{quote(str(path.absolute()))}?immutable=1"
        log = Path(f"{path}-wal")
        if log.exists() and log.stat().st_size:
            try:
                self._read_into_memory(path)
            except sqlite3.Error as error:
                self.notice = f"{path}: the last commits are not shown, because nothing can be written there ({error})"

    def connect(self) -> sqlite3.Connection:
        """Return a connection that any thread may use; it writes nothing."""
        connection = sqlite3.connect(self._address, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only=1")
        return connection

    def close(self) -> None:
        """Forget what was read into memory."""
        if self._kept is not None:
            self._kept.close()

    def _read_into_memory(self, path: Path) -> None:
        address = f"file:tapeline-{os.getpid()}-{next(_NUMBERS)}?mode=memory&cache=shared"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as source:
            source.execute("PRAGMA locking_mode=EXCLUSIVE")  # then no file is needed to share the log
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            kept = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
            try:
                source.backup(kept)
            except BaseException:
                kept.close()
                raise
        self._kept, self._address = kept, address
