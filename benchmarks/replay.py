"""Measure bars per second, peak memory and bytes a bar of `tapeline replay --speed max`, from a file into its store.

Beside it, in the same run: SQLite alone inserting such rows one by one (a bar with its 15 default indicator values and
a forecast, made beforehand, in the table of version 1), and the script that an analyst would write: read the file with
Polars, compute the same indicators with TA-Lib for each symbol, write Parquet, or insert into DuckDB. The script keeps
no state, resumes nothing and predicts nothing.

usage: replay.py [--bars 1000000] [--symbols 100] [--runs 3] [--large 20000000]
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
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
    # The peak that Linux reports of a process includes that of the one it was started from, so a small one is between.
    between = (
        "import os, subprocess, sys; process = subprocess.Popen(sys.argv[1:]);"
        "_, status, usage = os.wait4(process.pid, 0);"
        "print(usage.ru_maxrss / 1024); sys.exit(os.waitstatus_to_exitcode(status))"
    )
    done = subprocess.run([sys.executable, "-c", between, *command], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"replay failed with {done.returncode}")
    summary, _, peak = done.stdout.strip().rpartition("\n")
    return json.loads(summary), float(peak)


def sqlite_alone(rows: int, copy: Path) -> float:
    """Return the rows per second that SQLite alone inserts in arrival order, with nothing else to do."""
    rng = np.random.default_rng(0)
    symbols = 100
    values = rng.uniform(5, 500, (rows, 5))
    blobs = rng.normal(size=(rows, 15)).astype("<f8").tobytes()
    numbers = np.arange(rows)
    table = list(
        zip(
            (numbers % symbols).tolist(), (numbers // symbols * 60_000).tolist(), *values.T.tolist(), [1] * rows,
            rng.integers(1, 4, rows).tolist(), rng.uniform(size=rows).tolist(), [1] * rows, [1] * rows,
            [blobs[at : at + 120] for at in range(0, len(blobs), 120)],
            strict=True,
        )
    )  # fmt: skip
    target = sqlite3.connect(copy, isolation_level=None)
    for pragma in ("page_size=8192", "journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=4096"):
        target.execute(f"PRAGMA {pragma}")
    target.execute(
        "CREATE TABLE rows (symbol INTEGER NOT NULL, timestamp INTEGER NOT NULL, open REAL, high REAL, low REAL, "
        "price REAL, volume REAL, final INTEGER, prediction INTEGER, probability REAL, model INTEGER, layout INTEGER, "
        "indicator BLOB)"
    )
    target.execute("CREATE UNIQUE INDEX rows_by_time ON rows (symbol, timestamp)")
    insert = f"INSERT INTO rows VALUES ({','.join('?' * len(table[0]))})"
    started = time.perf_counter()
    for first in range(0, rows, 4096):
        target.execute("BEGIN")
        target.executemany(insert, table[first : first + 4096])
        target.execute("COMMIT")
    seconds = time.perf_counter() - started
    target.close()
    copy.unlink()
    return rows / seconds


def analyst(path: Path, folder: Path, kind: str) -> float:
    """Return the bars per second of the script in a process of its own, start-up not counted."""
    code = f"""
import time, polars as pl, talib, {"duckdb" if kind == "DuckDB" else "pyarrow"}
started = time.perf_counter()
bars = pl.read_{"parquet" if path.suffix == ".parquet" else "csv"}({str(path)!r})
parts = []
for _, own in bars.group_by("symbol", maintain_order=True):
    close, high, low = (own[name].to_numpy() for name in ("close", "high", "low"))
    macd, upper = talib.MACD(close, 12, 26, 9), talib.BBANDS(close, 20, 2.0, 2.0)
    parts.append(own.with_columns(
        *(pl.Series(f"sma_{{n}}", talib.SMA(close, n)) for n in (20, 50, 200)),
        *(pl.Series(f"ema_{{n}}", talib.EMA(close, n)) for n in (12, 26)),
        *(pl.Series(f"macd_{{i}}", each) for i, each in enumerate(macd)),
        *(pl.Series(f"bbands_{{i}}", each) for i, each in enumerate(upper)),
        pl.Series("rsi_14", talib.RSI(close, 14)), pl.Series("atr_14", talib.ATR(high, low, close, 14)),
    ))
table = pl.concat(parts)
if {kind!r} == "DuckDB":
    arrow = table.to_arrow()
    with duckdb.connect({str(folder / "peer.duckdb")!r}) as database:
        database.execute("SET enable_progress_bar = false")
        database.execute("CREATE TABLE rows AS SELECT * FROM arrow")
else:
    table.write_parquet({str(folder / "peer.parquet")!r})
print(len(table) / (time.perf_counter() - started))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for left in folder.glob("peer.*"):
        left.unlink()
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large", type=int, default=20_000_000, help="bars of the last line; 0 leaves it out")
    arguments = parser.parse_args()
    print(f"{'input':<20} {'bars/s':>9} {'SQLite':>9} {'ratio':>6} {'Parquet':>9} {'DuckDB':>9} {'MB':>5} {'B/bar':>6}")
    sizes = [(arguments.bars, "parquet", arguments.runs), (arguments.bars, "csv", arguments.runs)]
    sizes += [(arguments.large, "parquet", 1)] if arguments.large else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for bars, suffix, runs in sizes:
            path = folder / f"bars.{suffix}"
            write_bars(path, bars, arguments.symbols)
            found = []
            for run in range(runs):
                directory = folder / f"{suffix}{bars}-{run}"
                summary, memory = replay(path, directory)
                size = (directory / "tapeline.db").stat().st_size / bars
                shutil.rmtree(directory)
                peers = [
                    analyst(path, folder, kind) if bars <= 2_000_000 else math.nan for kind in ("Parquet", "DuckDB")
                ]
                found.append((summary["bars_per_second"], sqlite_alone(400_000, folder / "a.db"), *peers, memory, size))
            speed, alone, parquet, duck, memory, size = map(statistics.median, zip(*found, strict=True))
            print(
                f"{f'{bars:,} {suffix}':<20} {speed:>9,.0f} {alone:>9,.0f} {speed / alone:>6.2f} {parquet:>9,.0f} "
                f"{duck:>9,.0f} {memory:>5,.0f} {size:>6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
