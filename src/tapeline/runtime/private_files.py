"""Make folders and files that nobody but their owner can read: trades, secrets of a log-in and models lie in them.

What root makes is its folder's owner's (`file_owners`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tapeline.errors import StorageError
from tapeline.runtime.file_owners import give_folder_to_owner_of, give_to_owner_of

#: The mode of a file that only its owner can read and write.
PRIVATE = 0o600

_LOCK_SECONDS, _LOOK_SECONDS = 10.0, 0.005


def make_private_folder(path: Path) -> None:
    """Make the folder, and those above it, where they are missing, with mode 0700. One that is there stays as it is.

    Whoever shares an existing folder on purpose goes on doing so.
    """
    if not path.is_dir():
        make_private_folder(path.parent)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if not path.is_dir():
                raise
        else:
            give_folder_to_owner_of(path.parent, path)


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600 where there is none, for a library that would make it readable by all."""
    if path.is_symlink() and not path.exists():
        path.touch(PRIVATE)  # where it leads to, others may be at home
    elif not path.exists():
        with contextlib.suppress(FileExistsError):  # another process was faster
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
            try:
                give_to_owner_of(path.parent, handle)
            finally:
                os.close(handle)


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Let no other process or thread change the file at `path` until the block ends; its folder is made if need be.

    Raises `StorageError` where the file cannot be written, or another has not finished for ten seconds.
    """
    import filelock

    lock = filelock.FileLock(path.with_suffix(".lock"), _LOCK_SECONDS, PRIVATE)
    try:
        make_private_folder(path.parent)
        make_private_file(path.with_suffix(".lock"))
        with lock.acquire(poll_interval=_LOOK_SECONDS):
            yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror or error})") from error
