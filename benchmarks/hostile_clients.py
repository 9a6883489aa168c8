"""Measure how a page answers while thousands of connections are held open with requests that are never finished.

Each hostile client sends a header without its end, a byte of it every few seconds, and connects again some seconds
after it was closed. All come from one address, that of the honest client too: the worst case for a cap per client.
They take a core only where the server does not want it, as if they were elsewhere.

Measured are the answers to an honest client with a new connection for each request, what the server logs, its memory,
its share of one core, how many connections it closed in a second, and what a hostile one costs it. "Without waiting" is
the worst answer without the time in which Linux let the server, or the honest client (whichever waited longer), wait
for a core that other programs were using: what the server answers for.
Exit code 1 when an honest request is not answered, when such an answer takes more than a second beside hostile clients,
or when the log would grow by more than 1 MB in an hour.

usage: hostile_clients.py [--sockets 5000] [--seconds 60] [--again 5] [--files 1024]
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import heapq
import os
import re
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from tapeline.app import config
from tapeline.app.data_directory import open_data_directory, processing_alone
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.indicators import DEFAULT
from tapeline.runtime.processor import Processor
from tapeline.web import PageData, serve

_START = 1_549_895_400_000  # the open of a New York session
_TRICKLE_SECONDS = 4.0
_PATHS = ("", "api/v1/symbols", "api/v1/symbols/SYM00/bars?limit=500")
_ASKED_SECONDS = 0.25
_ATTACKERS_NICE = 10

#: What is a failure: seconds of an answer, less those spent waiting for a core, and bytes of log in an hour.
MOST_SECONDS = 1.0
MOST_LOGGED = 1_000_000


def build(folder: Path, symbols: int = 20, minutes: int = 390) -> None:
    """Build a store of one session of minute bars."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.0005, (minutes, symbols)), axis=0)).ravel()
    bars = Bars(
        tuple(f"SYM{i:02d}" for i in range(symbols)), np.tile(np.arange(symbols, dtype=np.int32), minutes),
        np.repeat(_START + 60_000 * np.arange(minutes), symbols), close, close, close, close,
        np.full(len(close), 1000.0), np.ones(len(close), np.bool_),
    )  # fmt: skip
    with processing_alone(config.load(data_dir=folder)) as home:
        step = Processor(DEFAULT).step(bars)
        home.store.commit(Commit(step.rows, step.states, len(bars)))


def serve_page(folder: Path, files: int) -> None:
    """Serve the page, in a process that may open this many files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with (
        open_data_directory(config.load(data_dir=folder), create=False) as home,
        contextlib.suppress(KeyboardInterrupt),
    ):
        serve(PageData(home.store, stored=home.store.count), port=0, on_ready=lambda url: print(url, flush=True))


def attack(port: int, sockets: int, again: float) -> None:
    """Hold as many connections as one may, for ever.

    Whoever attacks has a machine of their own: here they leave the core to the server where both want it.
    """
    os.nice(_ATTACKERS_NICE)
    began = time.monotonic()
    due = {number: began + number / 1000 for number in range(sockets)}  # when each does something next
    queue = [(at, number) for number, at in due.items()]
    held: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()

    def next_at(at: float, number: int) -> None:
        due[number] = at
        heapq.heappush(queue, (at, number))

    while True:
        for key, _ in selector.select(max(min(queue[0][0] - time.monotonic(), 0.1), 0)):
            with contextlib.suppress(OSError):
                if held[key.data].recv(4096):
                    continue
            selector.unregister(key.fileobj)
            held.pop(key.data).close()
            next_at(time.monotonic() + again, key.data)
        now = time.monotonic()
        while queue[0][0] <= now:
            at, number = heapq.heappop(queue)
            if due[number] != at:  # it was closed meanwhile
                continue
            if number not in held:
                held[number] = new = socket.socket()
                new.setblocking(False)
                new.connect_ex(("127.0.0.1", port))
                selector.register(new, selectors.EVENT_READ, number)
                sent = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "
            else:
                sent = b"b"
            with contextlib.suppress(OSError):
                held[number].send(sent)
            next_at(now + _TRICKLE_SECONDS, number)


def cost(port: int, pid: int, connections: int = 5000) -> float:
    """Return the seconds of CPU that the server uses for one hostile connection, of many that come one by one."""
    held: collections.deque[socket.socket] = collections.deque()
    before = cpu(pid)
    for _ in range(connections):
        held.append(socket.create_connection(("127.0.0.1", port)))
        held[-1].send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        if len(held) > 300:  # more than the server lets one client have: it has closed this one
            held.popleft().close()
    time.sleep(1)
    used = cpu(pid) - before
    for one in held:
        one.close()
    return used / connections


def ask(url: str, pid: int) -> tuple[float, float]:
    """Return the seconds from the connection to the last byte of the answer, infinite without one in 20 seconds.

    Beside them, the same less the time in which the server or this process waited for a core.
    """
    waits, began = (waited(pid), waited(os.getpid())), time.perf_counter()
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            answer.read()
    except OSError:
        return float("inf"), float("inf")
    took = time.perf_counter() - began
    return took, max(took - max(waited(pid) - waits[0], waited(os.getpid()) - waits[1]), 0.0)


def waited(pid: int) -> float:
    """Return the seconds for which a process's first thread was ready to run and had no core, 0 where none says."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def held(pid: int) -> int:
    """Return how many connections the server holds."""
    count = 0
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            count += str(path.readlink()).startswith("socket:")
    return count


