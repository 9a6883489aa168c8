"""Say whether code that lies in a file or folder may be run: not where somebody else could have written it.

Compiled functions are kept on disk, by Numba as pickle, and whoever can write a pickle can run any code in the
process that reads it. So a cache is used only where nobody can write but this user, the superuser and the owner of this
package, who could change the package itself.

Windows tells neither owners nor writers by `stat`. What it gives to a user alone is the user's profile, and the package
lies where whoever installed it wanted it; so these two are trusted there, and nothing else.
"""

from __future__ import annotations

import os
import stat
from functools import cache
from pathlib import Path

_HAS_OWNERS = hasattr(os, "geteuid")
_PACKAGE = Path(__file__).resolve().parents[1]


def is_trusted_folder(path: Path) -> bool:
    """Return whether only trusted users can put files into this folder, or another folder in its place."""
    try:
        real = path.resolve(strict=True)
        if not _HAS_OWNERS:
            return any(real.is_relative_to(home) for home in (Path.home().resolve(), _PACKAGE))
        return is_trusted(real.stat()) and all(_holds_its_folders(parent.stat()) for parent in real.parents)
    except OSError:
        return False


def is_trusted(found: os.stat_result) -> bool:
    """Return whether only trusted users can write what `found` describes; for files of the package, on Windows."""
    return not _HAS_OWNERS or (found.st_uid in _trusted_users() and not _others_write(found))


def _holds_its_folders(found: os.stat_result) -> bool:
    """Return whether nobody else can exchange what is in this folder; where all may write, as in /tmp, by its mode."""
    return found.st_uid in _trusted_users() and (not _others_write(found) or bool(found.st_mode & stat.S_ISVTX))


def _others_write(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and found.st_gid != _private_group()


@cache
def _trusted_users() -> frozenset[int]:
    return frozenset({0, os.geteuid(), Path(__file__).stat().st_uid})


@cache
def _private_group() -> int:
    """Return the group that only this user is in, as many systems give each user one; -1 where there is none."""
    try:
        import grp
        import pwd

        user = pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(user.pw_gid)
    except (ImportError, KeyError):
        return -1
    own = group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return group.gr_gid if own else -1
