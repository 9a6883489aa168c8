"""Measure the page's server from outside: first candles on a large store, its memory, and 50 open pages with updates.

The first candles are compared with plain SQL, which reads the blocks of the same bars in this process, interleaved.
Server-sent events are compared with 50 clients that ask for the newest bars once a second, as a page without events
would.

usage: page.py [--rows 10000000] [--symbols 500] [--clients 50] [--seconds 40] [--runs 3] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import numpy as np

from tapeline.app import config
from tapeline.app.data_directory import open_data_directory, processing_alone
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.core.sessions import calendar
from tapeline.indicators import DEFAULT
from tapeline.runtime.processor import Processor
from tapeline.web import PageData, serve

_UNTIL = 1_795_200_000_000  # 2026-11-20: a fixed day, so that every run has the same bars
BLOCK = 16  # minutes committed at once


def build(folder: Path, rows: int, symbols: int) -> None:
    """Build a store of one-minute bars of regular sessions, in arrival order."""
    minutes = rows // symbols
    times = _minutes(minutes)
    names = tuple(f"SYM{i:03d}" for i in range(symbols))
    rng = np.random.default_rng(0)
    processor = Processor(DEFAULT)
    last = rng.uniform(5, 500, symbols)
    settings = config.load(data_dir=folder)
    with processing_alone(settings) as home:
        for at in range(0, minutes, BLOCK):
            count = min(BLOCK, minutes - at)
            close = last * np.exp(np.cumsum(rng.normal(0, 0.0005, (count, symbols)), axis=0))
            open_ = np.vstack((last, close[:-1]))
            last = close[-1]
            step = processor.step(
                _bars(names, times[at : at + count], open_, close, np.full(close.shape, 1000.0), True)
            )
            home.store.commit(Commit(step.rows, step.states, (at + count) * symbols, step.checkpoints))


def _minutes(count: int) -> np.ndarray:
    trading = calendar("XNYS").trading()
    day = int(np.searchsorted(trading.open, _UNTIL))
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        day -= 1
        parts.insert(0, np.arange(trading.open[day], trading.close[day], 60_000))
    return np.concatenate(parts)[-count:]


def _bars(
    names: tuple[str, ...], times: np.ndarray, open_: np.ndarray, close: np.ndarray, volume: np.ndarray, final: bool
) -> Bars:
    count, symbols = close.shape
    return Bars(
        names, np.tile(np.arange(symbols, dtype=np.int32), count), np.repeat(times, symbols), open_.ravel(),
        np.maximum(open_, close).ravel(), np.minimum(open_, close).ravel(), close.ravel(), volume.ravel(),
        np.full(count * symbols, final),
    )  # fmt: skip


class Server:
    """Run the page's server over a folder, in a process of its own."""

    def __enter__(self) -> Server:
        return self

    def __init__(self, folder: Path) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(folder)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip() + "api/v1"
        self.started = time.perf_counter() - began

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def cpu(self) -> float:
        """Return the seconds of CPU used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return the resident memory, MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def idle_memory(server: Server) -> float:
    """Return the resident memory (MB) once the server has prepared what it prepares, after a look at one symbol."""
    fetch(f"{server.url}/symbols/SYM000/bars?limit=500")
    wait_until_prepared(server)
    return server.memory()


def wait_until_prepared(server: Server) -> None:
    """Wait until the server rests, having read and computed what it prepares for those who look."""
    used = -1.0
    while server.cpu() - used > 0.02:
        used = server.cpu()
        time.sleep(3)


def fetch(url: str) -> float:
    """Return the seconds from the request to the last byte of the answer."""
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read()
    return time.perf_counter() - began


def forget(folder: Path) -> None:
    """Drop the database from the page cache, as after a restart of the machine."""
    for path in folder.glob("tapeline.db*"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def plain_sql(folder: Path, symbol: str) -> float:
    """Return the seconds that SQLite alone takes to read the newest blocks of 540 bars, opening the file included."""
    began = time.perf_counter()
    connection = sqlite3.connect(folder / "tapeline.db")
    blocks = connection.execute(
        "SELECT count, payload FROM blocks WHERE symbol = (SELECT id FROM symbols WHERE symbol = ?) ORDER BY last DESC",
        (symbol,),
    )
    bars = 0
    while bars < 540 and (block := blocks.fetchone()) is not None:
        bars += block[0]
    connection.close()
    return time.perf_counter() - began


def first_candles(folder: Path, symbols: int, runs: int) -> None:
    """Print how long the first answers of a new server take, and those of a running one."""
    asked = {
        "stored interval, stored indicators": "limit=500",
        "stored interval, rsi_21 computed": "limit=500&indicators=rsi_21",
        "5m, three indicators computed": "interval=5m&limit=500&indicators=sma_20,rsi_14,macd_12_26_9",
        "1d, one indicator computed": "interval=1d&indicators=sma_20",
    }
    rng = np.random.default_rng(1)
    starts: list[float] = []
    cold: dict[str, list[float]] = {
        name: [] for name in (*asked, "plain SQL, blocks of 540 bars", "watch-list of all symbols")
    }
    for _ in range(runs):
        for name, query in asked.items():
            forget(folder)
            with Server(folder) as server:
                starts.append(server.started)
                forget(folder)
                cold[name].append(fetch(f"{server.url}/symbols/SYM{rng.integers(symbols):03d}/bars?{query}"))
        forget(folder)
        cold["plain SQL, blocks of 540 bars"].append(plain_sql(folder, f"SYM{rng.integers(symbols):03d}"))
        with Server(folder) as server:
            cold["watch-list of all symbols"].append(fetch(f"{server.url}/symbols"))
    print(
        f"server ready after {statistics.median(starts):.2f} s (median of {len(starts)} starts, nothing in the cache)\n"
    )
    print(f"{'first answer of a new server, file not in the cache':<52}{'median':>9}{'worst':>9}")
    for name, seconds in cold.items():
        print(f"{name:<52}{statistics.median(seconds):>7.3f} s{max(seconds):>7.3f} s")
    with Server(folder) as server:
        warm: dict[str, list[float]] = {name: [] for name in (*asked, "plain SQL, blocks of 540 bars")}
        for _ in range(25):
            symbol = f"SYM{rng.integers(symbols):03d}"
            for name, query in asked.items():
                warm[name].append(fetch(f"{server.url}/symbols/{symbol}/bars?{query}"))
            warm["plain SQL, blocks of 540 bars"].append(plain_sql(folder, symbol))
    print(f"\n{'25 symbols on a running server':<52}{'median':>9}{'worst':>9}")
    for name, seconds in warm.items():
        print(f"{name:<52}{statistics.median(seconds):>7.3f} s{max(seconds):>7.3f} s")


class Feed:
    """Commit a forming bar of every symbol at each call; its volume is the time of the commit (ms)."""

    def __init__(self, folder: Path) -> None:
        self._home = open_data_directory(config.load(data_dir=folder), create=False)
        states, self._position = self._home.store.load()
        self._processor = Processor(DEFAULT)
        self._processor.restore(states)
        newest = self._home.store.latest().bars
        self._names, self._close = newest.symbols, newest.close
        self._time = int(newest.timestamp.max()) + (60_000 if newest.final.all() else 0)
        self._rng = np.random.default_rng()

    def commit(self) -> None:
        close = self._close[None] * np.exp(self._rng.normal(0, 0.001, (1, len(self._close))))
        now = np.full(close.shape, time.time() * 1000)
        bars = _bars(self._names, np.array([self._time]), self._close[None], close, now, False)
        step = self._processor.step(bars)
        self._home.store.commit(Commit(step.rows, step.states, self._position))

    def close(self) -> None:
        self._home.database.close()


Talk = Callable[[aiohttp.ClientSession, str, str, list[float], asyncio.Event], Awaitable[None]]


async def events(
    session: aiohttp.ClientSession, url: str, symbol: str, delays: list[float], ended: asyncio.Event
) -> None:
    """Act as one open page: server-sent events of one symbol."""
    async with session.get(f"{url}/events?symbol={symbol}") as answer:
        kind, seen = b"", 0.0
        async for line in answer.content:
            if ended.is_set():
                return
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif kind == b"bars" and line.startswith(b"data: "):
                seen = _note(json.loads(line[6:])["columns"], seen, delays)


async def polling(
    session: aiohttp.ClientSession, url: str, symbol: str, delays: list[float], ended: asyncio.Event
) -> None:
    """Act as one page that asks for quotes and the newest bars once a second."""
    seen = 0.0
    await asyncio.sleep(np.random.default_rng(int(symbol[3:])).uniform(0, 1))
    while not ended.is_set():
        began = time.monotonic()
        async with session.get(f"{url}/symbols") as answer:
            await answer.read()
        async with session.get(f"{url}/symbols/{symbol}/bars?limit=40") as answer:
            seen = _note(json.loads(await answer.read())["columns"], seen, delays)
        await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))


def _note(columns: dict[str, list[float]], seen: float, delays: list[float]) -> float:
    committed = columns["v"][-1]
    if not columns["f"][-1] and committed != seen:
        delays.append(time.time() * 1000 - committed)
    return committed


async def live(folder: Path, server: Server, talk: Talk, clients: int, seconds: int, same: bool) -> tuple[float, ...]:
    """Return the share of one core, the memory in MB, and the delay from commit to client in ms: p50, p99, count."""
    feed, delays, ended = Feed(folder), [], asyncio.Event()
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(None), connector=aiohttp.TCPConnector(limit=0), read_bufsize=1 << 20
    ) as session:
        names = ["SYM000" if same else f"SYM{i:03d}" for i in range(clients)]
        talks = [asyncio.create_task(talk(session, server.url, name, delays, ended)) for name in names]
        for _ in range(5):
            await loop.run_in_executor(None, feed.commit)
            await asyncio.sleep(1)
        delays.clear()
        cpu, began = server.cpu(), time.monotonic()
        for i in range(seconds):
            await asyncio.sleep(max(0.0, began + i * 1.037 - time.monotonic()))  # out of step with the server's second
            await loop.run_in_executor(None, feed.commit)
        used, elapsed = server.cpu() - cpu, time.monotonic() - began
        memory = server.memory()
        ended.set()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
    feed.close()
    p50, p99 = np.percentile(delays, (50, 99)).tolist() if delays else (float("nan"),) * 2
    return used / elapsed, memory, p50, p99, len(delays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="Folder to build the store in, or to use as it is.")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        home = open_data_directory(config.load(data_dir=chosen.serve), create=False)
        try:
            serve(PageData(home.store, stored=home.store.count), port=0, on_ready=lambda url: print(url, flush=True))
        except KeyboardInterrupt:
            return
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="tapeline-page-"))
    try:
        if not (folder / "tapeline.db").exists():
            began = time.perf_counter()
            build(folder, chosen.rows, chosen.symbols)
            size = sum(path.stat().st_size for path in folder.glob("tapeline.db*"))
            print(f"built in {time.perf_counter() - began:.0f} s, {size / 1e9:.2f} GB")
        print(f"{chosen.rows:,} rows of {chosen.symbols} symbols\n")
        first_candles(folder, chosen.symbols, chosen.runs)
        with Server(folder) as server:
            print(f"\nan idle server: {idle_memory(server):.0f} MB")
        print(f"\n{chosen.clients} clients, all {chosen.symbols} symbols change once a second")
        print(f"{'':<44}{'CPU':>8}{'memory':>10}{'p50':>10}{'p99':>10}{'updates':>9}")
        kinds: list[tuple[str, Talk, bool]] = [
            ("events, each of another symbol", events, False), ("events, all of the same symbol", events, True),
            ("asking once a second, each another symbol", polling, False),
        ]  # fmt: skip
        found: dict[str, list[tuple[float, ...]]] = {name: [] for name, _, _ in kinds}
        for _ in range(chosen.runs):
            for name, talk, same in kinds:
                with Server(folder) as server:
                    found[name].append(asyncio.run(live(folder, server, talk, chosen.clients, chosen.seconds, same)))
        for name, runs in found.items():
            cpu, memory, p50, p99, count = (statistics.median(column) for column in zip(*runs, strict=True))
            print(f"{name:<44}{cpu:>7.1%}{memory:>7.0f} MB{p50:>7.0f} ms{p99:>7.0f} ms{count:>9.0f}")
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
