"""Write files whole or not at all, and clear up after processes that were killed while they wrote.

A file is written under a temporary name beside its own, `.NAME-xxxxxxxx.tmp`, and locked meanwhile (where the file
system has locks): so a leftover of a process that is gone can be told from a file that is being written.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tapeline.runtime.file_owners import give_to_owner_of

#: A file is not taken for a leftover in its first seconds: its writer may not have locked it yet.
_FRESH_SECONDS = 60.0

_TEMPORARY = re.compile(r"\..+-[a-z0-9_]{8}\.tmp")


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace the file at `path`: a reader, also after a crash, sees the old content or the new, nothing between.

    The content is never readable by more people than `mode` allows, not even while it is written. Written by root, the
    file is the folder's owner's (`file_owners`).
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            _is_locked(file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(temporary).chmod(mode)
            give_to_owner_of(path.parent, file.fileno())
        Path(temporary).replace(path)  # closed: Windows moves no open file
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(folders: Iterable[Path]) -> int:
    """Delete the temporary files that killed processes left in these folders. Return how many there were.

    Files that another process is writing stay, and so does everything that cannot be deleted.
    """
    removed = 0
    for folder in folders:
        with contextlib.suppress(OSError):
            names = [entry.name for entry in os.scandir(folder) if _TEMPORARY.fullmatch(entry.name)]
            removed += sum(_is_left_over(folder / name) for name in names)
    return removed


def _is_left_over(path: Path) -> bool:
    """Delete this file if nobody writes it any more. Return whether it is gone."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if time.time() - os.fstat(handle).st_mtime > _FRESH_SECONDS and _is_locked(handle):
                path.unlink()
                return True
        finally:
            os.close(handle)
    return False


def _is_locked(handle: int) -> bool:
    """Lock an open file for this process, until it is closed. Return whether no other process has it locked."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
