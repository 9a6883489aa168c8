"""Measure the size on disk after a day of live updates, beside the same bars replayed at once.

Every second each symbol's forming bar is appended to the stream and stored in a commit of its own; at the end of its
minute the bar is final. The files are measured before the database is closed, so that the write-ahead log counts.

usage: live_day.py [--symbols 100] [--minutes 390] [--updates 60]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

MINUTE = 60_000
OPEN = 1_735_828_200_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--minutes", type=int, default=390)
    parser.add_argument("--updates", type=int, default=60, help="updates a minute")
    options = parser.parse_args()
    bars = options.symbols * options.minutes
    live, seconds = size_after(options.symbols, options.minutes, options.updates)
    once, _ = size_after(options.symbols, options.minutes, 1)
    updates = bars * options.updates
    print(f"{options.symbols} symbols, {options.minutes} minutes, {options.updates} updates each: {updates:,} updates")
    commits = options.minutes * options.updates
    print(f"commit              {1000 * seconds / commits:.2f} ms for {options.symbols} rows")
    for name, size in (("live updates", live), ("final bars only", once)):
        print(f"{name:19} {sum(size.values()) / 1e6:.1f} MB, {sum(size.values()) / bars:.1f} bytes a bar  {size}")
    print(f"ratio               {sum(live.values()) / sum(once.values()):.2f}")


def size_after(symbols: int, minutes: int, updates: int) -> tuple[dict[str, int], float]:
    """Return the size of every file of the store after a session, and the seconds that it took."""
    from tapeline.app.config import Settings
    from tapeline.backends.sqlite.database import Database
    from tapeline.backends.sqlite.sqlite_store import SqliteStore
    from tapeline.backends.sqlite.sqlite_stream import SqliteStream
    from tapeline.core.market import Bars
    from tapeline.core.messages import Commit, Delivery
    from tapeline.runtime.processor import Processor

    rng = np.random.default_rng(0)
    close = np.round(rng.uniform(5, 500, symbols), 2)
    names = tuple(f"SYM{number:03d}" for number in range(symbols))
    code = np.arange(symbols, dtype=np.int32)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "tapeline.db")
        stream, store = SqliteStream(database), SqliteStore(database)
        processor = Processor(Settings().indicators)
        position = stream.end()
        began = time.perf_counter()
        for minute in range(minutes):
            open_ = high = low = close
            volume = np.zeros(symbols)
            for update in range(1, updates + 1):
                close = np.round(close * np.exp(rng.normal(0, 0.0005, symbols)), 2)
                high, low = np.maximum(high, close), np.minimum(low, close)
                volume = volume + rng.integers(0, 1_000, symbols)
                columns = np.column_stack((open_, high, low, close, volume))
                timestamp = np.full(symbols, OPEN + minute * MINUTE)
                final = np.full(symbols, update == updates)
                stream.append("live", Delivery(Bars(names, code, timestamp, *columns.T.copy(), final), resume=""))
                read, position = stream.read(position, 1 << 16)
                step = processor.step(read)
                states = {symbol: processor.state(symbol) for symbol in step.symbols}
                checkpoints = {symbol: states[symbol] for symbol in step.due}
                store.commit(Commit(step.rows, states, position, checkpoints))
                stream.trim(position)
        seconds = time.perf_counter() - began
        files = {path.name: path.stat().st_size for path in sorted(Path(folder).glob("*.db*"))}
        database.close()
    return files, seconds


if __name__ == "__main__":
    main()
