"""Lay out what the Dockerfile makes under a folder of this machine: environment, folders, owners, work directory.

The Dockerfile's own lines are read, with its absolute paths moved under the folder, so what is tried is what it says.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: The paths of the image that are laid out; everything else is this machine's.
_MOVED = ("/opt/tapeline", "/var/lib/tapeline", "/usr/local/bin/start")


@dataclass(frozen=True, slots=True)
class Layout:
    """Hold an image's final stage, laid out under `root`."""

    root: Path
    environment: dict[str, str]
    work_directory: str
    text: str

    @property
    def install(self) -> Path:
        """Return the folder of the install."""
        return self.root / "opt" / "tapeline"

    @property
    def data(self) -> Path:
        """Return the folder that is a volume on ECS."""
        return self.root / "var" / "lib" / "tapeline"

    @property
    def start(self) -> Path:
        """Return the entry point."""
        return self.root / "usr" / "local" / "bin" / "start"


def laid_out(dockerfile: str, root: Path) -> Layout:
    """Make the folders of the final stage of this Dockerfile under `root`, which everybody can reach, and return them.

    Owners are set where this process may set them.
    """
    text = re.sub("|".join(map(re.escape, _MOVED)), lambda path: f"{root}{path[0]}", dockerfile)
    final = re.sub(r"\\\n\s*", " ", text.rpartition("\nFROM ")[2])
    environment = dict(
        re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^ENV (.*)$", final, re.MULTILINE))),
        HOSTNAME="image",
    )
    environment = {name: value.strip('"') for name, value in environment.items()}
    environment["PATH"] = environment["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
    (ids,) = re.findall(r"useradd --uid (\d+)", final)
    for options, mode, folder in re.findall(r"install -d (.*?)-m (\d+) (\S+)", final):
        Path(folder).mkdir(parents=True)
        Path(folder).chmod(int(mode, 8))
        if "-o tapeline" in options and os.geteuid() == 0:
            os.chown(folder, int(ids), int(ids))
    layout = Layout(root, environment, re.findall(r"^WORKDIR (\S+)$", final, re.MULTILINE)[-1], text)
    layout.install.mkdir(parents=True, exist_ok=True)
    Path(layout.work_directory).mkdir(parents=True, exist_ok=True)
    layout.start.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "start.sh", layout.start)
    layout.start.chmod(0o755)
    return layout
