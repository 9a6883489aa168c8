"""Compile every kernel before the tests begin: `make test` runs this beside lint, which uses one core.

Otherwise each of the two test processes compiles most of them, at the same time as the other one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import tapeline
from tapeline.indicators import warm_up
from tapeline.indicators.listing import listing


def main() -> None:
    """Compile all indicators, then whatever a replay of the packaged files calls, training included."""
    warm_up([each.default for each in listing()])
    data = Path(tapeline.__file__).parent / "data"
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted(data.glob("*.parquet")):
            command = [sys.executable, "-m", "tapeline", "replay", str(file), "--data-dir", f"{folder}/{file.stem}"]
            subprocess.run(command, capture_output=True, check=True)


if __name__ == "__main__":
    main()
