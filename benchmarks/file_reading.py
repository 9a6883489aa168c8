"""Measure how fast files of bars are read: tapeline's reader, an earlier version of it, and Polars' `read_csv`.

    python benchmarks/file_reading.py                          # one million rows
    python benchmarks/file_reading.py --before ../earlier/src  # and beside the reader of another checkout

Every reader runs in a process of its own, and they take turns. Processor time is measured, of one thread, which other
work on the machine disturbs less than wall time. tapeline reads a file twice (a look through it, then the bars in the
order of time) and checks every row; Polars only parses it. The best of the rounds counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

READ = {
    "tapeline": (
        "from tapeline.feeds.files import FileSource\n"
        "FileSource([first]).scan()\n"  # imports what it needs
        "began = time.process_time()\n"
        "rows = sum(len(delivery.bars) for delivery in FileSource([path]).deliveries(''))\n"
    ),
    "polars": (
        "import polars\npolars.read_csv(first)\nbegan = time.process_time()\nrows = len(polars.read_csv(path))\n"
    ),
}
HEADER = "symbol,timestamp,open,high,low,close,volume\n"
SYMBOLS = 10


def write(path: Path, rows: int, form: str) -> Path:
    """Write minute bars of several symbols in the order of time, their times in this form."""
    import numpy as np

    minutes = np.arange(rows // SYMBOLS) * 60 + 1_609_459_200
    stamps = {
        "epoch": (minutes * 1000).astype(str),
        "iso": np.char.add(minutes.astype("datetime64[s]").astype(str), "Z"),
        "local": np.char.replace(minutes.astype("datetime64[s]").astype(str), "T", " "),
    }[form].tolist()
    steps = np.random.default_rng(1).integers(0, 1000, (rows // SYMBOLS, SYMBOLS)).tolist()
    with path.open("w") as file:
        file.write(HEADER)
        for stamp, row in zip(stamps, steps, strict=True):
            file.writelines(
                f"BTC{number}-USD,{stamp},{100 + step / 100},{111.5 + step / 100},{99.25 + step / 100},"
                f"{101.75 + step / 100},{1000 + step}\n"
                for number, step in enumerate(row)
            )
    return path


def seconds(kind: str, path: Path, first: Path, source: str | None) -> float:
    """Return how long one process takes to read the file, without its start."""
    code = f"import time\npath, first = {str(path)!r}, {str(first)!r}\n" + READ[kind]
    code += "print(time.process_time() - began, rows)"
    environment = os.environ | ({"PYTHONPATH": source} if source else {}) | {"POLARS_MAX_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", help="the folder src of another checkout")
    arguments = parser.parse_args()
    readers = {"this version": ("tapeline", None), "Polars read_csv, one thread": ("polars", None)}
    if arguments.before:
        readers["before"] = "tapeline", arguments.before
    with tempfile.TemporaryDirectory() as folder:
        for form in ("epoch", "iso", "local"):
            path = write(Path(folder) / f"{form}.csv", arguments.rows, form)
            first = write(Path(folder) / f"{form}_first.csv", 1000, form)
            best = dict.fromkeys(readers, float("inf"))
            for _ in range(arguments.rounds):
                for name, (kind, source) in readers.items():
                    best[name] = min(best[name], seconds(kind, path, first, source))
            for name, taken in best.items():
                ratio = best["this version"] / taken
                print(
                    f"{form:6} {name:28} {arguments.rows / taken:12,.0f} rows/s   this version takes {ratio:.2f} times"
                )


if __name__ == "__main__":
    main()
