"""Run the tools that check files of `deploy/machine`."""

from __future__ import annotations

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "deploy" / "machine"


def run(*command: str | Path) -> str:
    """Return what the tool says; it must find nothing wrong."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
