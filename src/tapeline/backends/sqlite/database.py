"""The one SQLite file behind the embedded stream and store: opening it, its schema, its one writer at a time.

Choices, and why (docs/adr/0001):
- WAL, so that readers in other processes never wait for the writer and see whole transactions only.
- `synchronous=NORMAL`: a commit is not forced to the disk, a checkpoint is. A killed process loses nothing; a power cut
  may lose the last commits but never damages the file, and because rows, state and positions commit together, what
  was lost is read from the source again.
- A checkpoint every 32 MB of WAL instead of SQLite's 4 MB: bulk replays rewrite the same index pages less often.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from tapeline.errors import StorageError

SCHEMA_VERSION = 2

_PAGE_SIZE = 8192
_WAL_PAGES = 4096  # 32 MB
_WAL_SIZE_LIMIT = 64 * 1024 * 1024

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE log (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE sources (name TEXT PRIMARY KEY, resume TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rejects (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL,
    UNIQUE (source, place, reason)
);
CREATE TABLE symbols (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL UNIQUE);
CREATE TABLE revisions (
    symbol INTEGER NOT NULL, number INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (symbol, number)
) WITHOUT ROWID;
CREATE TABLE models (id INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE);
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, symbol INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX blocks_by_time ON blocks (symbol, last, first, count);
CREATE TABLE newest (
    symbol INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
    final INTEGER NOT NULL, prediction INTEGER NOT NULL, probability REAL, model INTEGER NOT NULL
);
CREATE TABLE states (symbol INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE checkpoints (symbol INTEGER NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX checkpoints_by_time ON checkpoints (symbol, timestamp);
CREATE TABLE indicator_states (
    symbol INTEGER NOT NULL, layout TEXT NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE UNIQUE INDEX indicator_states_by_time ON indicator_states (symbol, layout, timestamp);
"""


class Database:
    """The file, opened. Any number of threads may read; `transaction` admits one writer at a time.

    `create` makes the folder and the file where they are missing; without it a missing file is a `StorageError`.
    Raises `StorageError` when the folder cannot be written, the file is not a database, or a newer tapeline made it.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        if not create and not path.exists():
            raise StorageError(f"{path}: no data here yet; run `tapeline demo` or `tapeline replay FILE` first")
        with translating_sqlite_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._prepare()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
        connection.execute(f"PRAGMA page_size={_PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_SIZE_LIMIT}")
        connection.execute("PRAGMA cache_size=-32768")
        self._opened.append(connection)
        return connection

    def _prepare(self) -> None:
        with self.transaction() as connection:
            made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
            if not made:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", (SCHEMA_VERSION,))
            (version,) = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"{self.path}: made by a newer tapeline (data version {version}, this one reads {SCHEMA_VERSION}); "
                "upgrade tapeline or choose another --data-dir"
            )

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's own connection inside a transaction: everything read in it is of one moment."""
        with translating_sqlite_errors(self.path):
            reader = self.reader
            outermost = not reader.in_transaction
            if outermost:
                reader.execute("BEGIN")
            try:
                yield reader
            finally:
                if outermost:
                    reader.execute("ROLLBACK")

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's own connection for reading."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done with the connection is committed together, or, on an exception, not at all.

        Threads of this process queue on a lock, because SQLite's own waiting between connections is a sleep.
        """
        with self._lock, translating_sqlite_errors(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes every connection; the last one to close folds the WAL into the file."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()


@contextlib.contextmanager
def translating_sqlite_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system say about `path` into a `StorageError` a user can act on."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        text = str(error)
        if "disk is full" in text or "No space left" in text:
            advice = "the disk is full; free some space and start again, nothing committed was lost"
        elif "not a database" in text or "malformed" in text:
            advice = "not a tapeline database, or damaged; move it away or choose another --data-dir"
        elif "locked" in text:
            advice = "another program has kept it locked for 30 seconds; stop that one or choose another --data-dir"
        elif isinstance(error, OSError) or "unable to open" in text or "readonly" in text:
            advice = "cannot be written; check its permissions or choose another --data-dir"
        else:
            raise
        raise StorageError(f"{path}: {advice} ({text})") from error
