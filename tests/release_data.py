"""Keep a data directory of each release: `python -m tests.release_data 0.1.0` makes the one of the release at hand.

It has what commands leave in a data directory: bars of two symbols with forecasts of both kinds of model, a repeated
and a rejected record, a watch-list and an alert rule. Later versions must open it for ever, see
`tests/e2e/test_releases.py`.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

from tests.conftest import random_bars
from tests.faults.flips import invoke

RELEASES = Path(__file__).parent / "data" / "releases"

#: How many minutes of each symbol it holds: enough to train both models.
MINUTES = 1200


def make(release: str) -> Path:
    """Write the data directory of the release at hand as an archive, and return where it is."""
    with tempfile.TemporaryDirectory() as folder:
        data, file = Path(folder) / "data", Path(folder) / "bars.csv"
        lines = [
            f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume:.0f}"
            for bar in random_bars(2, MINUTES)
        ]
        refused = ",".join([*lines[-1].split(",")[:-2], "nothing", "0"])
        repeated = lines[200].rpartition(",")[0] + ",7"
        file.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *lines, refused, repeated]))
        for arguments in (
            ("replay", str(file)),
            ("symbols", "add", "S00"),
            ("alerts", "add", "rsi_14 < 30"),
        ):
            code, _, said = invoke(data, *arguments)
            assert code == 0, said
        RELEASES.mkdir(exist_ok=True)
        path = RELEASES / f"{release}.tar.xz"
        with tarfile.open(path, "w:xz") as archive:
            for each in sorted(data.rglob("*")):
                if each.suffix not in {".lock", ".db-wal", ".db-shm"}:
                    archive.add(each, each.relative_to(data), recursive=False)
    return path


if __name__ == "__main__":
    made = make(sys.argv[1])
    sys.stdout.write(f"{made}: {made.stat().st_size:,} bytes\n")
