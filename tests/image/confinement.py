"""Run a command as AWS runs the image: a user who owns nothing, a read-only file system, the image's work directory.

Needs Linux and root, for a mount namespace of its own; nothing outside of it changes. What the command may read but
this machine keeps in folders of root's, such as the interpreter under `/root`, is put in its place there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: The user and group that Lambda gives a function's container; neither is in the image.
FOREIGN = (993, 990)

#: Whom the ECS task definitions name.
OWN = (10001, 10001)


@cache
def unavailable() -> str:
    """Return why commands cannot be confined here, '' if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can start a command as another user on a read-only file system"
    if missing := [name for name in ("unshare", "setpriv", "mount") if shutil.which(name) is None]:
        return f"{missing[0]} is not installed: apt-get install util-linux"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


@dataclass(frozen=True, slots=True)
class Confinement:
    """Say how commands run: where they start, who they are, and what of `root` and the machine they can reach.

    `root` is a folder that everybody can reach, outside `/tmp`; its folder `tmp` becomes their `/tmp`. `writable` are
    folders that stay writable, as a volume does.
    """

    root: Path
    work_directory: str
    user: tuple[int, int] = FOREIGN
    reachable: tuple[Path, ...] = (Path(sys.base_prefix),)
    writable: tuple[Path, ...] = ()

    def command(self, *command: str) -> list[str]:
        """Return the command that runs `command` this way. It is the same process, so signals reach it."""
        uid, gid = self.user
        person = f"setpriv --reuid={uid} --regid={gid} --clear-groups --inh-caps=-all --bounding-set=-all"
        lines = [*self._mounts(), f"cd {shlex.quote(self.work_directory)}", f'exec {person} --no-new-privs "$@"']
        return ["unshare", "--mount", "--propagation=private", "sh", "-ec", "\n".join(lines), "confined", *command]

    def _mounts(self) -> list[str]:
        """Return the lines that lay out the file system, before it becomes read-only."""
        stage, temporary = self.root / "stage", self.root / "tmp"
        temporary.mkdir(mode=0o1777, exist_ok=True)
        temporary.chmod(0o1777)
        lines, covered = [], dict.fromkeys([Path("/tmp")])
        for place, path in enumerate(self.reachable):
            (stage / str(place)).mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --bind {_quoted(path)} {_quoted(stage / str(place))}")
            covered |= dict.fromkeys(_closed(path)[:1])
        lines.append(f"mount --bind {_quoted(temporary)} /tmp")
        lines += [f"mount -t tmpfs -o mode=755 none {_quoted(path)}" for path in list(covered)[1:]]
        for place, path in enumerate(self.reachable):
            if any(path.is_relative_to(cover) for cover in covered):
                lines += [f"mkdir -p {_quoted(path)}", f"mount --bind {_quoted(stage / str(place))} {_quoted(path)}"]
        lines += [f"mount --bind {_quoted(path)} {_quoted(path)}" for path in self.writable]
        lines.append("[ ! -d /dev/shm ] || mount -t tmpfs -o ro none /dev/shm")  # Lambda has none
        lines.append("mount -o remount,ro,bind /")
        return lines


def _closed(path: Path) -> list[Path]:
    """Return the folders on the way to `path` that others cannot pass through, the highest first."""
    return [parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
