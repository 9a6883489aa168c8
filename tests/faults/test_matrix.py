"""Commands in which something fails or that are killed: a clear answer, nothing damaged, the same end the next time.

`python -m tests.faults` is the long run; `docs/guarantees.md` has its figures.
"""

from __future__ import annotations

import re
import subprocess
import sys

ONLY = "show,rejects,score,watch-list,backup,restore,check,replay,correction,archive"


def test_commands_survive_faults_and_kills() -> None:
    """Every command with a full and a read-only disk, some errors and limits, and some kills while it writes."""
    program = [sys.executable, "-m", "tests.faults", "--faults", "12", "--kills", "6", "--seed", "1", "--only", ONLY]
    done = subprocess.run(program, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    table = dict(re.findall(r"^\| ([^|]+) \| (\d+) \| \d+ \|$", done.stdout, re.MULTILINE))
    assert {"full", "read-only", "error", "file size", "descriptors", "memory"} <= table.keys()
    assert int(table["all"]) >= 60
