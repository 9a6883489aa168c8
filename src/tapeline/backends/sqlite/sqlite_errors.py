"""Say what SQLite and the file system report about the data file in a line that a user can act on."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tapeline.errors import StorageError

_NOT_WRITTEN = "cannot be written; check its permissions or choose another --data-dir"
_NOT_READ = (
    "not a tapeline database, or damaged; `tapeline check --repair` saves what is whole; or name another --data-dir"
)
#: Said where another process holds the file.
LOCKED = "another program has kept it locked for 30 seconds; stop that one or choose another --data-dir"
_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space and start again, nothing committed was lost",
    sqlite3.SQLITE_IOERR: "the disk reports an error; check it, nothing committed was lost",
    sqlite3.SQLITE_NOTADB: _NOT_READ,
    sqlite3.SQLITE_CORRUPT: _NOT_READ,
    sqlite3.SQLITE_ERROR: _NOT_READ,  # statements are tapeline's: the file's tables do not fit them
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_CANTOPEN: _NOT_WRITTEN,
    sqlite3.SQLITE_READONLY: _NOT_WRITTEN,
    sqlite3.SQLITE_PERM: _NOT_WRITTEN,
}


@contextlib.contextmanager
def translating_sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say about `path` into a `StorageError` a user can act on."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE[sqlite3.SQLITE_FULL if error.errno == errno.ENOSPC else sqlite3.SQLITE_CANTOPEN]
        raise StorageError(f"{path}: {advice} ({error})") from error
    except UnicodeDecodeError as error:  # SQLite names a table whose name is no text any more
        raise StorageError(f"{path}: {_NOT_READ} ({error})") from error
    except sqlite3.Error as error:
        advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")  # Python's own errors have no code
        if not advice:
            raise
        raise StorageError(f"{path}: {advice} ({error})") from error
