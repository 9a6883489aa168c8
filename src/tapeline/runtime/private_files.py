"""Make folders and files that nobody but their owner can read: trades, secrets of a log-in and models lie in them."""

from __future__ import annotations

from pathlib import Path

#: The mode of a file that only its owner can read and write.
PRIVATE = 0o600


def make_private_folder(path: Path) -> None:
    """Make the folder, and those above it, where they are missing, with mode 0700. One that is there stays as it is.

    Whoever shares an existing folder on purpose goes on doing so.
    """
    if not path.is_dir():
        make_private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600 where there is none, for a library that would make it readable by all."""
    if not path.exists():
        path.touch(PRIVATE)
