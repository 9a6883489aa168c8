"""Open the one SQLite file behind the embedded stream and store, and admit one writer at a time.

Choices, and why (docs/adr/0001):
- WAL, so that readers in other processes never wait for the writer and see whole transactions only.
- `synchronous=NORMAL`: a commit is not forced to the disk, a checkpoint is. A killed process loses nothing; a power cut
  may lose the last commits but never damages the file, and because rows, state and positions commit together, what
  was lost is read from the source again.
- A checkpoint every 8 MB of WAL instead of 4: a replay rewrites the same pages less often. With 32 MB it is 3 % faster,
  but the log of a small store is then several times the store.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tapeline.backends.sqlite.checked_rows import put_rows, whole_row
from tapeline.backends.sqlite.conversion import add_checksums, convert, shrink
from tapeline.backends.sqlite.damage_log import DamageLog
from tapeline.backends.sqlite.schema import BLOCKS_SINCE, SCHEMA_VERSION, create_tables, missing_columns, stored_version
from tapeline.backends.sqlite.sqlite_errors import LOCKED, translating_sqlite_errors
from tapeline.backends.sqlite.unwritable import REFUSALS, UnwritableFile
from tapeline.errors import StorageError
from tapeline.runtime.private_files import make_private_file, make_private_folder

_WRITING = "writing"  # in `meta`
_PRAGMAS = (
    "page_size=8192",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "wal_autocheckpoint=1024",  # pages: 8 MB
    f"journal_size_limit={64 << 20}",
    "cache_size=-2048",  # KB for each thread that reads: blocks are read once, and kept decoded
    "secure_delete=OFF",  # some builds overwrite what is deleted: every merged block
)
_WRITER_CACHE_KB = 8192


class Database:
    """Hold the file, opened. Any number of threads may read; `transaction` admits one writer at a time.

    `create` makes the folder and the file where they are missing; without it a missing file is a `StorageError`.
    A file of an earlier version is converted, once: while `alone` is held, which raises where another process uses the
    file, and with `progress` from 0 to 1. `notices` are lines for the user about it. `damage` has what was found
    damaged since then.

    Where nothing can be written and nothing is to be made, what is there is read all the same.

    Raises `StorageError` when the folder cannot be written, the file is not a database, or a newer tapeline made it.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        alone: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
        progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.path = path
        self.notices: tuple[str, ...] = ()
        self.damage = DamageLog()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: set[sqlite3.Connection] = set()
        self._unwritable: UnwritableFile | None = None
        if not create and not path.exists():
            raise StorageError(f"{path}: no data here yet; run `tapeline demo` or `tapeline replay FILE` first")
        try:
            with translating_sqlite_errors(path):
                if create:
                    make_private_folder(path.parent)
                    make_private_file(path)  # its journals get the same mode
                self._writer = self._first_connection(create=create)
                self._prepare(alone, progress)
        except BaseException:
            self.close()
            raise

    def _first_connection(self, *, create: bool) -> sqlite3.Connection:
        """Return a connection; one that only reads where nothing can be written and nothing is to be made."""
        try:
            connection = self._connect()
            connection.execute(f"PRAGMA cache_size=-{_WRITER_CACHE_KB}")
            stored_version(connection)  # the first look needs the files that are shared among processes
        except (sqlite3.OperationalError, OSError) as error:
            if create or (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in REFUSALS:
                raise
            self.close()
            self._unwritable = UnwritableFile(self.path)
            self.notices = tuple(filter(None, [self._unwritable.notice]))
            connection = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        if self._unwritable is None:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
        else:
            connection = self._unwritable.connect()
        self._opened.add(connection)
        connection.text_factory = _text
        for pragma in _PRAGMAS if self._unwritable is None else ():
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _prepare(self, alone: Callable[[], AbstractContextManager[object]], progress: Callable[[float], None]) -> None:
        version = stored_version(self._writer)
        if version is None:
            with self.transaction() as connection:
                if stored_version(connection) is None:  # another process may have been faster
                    create_tables(connection)
        elif version < SCHEMA_VERSION:
            if not os.access(self.path, os.W_OK):
                raise StorageError(
                    f"{self.path}: made by an earlier tapeline, and cannot be converted because it cannot be written; "
                    "check its permissions"
                )
            with alone():
                with self.transaction() as connection:
                    waiting = stored_version(connection) == version
                    if waiting:
                        (convert if version < BLOCKS_SINCE else add_checksums)(connection, progress)
                reason = shrink(self._writer, self.path) if waiting and version < BLOCKS_SINCE else ""
                self.notices = (reason,) if reason else ()
        elif version > SCHEMA_VERSION:
            raise StorageError(
                f"{self.path}: made by a newer tapeline (data version {version}, this one reads {SCHEMA_VERSION}); "
                "upgrade tapeline or choose another --data-dir"
            )
        elif missing_columns(self._writer):
            with self.transaction() as connection:
                create_tables(connection)

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
        """This thread's own connection for reading, which is closed when the thread ends."""
        kept: _ThreadConnection | None = getattr(self._local, "kept", None)
        if kept is None:
            kept = self._local.kept = _ThreadConnection(self._connect(), self._opened)
        return kept.connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all that is done with the connection together; on an exception, nothing of it.

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

    @property
    def ended_uncleanly(self) -> bool:
        """Return whether a process that was `writing` has not ended it: it was killed, or it is writing now."""
        with self.reading() as reader:
            row, whole = whole_row(reader, "meta", "name", _WRITING)
        return not whole or bool(row and row[1])

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Note in the file that it is written to, until the block ends, however that may be."""
        with self.transaction() as connection:
            put_rows(connection, "meta", [(_WRITING, 1)])
        try:
            yield
        finally:
            with contextlib.suppress(StorageError), self.transaction() as connection:
                put_rows(connection, "meta", [(_WRITING, 0)])

    def settle(self) -> None:
        """Fold the WAL into the file, so that the file can be moved alone. Raises `StorageError`.

        `close` does that too, but leaves what it cannot fold in the WAL and says nothing.
        """
        with self._lock, translating_sqlite_errors(self.path):
            (busy, *_) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StorageError(f"{self.path}: {LOCKED}")

    def close(self) -> None:
        """Close every connection; the last one to close folds the WAL into the file."""
        with self._lock:
            for connection in tuple(self._opened):  # a thread may end meanwhile
                connection.close()
            self._opened.clear()
            if self._unwritable is not None:
                self._unwritable.close()


class _ThreadConnection:
    """Hold a thread's connection, and close it with the thread: a server's threads come and go for weeks."""

    def __init__(self, connection: sqlite3.Connection, opened: set[sqlite3.Connection]) -> None:
        self.connection = connection
        self._opened = opened

    def __del__(self) -> None:
        self._opened.discard(self.connection)
        self.connection.close()


def _text(content: bytes) -> str:
    """Return a stored text; one that damage made no text any more is refused by its checksum, not here."""
    return content.decode("utf-8", "surrogateescape")
