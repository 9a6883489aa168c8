"""Stream 500 symbols at 5 messages a second each through the real WebSocket into the store, in real time.

usage: live_load.py [--symbols 500] [--rate 5] [--seconds 60]

The local Yahoo streams from a process of its own; the source, stream, processor and store are those of `tapeline run`
without its page, with the default indicators and no model. Every message has another price, so a stored row says which
message was the newest in it. The delay is from just before the server sends that message to just after the row's
transaction was committed. Forming bars are handed over at most once a second per symbol, so up to a second of it is by
design; the delay of final bars counts from the end of their minute. The backlog is the number of bars in the stream and
not in the store, looked at every second. The history server has no bars, and may be asked faster than Yahoo's limit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

MINUTE = 60_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    (serve if options.serve else measure)(options)


def names(count: int) -> list[str]:
    """Return names of coins, whose market is always open."""
    return [f"T{n:03d}-USD" for n in range(count)]


def price_of(number: int) -> float:
    """Return the price of a symbol's message of this number: float32 keeps all of them apart."""
    return round(100 + number * 0.01, 2)


# -- the server --------------------------------------------------------------------------------------------------------


def serve(options: argparse.Namespace) -> None:
    """Stream once all symbols are subscribed, and write down when every message was sent."""
    from tests.local_yahoo.market import COLUMNS, Market, Tick
    from tests.local_yahoo.server import LocalYahoo, frame

    from tapeline.runtime.clock import now_ms

    class Silent(Market):
        def official(self, *_: Any, **__: Any) -> dict[str, np.ndarray]:
            return {name: np.empty(0) for name in ("time", *COLUMNS)}

        def last(self, *_: Any) -> None:
            return None

    symbols = names(options.symbols)
    market = Silent([(now_ms() - 60 * MINUTE, now_ms() + 60 * MINUTE)], symbols)
    with LocalYahoo(market, now_ms, quirks=False) as yahoo:
        print(yahoo.url, yahoo.stream_url, flush=True)
        sys.stdin.readline()  # go
        gap = 1 / (options.symbols * options.rate)
        count = int(options.seconds / gap)
        sent = np.zeros((options.symbols, int(options.seconds * options.rate) + 2), np.int64)

        async def stream() -> None:
            import asyncio

            began = time.perf_counter()
            for n in range(count):
                ahead = began + n * gap - time.perf_counter()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                elif n % 50 == 0:
                    await asyncio.sleep(0)
                number, index = divmod(n, options.symbols)
                sent[index, number] = now = now_ms()
                tick = Tick(symbols[index], now, price_of(number), 1000 + number)
                text = frame(tick, quote_type=41)
                for socket, wanted in list(yahoo._sockets.items()):  # noqa: SLF001
                    if tick.symbol in wanted:
                        await socket.send_str(text)

        import asyncio

        asyncio.run_coroutine_threadsafe(stream(), yahoo._loop).result()  # noqa: SLF001
        np.save("sent.npy", sent)
        print("done", flush=True)
        sys.stdin.readline()


# -- the program -------------------------------------------------------------------------------------------------------


def measure(options: argparse.Namespace) -> None:
    from tapeline.app.config import Settings
    from tapeline.backends.files.file_archive import LocalArchive
    from tapeline.backends.sqlite.database import Database
    from tapeline.backends.sqlite.sqlite_store import SqliteStore
    from tapeline.backends.sqlite.sqlite_stream import SqliteStream
    from tapeline.feeds.live.history import History
    from tapeline.feeds.live.limits import Limits
    from tapeline.feeds.live.live_source import LiveSource
    from tapeline.feeds.yahoo import INTERVALS, ChartClient, PriceStream, YFinanceTransport
    from tapeline.runtime.clock import SystemClock
    from tapeline.runtime.pipeline import Pipeline
    from tapeline.runtime.processor import Processor

    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name)
    flags = [f"--symbols={options.symbols}", f"--rate={options.rate}", f"--seconds={options.seconds}"]
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), "--serve", *flags],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=path,
    )  # fmt: skip
    url, stream_url = server.stdout.readline().split()  # type: ignore[union-attr]
    stored: list[tuple[float, Any]] = []

    class Timed(SqliteStore):
        def commit(self, commit: Any) -> None:
            super().commit(commit)
            stored.append((time.time() * 1000, commit.rows))

    clock = SystemClock()
    database = Database(path / "tapeline.db")
    stream, store = SqliteStream(database), Timed(database)
    client = ChartClient(YFinanceTransport(url), clock, Limits(clock, per_second=500, burst=100))
    source = LiveSource(
        names(options.symbols), INTERVALS["1m"], History(client, LocalArchive(path / "archive"), clock),
        PriceStream(stream_url, clock), since=clock.now() - 30 * MINUTE, clock=clock,
    )  # fmt: skip
    pipeline = Pipeline(source, stream, store, Processor(Settings().indicators))
    thread = threading.Thread(target=pipeline.run)
    thread.start()
    try:
        while not ((status := source.status()) and status.official == options.symbols and status.streaming):
            time.sleep(0.2)
            if not thread.is_alive():
                raise SystemExit("the pipeline ended")
        time.sleep(2)
        server.stdin.write("go\n")  # type: ignore[union-attr]
        server.stdin.flush()  # type: ignore[union-attr]
        began, cpu, backlog = time.monotonic(), time.process_time(), []
        while time.monotonic() - began < options.seconds + 2:
            time.sleep(1)
            backlog.append(stream.end() - store.load(())[1])
        spent = (time.process_time() - cpu) / (time.monotonic() - began)
        frames = source.status().frames  # type: ignore[union-attr]
        assert server.stdout.readline() == "done\n"  # type: ignore[union-attr]
    finally:
        pipeline.stop()
        thread.join()
        server.stdin.write("end\n")  # type: ignore[union-attr]
        server.stdin.close()  # type: ignore[union-attr]
        server.wait()
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    forming, final = delays(np.load(path / "sent.npy"), stored, names(options.symbols))
    asked = options.symbols * options.rate
    what = f"{options.symbols} symbols x {options.rate:g} messages a second"
    print(f"{what} for {options.seconds:g} s: {asked:,.0f} a second")
    print(f"messages received   {frames:,} of {int(asked * options.seconds):,}")
    print(f"CPU                 {100 * spent:.0f} % of a core")
    print(f"memory, peak        {peak:.0f} MB")
    print(f"backlog             median {np.median(backlog):.0f} bars, at most {max(backlog)}; at the end {backlog[-1]}")
    for what, found in (("forming rows", forming), ("final rows", final)):
        p50, p99 = np.percentile(found, (50, 99))
        print(f"delay, {what:12} p50 {p50:,.0f} ms, p99 {p99:,.0f} ms  ({len(found):,} rows)")
    database.close()
    folder.cleanup()


def delays(sent: np.ndarray, stored: list[tuple[float, Any]], symbols: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ms to a row's commit: from the newest message in it (forming), from the end of its minute (final)."""
    index = {symbol: i for i, symbol in enumerate(symbols)}
    forming, final = [], []
    for at, rows in stored:
        for bar in rows.bars:
            if bar.final:
                final.append(at - (bar.timestamp + MINUTE))
                continue
            number = round((bar.close - 100) * 100)
            when = sent[index[bar.symbol], number]
            if when:
                forming.append(at - when)
    return np.array(forming), np.array(final)


if __name__ == "__main__":
    main()
