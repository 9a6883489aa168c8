"""Clients that connect, ask or read as slowly as they can, or leave: each test talks to a real server over sockets."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

#: A page whose limits of time are a second, over a store of 1,001 symbols; a read of SLOW takes 0.2 s.
_PROGRAM = """
import os, resource, socket, sys, threading, time
files = int(sys.argv[1])
if files:
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
from tapeline.web import PageData, serve
from tests.conftest import START
from tests.fakes.stores import MemoryStore
from tests.rows import row
try:
    from tapeline.web import guarded_protocol
    guarded_protocol.HEADER_SECONDS = guarded_protocol.BODY_SECONDS = guarded_protocol.READ_SECONDS = 1.0
except ImportError:
    pass

create_server = socket.create_server

def create_small_server(*args, **values):
    listening = create_server(*args, **values)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # the kernel takes little of what nobody reads
    return listening

socket.create_server = create_small_server

class SlowStore(MemoryStore):
    def rows(self, symbol, *args, **values):
        if symbol == "SLOW":
            time.sleep(0.2)
        return super().rows(symbol, *args, **values)

store = SlowStore()
store.put(row("SLOW", START, 5.0), *(row(f"S{k}", START, 5.0) for k in range(1000)))
stopping, held = threading.Event(), []

def obey():
    for line in sys.stdin:
        if line == "hold\\n":  # take every descriptor there is
            try:
                while True:
                    held.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                print("held", flush=True)
        elif line == "free\\n":
            while held:
                os.close(held.pop())
            print("freed", flush=True)
    stopping.set()

