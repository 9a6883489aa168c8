"""Run ten sessions against the local Yahoo with every fault it knows, in compressed time, and measure idling.

usage: live_sessions.py [--sessions 10] [--hostile] [--memory] [--idle 30] [--skip-idle]
       live_sessions.py --nightly

The real yfinance and WebSocket clients, source, stream, processor and store. In every session there are 429s (also as
200), 500s, 503s, slow, cut and foreign answers, clean and abrupt closes, silence, garbage frames, a skewed clock, and
over one night a split. At the end the stored final bars must equal the official ones exactly: no gap, no duplicate.

With `--hostile` the machine's clock is set by two hours and 30 days, back and ahead, also over the close, and Yahoo
sends what is meant to do harm: nesting, floods, bombs, zones and numbers that are none. With `--memory` what tapeline's
own code has allocated is traced, apart from the imitation in the same process; that takes five times as long.
`--nightly` is 30 sessions with `--hostile` and ten with `--memory`, and fails (exit code 1) when any stored bar is not
the official one 30 simulated minutes after a close, or when memory grows by more than 1 MB a session after the fifth.

Idling is measured in real time with an open, silent stream, in a process of its own, as CPU of a core. The peer is
yfinance's own `AsyncWebSocket` in the same run, idle and after the server has closed the connection cleanly.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from tapeline.core.sessions import calendar_of
from tapeline.core.troubles import lines_of

DAY = 86_400_000
MINUTE = 60_000
AFTER_CLOSE = 30 * MINUTE


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds")
    parser.add_argument("--skip-idle", action="store_true")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--nightly", action="store_true")
    parser.add_argument("--idler", choices=("tapeline", "yfinance"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--stream-url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.idler:
        {"tapeline": idle_tapeline, "yfinance": idle_yfinance}[options.idler](options)
        return
    if options.nightly:
        raise SystemExit(sessions(30, hostile=True) + sessions(10, memory=True) > 0)
    wrong = sessions(options.sessions, hostile=options.hostile, memory=options.memory)
    if not options.skip_idle:
        idle(options.idle)
    raise SystemExit(bool(wrong))


# -- sessions ----------------------------------------------------------------------------------------------------------


def sessions(count: int, *, hostile: bool = False, memory: bool = False) -> int:
    """Run them, print the results, and return how many faults were found: differences, and growth of memory."""
    from tests.local_yahoo.faults import faults
    from tests.local_yahoo.market import Market
    from tests.local_yahoo.simulation import Simulation

    start = int(np.datetime64("2026-11-16", "ms").astype(np.int64))
    days = [(s.open, s.close) for s in calendar_of("TSLA").sessions(start - 5 * DAY, start + 2 * count * DAY)]
    first = next(i for i, day in enumerate(days) if day[0] >= start)
    played = days[first : first + count]
    market = Market(days, ["TSLA", "AAPL"], splits={"TSLA": (played[count // 2][0], 3.0)})
    script = faults(played, hostile=hostile)
    if memory:
        tracemalloc.start()
    print(f"{count} sessions, 2 symbols, {len(script)} faults, a split before session {count // 2 + 1}")
    print(f"differences {AFTER_CLOSE // MINUTE} min after the close; MB of the process, and of tapeline's own code")
    traced, wrong = [], 0
    print(
        f"{'session':12} {'seconds':>8} {'bars':>7} {'gaps':>5} {'corrected':>10} {'rejected':>9} {'MB':>5} {'own':>6}"
        "  differences"
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:  # noqa: SIM117 - shorter lines
        with Simulation(Path(folder), market, played[0][0] - 4 * MINUTE, script, step=20_000) as sim:
            for opened, closed in played:
                before = time.perf_counter()
                sim.until(closed + AFTER_CLOSE)

                def differences(opened: int = opened, closed: int = closed) -> list[str]:
                    return [d for symbol in market.symbols for d in sim.differences(symbol, opened, closed)]

                sim.standing(lambda: not differences())  # what was answered by now may still be on its way to the store
                found = differences()
                wrong += len(found)
                traced.append(own_memory() if memory else 0.0)
                bars = sum(
                    int(((b.timestamp >= opened) & (b.timestamp < closed)).sum())
                    for b in (sim.stored(symbol) for symbol in market.symbols)
                )
                status, progress = sim.source.status(), sim.pipeline.progress
                print(
                    f"{np.datetime64(opened, 'ms').astype('datetime64[D]')!s:12} {time.perf_counter() - before:>8.1f} "
                    f"{bars:>7,} {status.gaps if status else 0:>5} {progress.corrected:>10,} {progress.rejected:>9,} "
                    f"{resident():>5.0f} {traced[-1]:>6.2f}  {'none' if not found else '; '.join(found)}",
                    flush=True,
                )
            since = next(opened for opened, _ in days if opened >= sim.since)

            def settled() -> bool:
                return not any(sim.differences(symbol, since, played[-1][1]) for symbol in market.symbols)

            sim.when(settled, seconds=60)
            left = [d for symbol in market.symbols for d in sim.differences(symbol, since, played[-1][1])]
            status = sim.source.status()
            trouble = lines_of(status.troubles) if status else []
            answers = dict(sorted(sim.yahoo.answers.items()))
    print(f"at the end: {left or 'every stored bar is the official one'}")
    print(f"health at the end: {trouble or 'no trouble'}")
    print(f"answers of the local Yahoo: {answers}; {time.perf_counter() - began:.0f} s in all\n")
    if memory and len(traced) > 6:
        growth = (traced[-1] - traced[5]) / (len(traced) - 6)
        print(f"memory of tapeline's own code: {growth:+.3f} MB a session after the fifth")
        wrong += growth > 1
    return len(left) + wrong


def resident() -> float:
    """Return the MB of this process in memory: a collector that is left alone for weeks must not grow."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def own_memory() -> float:
    """Return the MB that lines of tapeline's own code have allocated and not freed."""
    own = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/src/tapeline/*")])
    return sum(trace.size for trace in own.traces) / 1e6


# -- idling ------------------------------------------------------------------------------------------------------------


def idle(seconds: float) -> None:
    from tests.local_yahoo.market import Market
    from tests.local_yahoo.server import LocalYahoo

    now = int(time.time() * 1000)
    days = [(s.open, s.close) for s in calendar_of("TSLA").sessions(now - 9 * DAY, now)]
    market = Market([day for day in days if day[1] < now - DAY], ["TSLA", "AAPL", "MSFT"])
    print(f"idle for {seconds:.0f} s, 3 symbols, the stream open and silent (CPU, % of a core)")
    for name, close in (("tapeline", False), ("tapeline", True), ("yfinance", False), ("yfinance", True)):
        with LocalYahoo(market, lambda: int(time.time() * 1000)) as yahoo:
            command = [sys.executable, __file__, "--idler", name, "--url", yahoo.url, "--stream-url", yahoo.stream_url]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait(lambda: yahoo.listeners > 0)
                time.sleep(8)  # history and compiling are done
                if close:
                    yahoo.close_streams()
                    time.sleep(1)
                before, started = cpu(process.pid), time.monotonic()
                time.sleep(seconds)
                used = 100 * (cpu(process.pid) - before) / (time.monotonic() - started)
                state = "after a clean close" if close else "connected"
                print(f"  {name:9} {state:20} {used:6.1f} %   connections made: {yahoo.connections}", flush=True)
            finally:
                process.terminate()
                process.wait()


def wait(condition: object) -> None:
    until = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.1)


def cpu(pid: int) -> float:
    """Return the seconds of CPU that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def idle_tapeline(options: argparse.Namespace) -> None:
    from tapeline.cli.main import app

    with tempfile.TemporaryDirectory() as folder:
        import os

        os.environ |= {"TAPELINE_YAHOO__URL": options.url, "TAPELINE_YAHOO__STREAM_URL": options.stream_url}
        app(["run", "--symbols", "TSLA,AAPL,MSFT", "--data-dir", folder, "--port", "0", "--json"])


def idle_yfinance(options: argparse.Namespace) -> None:
    import yfinance

    async def listen() -> None:
        async with yfinance.AsyncWebSocket(url=options.stream_url, verbose=False) as socket:
            await socket.subscribe(["TSLA", "AAPL", "MSFT"])
            await socket.listen(lambda _: None)

    asyncio.run(listen())


if __name__ == "__main__":
    main()
