"""Say in a line what the machine refused: space, memory, open files, permissions. That is no defect of the program."""

from __future__ import annotations

import errno

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "a file may not grow any more (ulimit -f); raise the limit",
    errno.EIO: "the disk reports an error; check it",
    errno.EROFS: "the disk is read-only; choose a place that can be written",
    errno.EACCES: "permission is denied; check its owner and mode",
    errno.EPERM: "permission is denied; check its owner and mode",
    errno.EMFILE: "too many files are open in this process (ulimit -n); raise the limit",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "there is not enough memory (ulimit -v); raise the limit or free some",
    errno.EAGAIN: "no process or thread can be started (ulimit -u, ulimit -v); raise the limit",
}

#: SQLite's codes for a file that cannot be written, read, opened, or has no space (https://sqlite.org/rescode.html).
_SQLITE_REFUSALS = {8, 10, 13, 14}

#: What Python and Arrow say where a thread cannot be started: this refusal has no class or number of its own in either.
_NO_THREAD = ("can't start new thread", "Failed to launch worker thread")


def refused_by_machine(error: BaseException) -> str:
    """Return the line for an error by which the machine refused something, '' for any other error.

    Nothing that was committed is lost. An import fails for want of memory or open files too: its message is the
    dynamic linker's, and the reason is looked for where Python keeps one.
    """
    import sqlite3  # not for every command, at its start

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError):
            return f"{_ADVICE[errno.ENOMEM]}; nothing committed was lost"
        if isinstance(seen, OSError) and seen.errno in _ADVICE:
            where = f"{seen.filename}: " if seen.filename else ""
            return f"{where}{_ADVICE[seen.errno]}; nothing committed was lost"
        if (
            isinstance(seen, sqlite3.OperationalError)
            and getattr(seen, "sqlite_errorcode", 0) & 0xFF in _SQLITE_REFUSALS
        ):
            return f"a database file cannot be used ({seen}); check the disk, its space and `ulimit -f`"
        if any(text in str(seen) for text in _NO_THREAD):
            return f"{_ADVICE[errno.EAGAIN]}; nothing committed was lost"
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, ImportError) and error.path and error.path.endswith(".so"):
        return f"{error.path}: cannot be loaded ({error.msg}); is there enough memory, and may files be opened?"
    return ""
