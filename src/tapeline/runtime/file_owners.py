"""Give what the superuser makes to the owner of the folder that it is made in.

A service runs as a user of its own, and whoever looks after it runs commands as root: what such a command made in the
data directory would be root's alone (0600), and the service could no longer read it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def give_to_owner_of(folder: Path, made: int) -> None:
    """Give what was just made, an open file or folder, to the owner of `folder` where this process is root's.

    It does nothing for other users, who cannot give files away, in folders of root's own, and where files have no
    owners. Where the file system refuses, it stays root's.
    """
    if _is_root():
        with contextlib.suppress(OSError):
            owner = folder.stat()
            if owner.st_uid != 0:
                os.fchown(made, owner.st_uid, owner.st_gid)


def give_folder_to_owner_of(folder: Path, made: Path) -> None:
    """Give the folder `made` to the owner of `folder`, as `give_to_owner_of` does.

    It is opened and no link is followed: whoever owns `folder` might put something else in its place meanwhile.
    """
    if _is_root():
        with contextlib.suppress(OSError):
            handle = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                give_to_owner_of(folder, handle)
            finally:
                os.close(handle)


def _is_root() -> bool:
    """Return whether this process may give files away. Windows has no such user, nor `os.fchown`."""
    return hasattr(os, "fchown") and hasattr(os, "geteuid") and os.geteuid() == 0