threading.Thread(target=obey, daemon=True).start()
serve(PageData(store), port=0, on_ready=lambda url: print(url, flush=True), should_stop=stopping.is_set)
"""


class Site:
    """Stand for the server in a process of its own."""

    def __init__(self, files: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(files)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.clients: list[socket.socket] = []
        self.url = self._line()
        self.address = ("127.0.0.1", int(re.findall(r":(\d+)/", self.url)[0]))

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def tell(self, order: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(order.encode() + b"\n")
        self.process.stdin.flush()
        return self._line()

    def seconds(self, path: str = "") -> float:
        """Return how long an honest request takes."""
        began = time.monotonic()
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            assert answer.status == 200
            answer.read()
        return time.monotonic() - began

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(self.url + "metrics", timeout=20) as answer:
            return float(re.findall(rf"^tapeline_{name} (\S+)$", answer.read().decode(), re.MULTILINE)[0])

    def connect(self, sent: bytes, **options: int) -> socket.socket:
        client = socket.socket()
        self.clients.append(client)
        for name, value in options.items():
            client.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        client.settimeout(8)
        client.connect(self.address)
        client.sendall(sent)
        return client

    def disconnect(self) -> None:
        while self.clients:
            self.clients.pop().close()


def started(files: int) -> Iterator[Site]:
    """Yield a server that may open this many files (0: as many as this process); it logs little, whatever is done."""
    site = Site(files)
    try:
        yield site
        site.disconnect()
        time.sleep(2)  # in which it could say more
        log = site.process.communicate(b"", timeout=20)[1].decode()
        assert site.process.returncode == 0
        assert len(log) < 4_000, log
        assert "connections: " in log
    finally:
        site.process.kill()
        site.process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    yield from started(0)


@pytest.fixture(scope="module")
def poor_server() -> Iterator[Site]:
    """A server that may open few files."""
    yield from started(256)


@pytest.fixture
def site(server: Site) -> Iterator[Site]:
    yield server
    server.disconnect()


@pytest.fixture
def poor_site(poor_server: Site) -> Iterator[Site]:
    yield poor_server
    poor_server.disconnect()


def closed_after(client: socket.socket, trickle: bytes = b"") -> float:
    """Return after how many seconds the server closes this connection, to which a byte is sent now and then."""
    began = time.monotonic()
    client.settimeout(0.2)
    while time.monotonic() - began < 8:
        try:
            if not client.recv(65536):
                return time.monotonic() - began
        except TimeoutError:
            with contextlib.suppress(OSError):
                client.send(trickle)
        except OSError:
            return time.monotonic() - began
    return float("inf")


def waited_for(condition: Callable[[], Any], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.2)
    return False


def test_hundreds_of_unfinished_headers_keep_nobody_out(poor_site: Site) -> None:
    for _ in range(600):
        poor_site.connect(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
    assert max(poor_site.seconds() for _ in range(5)) < 5
    assert poor_site.metric("connections") <= 64
    assert poor_site.metric("closed_connections_total") >= 500


@pytest.mark.parametrize(
    ("sent", "trickle"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X"),
        (b"POST /api/v1/symbols HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n{", b" "),
        (b"GET /api/v1/indicators HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / HTTP/1.1\r\nA: ", b"b"),
    ],
    ids=["nothing", "header", "body", "second header"],
)
def test_whoever_does_not_finish_a_request_is_closed(site: Site, sent: bytes, trickle: bytes) -> None:
    assert closed_after(site.connect(sent), trickle) < 6


def test_an_honest_connection_outlives_the_limits_while_it_is_used(site: Site) -> None:
    assert any(_stays_open(site) for _ in range(5)), "each time this process had to wait for longer than the limit"
    with urllib.request.urlopen(site.url + "api/v1/events", timeout=30) as events:
        began = time.monotonic()
        assert b"event: beat\n" in iter(events.readline, b"")
        assert time.monotonic() - began > 2, "a stream that is quiet for seconds stays open"


def _stays_open(site: Site) -> bool:
    """Use a connection for three times the limit; False where a pause was longer than that on a busy machine."""
    client = site.connect(b"")
    used = time.monotonic()
    for _ in range(5):
        answer = b""
        with contextlib.suppress(OSError):
            client.sendall(b"GET /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            while not answer.endswith(b"}") and (part := client.recv(65536)):
                answer += part
        if not answer.endswith(b"}"):
            assert time.monotonic() - used > 1, "closed while it was used"
            return False
        assert answer.startswith(b"HTTP/1.1 200")
        used = time.monotonic()
        time.sleep(0.6)
    return True


def test_whoever_does_not_read_its_answers_is_closed(site: Site) -> None:
    ask = b"GET /api/v1/symbols HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for _ in range(5):
        site.connect(ask * 30, SO_RCVBUF=4096)
    assert waited_for(lambda: site.metric("connections") >= 6)
    assert waited_for(lambda: site.metric("connections") <= 1), "the connection of this request"


@pytest.mark.parametrize("answered", [False, True])
def test_bytes_that_are_no_http_are_refused_and_nobodys_defect(site: Site, answered: bool) -> None:
    """Also where a request was honest up to them: its answer is given up, or was sent and stays the only one."""
    before = site.metric("internal_errors_total")
    head = b"POST /api/v1/symbols HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(20):
        client = site.connect(head)
        received = client.recv(65536) if answered else b""
        with contextlib.suppress(OSError):
            client.sendall(b"no chunk\r\n")
            while part := client.recv(65536):
                received += part
        assert received.count(b"HTTP/1.1 ") <= 1
        assert b"HTTP/1.1 5" not in received
    assert site.metric("internal_errors_total") == before
    assert site.seconds() < 20


def test_an_event_stream_that_is_not_read_gives_its_socket_back(site: Site) -> None:
    ask = b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for _ in range(5):
        site.connect(ask, SO_RCVBUF=4096)
    assert waited_for(lambda: site.metric("clients") == 5)
    assert waited_for(lambda: site.metric("clients") == 0), "all five are dropped"
    assert site.metric("connections") <= 1


def test_work_for_clients_that_left_delays_nobody(site: Site) -> None:
    site.seconds("api/v1/symbols/S1/rows")
    ask = b"GET /api/v1/symbols/SLOW/rows HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for client in [site.connect(ask) for _ in range(60)]:
        client.close()
    assert site.seconds("api/v1/symbols/S1/rows") < 3, "60 reads of 0.2 s in two threads would take 6 s"


def test_without_a_free_descriptor_nothing_is_logged_again_and_again(poor_site: Site) -> None:
    poor_site.seconds()
    assert poor_site.tell("hold") == "held"
    for _ in range(100):
        with contextlib.suppress(OSError):
            poor_site.connect(b"GET / HTTP/1.1\r\n").close()
    time.sleep(2)
    assert poor_site.tell("free") == "freed"
    assert waited_for(lambda: poor_site.seconds() < 5)
    assert poor_site.metric("shed_connections_total") > 0
