"""Give a folder to another user, as a service has one of its own, and say what in it belongs to somebody else."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: A user and group that nobody on the machine has.
SERVICE = 12345

#: Whether the tests run as root. Windows has no such user.
ROOT = getattr(os, "geteuid", lambda: None)() == 0


@contextlib.contextmanager
def folder_of_a_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder that is not root's, seen by root, that others can reach: `tmp_path` is in a private one.

    Other users pretend to be root, and the folder stays their user's.
    """
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o711)
        folder = Path(outer) / "data"
        folder.mkdir(mode=0o700)
        if ROOT:
            os.chown(folder, SERVICE, SERVICE)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
        yield folder


def not_of_the_folders_owner(folder: Path) -> list[str]:
    """Return what in the folder, at any depth, belongs to another user or group than the folder."""
    owner = folder.stat()
    found = []
    for path in folder.rglob("*"):
        stat = path.lstat()
        if (stat.st_uid, stat.st_gid) != (owner.st_uid, owner.st_gid):
            found.append(path.relative_to(folder).as_posix())
    return sorted(found)
