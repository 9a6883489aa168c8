"""Measure bars per second and peak memory of `tapeline replay --speed max`, from a file into SQLite.

Beside it SQLite alone inserts the same rows into a plain table, in the same run.

usage: replay.py [--bars 1000000] [--symbols 100] [--runs 3]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore


def write_bars(path: Path, bars: int, symbols: int) -> None:
    """Write a random walk of one-minute bars, in the order of time, as Parquet or CSV."""
    rng = np.random.default_rng(0)
    minutes = bars // symbols
    close = np.exp(np.cumsum(rng.normal(0, 0.0005, (minutes, symbols)), axis=0)) * rng.uniform(5, 500, symbols)
    open_ = np.vstack((close[:1], close[:-1]))
    high = np.maximum(open_, close) * (1 + rng.exponential(0.0003, close.shape))
    low = np.minimum(open_, close) * (1 - rng.exponential(0.0003, close.shape))
    table = pa.table(
        {
            "symbol": np.tile([f"SYM{i:03d}" for i in range(symbols)], minutes),
            "timestamp": np.repeat(1_700_000_000_000 + 60_000 * np.arange(minutes), symbols),
            **{
                name: np.round(values.ravel(), 4)
                for name, values in {"open": open_, "high": high, "low": low, "close": close}.items()
            },
            "volume": rng.integers(0, 100_000, minutes * symbols),
        }
    )
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        import pyarrow.csv

        pyarrow.csv.write_csv(table, path)


def replay(path: Path, folder: Path) -> tuple[dict[str, float], float]:
    """Run once in a process of its own. Return the summary and the peak resident memory in MB."""
    command = [sys.executable, "-m", "tapeline", "replay", str(path)]
    command += ["--data-dir", str(folder), "--speed", "max", "--no-dashboard", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"replay failed with {process.returncode}")
    return json.loads(output), usage.ru_maxrss / 1024


def sqlite_alone(database: Path, copy: Path) -> float:
    """Return the rows per second that SQLite alone inserts of the same rows, made beforehand, one bar a row.

    Nothing is computed and no index but the key is kept: it is what a plain table would cost on this disk.
    """
    with contextlib.closing(Database(database, create=False)) as source:
        store = SqliteStore(source)
        stored = [store.rows(symbol) for symbol in store.latest().bars.symbols]
    rows = []
    for number, part in enumerate(stored):
        bars = part.bars
        prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        columns = (bars.timestamp, *prices, bars.final, part.prediction, part.probability, part.model)
        rows += [(number, *values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    rows = sorted(rows, key=lambda row: row[1])[:400_000]
    target = sqlite3.connect(copy, isolation_level=None)
    for pragma in ("page_size=8192", "journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=4096"):
        target.execute(f"PRAGMA {pragma}")
    target.execute(
        "CREATE TABLE rows (symbol INTEGER, timestamp INTEGER, open REAL, high REAL, low REAL, close REAL, "
        "volume REAL, final INTEGER, prediction INTEGER, probability REAL, model INTEGER, "
        "PRIMARY KEY (symbol, timestamp))"
    )
    insert = f"INSERT INTO rows VALUES ({','.join('?' * len(rows[0]))})"
    started = time.perf_counter()
    for first in range(0, len(rows), 4096):
        target.execute("BEGIN")
        target.executemany(insert, rows[first : first + 4096])
        target.execute("COMMIT")
    seconds = time.perf_counter() - started
    target.close()
    return len(rows) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print(
        f"{'input':<16} {'bars/s':>10} {'SQLite alone':>13} {'ratio':>6} {'peak MB':>8} {'training s':>10}   (medians)"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for bars, suffix in ((arguments.bars, "parquet"), (arguments.bars, "csv"), (arguments.bars // 4, "parquet")):
            path = folder / f"bars.{suffix}"
            write_bars(path, bars, arguments.symbols)
            found = []
            for run in range(arguments.runs):
                directory = folder / f"{suffix}{bars}-{run}"
                summary, memory = replay(path, directory)
                alone = sqlite_alone(directory / "tapeline.db", directory / "alone.db")
                found.append((summary["bars_per_second"], alone, memory, summary["training_seconds"]))
                for file in directory.glob("*.db*"):
                    file.unlink()
            speed, alone, memory, training = (statistics.median(values) for values in zip(*found, strict=True))
            label = f"{bars:,} {suffix}"
            print(
                f"{label:<16} {speed:>10,.0f} {alone:>13,.0f} {speed / alone:>6.2f} {memory:>8,.0f} {training:>10.1f}"
            )


if __name__ == "__main__":
    main()