def memory(pid: int) -> float:
    """Return the resident memory, MB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def cpu(pid: int) -> float:
    """Return the seconds of CPU used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def closings(url: str) -> float:
    """Return how many connections the server has closed for room or for waiting too long."""
    with urllib.request.urlopen(url + "metrics", timeout=20) as answer:
        return float(re.findall(r"^tapeline_closed_connections_total (\S+)$", answer.read().decode(), re.MULTILINE)[0])


def measure(name: str, url: str, log: Path, pid: int, seconds: float) -> list[str]:
    """Print how an honest client is answered for so long, and what the server logs. Return what is beyond its bound."""
    closed, logged, answers, most, used, began = closings(url), log.stat().st_size, [], 0, cpu(pid), time.monotonic()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answers += [ask(url + path, pid) for path in _PATHS]
        most = max(most, held(pid))
        time.sleep(_ASKED_SECONDS)
    took, own = map(list, zip(*answers, strict=True))
    p50, p99 = np.percentile(took, (50, 99), method="nearest").tolist()
    an_hour = (log.stat().st_size - logged) * 3600 / seconds
    print(
        f"{name:<36}{len(took):>9}{p50 * 1000:>8.0f} ms{p99 * 1000:>8.0f} ms{max(took) * 1000:>8.0f} ms"
        f"{max(own) * 1000:>15.0f} ms"
        f"{most:>9}{an_hour / 1e6:>10.3f} MB{memory(pid):>8.0f} MB"
        f"{(cpu(pid) - used) / (time.monotonic() - began):>8.0%}"
        f"{(closings(url) - closed) / (time.monotonic() - began):>10.0f}",
        flush=True,
    )
    beyond = []
    if max(own) > MOST_SECONDS:
        beyond.append(f"{name}: {max(own):.2f} s for an answer, without waiting for a core, at most {MOST_SECONDS} s")
    if an_hour > MOST_LOGGED:
        beyond.append(f"{name}: {an_hour / 1e6:.2f} MB of log in an hour, at most {MOST_LOGGED / 1e6} MB")
    return beyond


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, nargs="+", default=[2000, 5000])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--again", type=float, default=5, help="Seconds after which a closed client connects again.")
    parser.add_argument("--files", type=int, default=1024, help="Files that the server may open.")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--attack", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve_page(chosen.serve, chosen.files)
        return
    if chosen.attack:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        attack(chosen.attack, chosen.sockets[0], chosen.again)
    with tempfile.TemporaryDirectory(prefix="tapeline-hostile-") as name:
        folder, log = Path(name) / "data", Path(name) / "log"
        build(folder)
        command = [sys.executable, __file__, "--serve", str(folder), "--files", str(chosen.files)]
        with log.open("wb") as errors:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        url = server.stdout.readline().strip()
        port = url.rstrip("/").rpartition(":")[2]
        print(
            f"{'':<36}{'answers':>9}{'p50':>11}{'p99':>11}{'worst':>11}{'without waiting':>18}{'sockets':>9}"
            f"{'log, 1 h':>13}{'memory':>11}{'CPU':>8}{'closed/s':>10}"
        )
        beyond: list[str] = []
        try:
            measure("nobody else", url, log, server.pid, min(chosen.seconds, 20))
            for sockets in chosen.sockets:
                command = [
                    sys.executable,
                    __file__,
                    "--attack",
                    port,
                    "--sockets",
                    str(sockets),
                    "--again",
                    str(chosen.again),
                ]
                attacker = subprocess.Popen(command)
                try:
                    time.sleep(sockets / 1000 + 2)  # until all have connected
                    beyond += measure(f"beside {sockets:,} hostile clients", url, log, server.pid, chosen.seconds)
                finally:
                    attacker.kill()
                    attacker.wait()
            print(f"one hostile connection costs the server {cost(int(port), server.pid) * 1e6:.0f} us of CPU")
            time.sleep(12)
            beyond += measure("after they have gone", url, log, server.pid, min(chosen.seconds, 20))
        finally:
            server.kill()
            server.wait()
        print(f"\nthe server logged {log.stat().st_size:,} bytes in all; {os.cpu_count()} cores")
    for line in beyond:
        print(f"FAILED {line}")
    raise SystemExit(bool(beyond))


if __name__ == "__main__":
    main()
