"""A connection waits for its first header before anything speaks HTTP, and is handed over with what it has sent."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from uvicorn.server import ServerState

from tapeline.web import guarded_protocol
from tapeline.web.client_address import TrustedProxies
from tapeline.web.connections import Connection, Connections
from tapeline.web.guarded_protocol import GuardedProtocol
from tapeline.web.waiting_room import GuardedListener, WaitingRoom

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Kept(asyncio.Protocol):
    """Stand for the protocol that speaks HTTP: keep what it is given."""

    def __init__(self, head: bytes) -> None:
        self.received = head

    def data_received(self, data: bytes) -> None:
        self.received += data


class Door:
    """Hold a listening socket with a room behind it, and what was handed over."""

    def __init__(self, *proxies: str) -> None:
        self.connections = Connections()
        self.protocols: list[Kept] = []
        room = WaitingRoom(self.connections, TrustedProxies(proxies), self._protocol)
        self.listener = GuardedListener(socket.create_server(("127.0.0.1", 0)), self.connections, room)
        self.address = self.listener.getsockname()
        self.clients: list[socket.socket] = []

    def _protocol(self, place: Connection, head: bytes) -> Kept:
        self.connections.remove(place)
        self.protocols.append(Kept(head))
        return self.protocols[-1]

    def connect(self, sent: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.address)
        client.setblocking(False)
        client.sendall(sent)
        self.clients.append(client)
        return client

    def open(self) -> None:
        for _ in range(3):
            with contextlib.suppress(BlockingIOError):
                self.listener.accept()


@contextlib.contextmanager
def opened(*proxies: str) -> Iterator[Door]:
    door = Door(*proxies)
    try:
        yield door
    finally:
        door.listener.close()
        for client in door.clients:
            client.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize(
    ("sent", "waits_for"),
    [
        (REQUEST, len(REQUEST)), (REQUEST.replace(b"\r", b""), len(REQUEST) - 3), (b"\x16\x03", 1),
        (b"a" * 20_000, 16_384),
    ],
    ids=["header", "newlines alone", "TLS", "too long"],
)  # fmt: skip
def test_a_connection_is_handed_over_with_its_header_and_not_before(sent: bytes, waits_for: int) -> None:
    """Byte by byte, and with what came together with it; what can be no header is the parser's to refuse, at once."""

    async def run() -> None:
        with opened() as door:
            slow = door.connect(sent[: waits_for - 1])
            door.open()
            await asyncio.sleep(0.01)
            assert not door.protocols
            assert len(door.connections) == 1
            slow.sendall(sent[waits_for - 1 :])
            await until(lambda: door.protocols and door.protocols[0].received == sent)
            door.connect(sent + b"more")
            door.open()
            await until(lambda: len(door.protocols) == 2 and door.protocols[1].received == sent + b"more")

    asyncio.run(run())


def test_whoever_leaves_or_waits_too_long_gives_its_place_back() -> None:
    async def run() -> None:
        with opened() as door:
            door.connect(b"GET").close()
            door.open()
            await until(lambda: not len(door.connections))
            slow = door.connect(b"GET")
            door.open()
            await until(lambda: len(door.connections) == 1)
            door.connections._clock = lambda: time.monotonic() + guarded_protocol.HEADER_SECONDS + 1
            door.connections.sweep()
            await until(lambda: is_closed(slow))
            assert (len(door.connections), door.connections.closed) == (0, 1)
            assert not door.protocols

    asyncio.run(run())


def test_where_all_are_busy_a_new_one_is_told_so() -> None:
    async def run() -> None:
        with opened() as door:
            door.connections._most = 1
            place = _Busy()
            assert door.connections.admit(place, "other")
            door.connections.is_answered(place)
            client = door.connect(REQUEST)
            door.open()
            answer = bytearray()
            async with asyncio.timeout(20):
                while b"503" not in answer:
                    with contextlib.suppress(BlockingIOError):
                        answer += client.recv(4096)
                    await asyncio.sleep(0.001)
            assert (door.connections.refused, door.protocols) == (1, [])

    asyncio.run(run())


class _Busy:
    def is_overdue(self, now: float) -> bool:
        return False

    def abort(self) -> None:
        raise AssertionError


def test_where_the_event_loop_accepts_by_itself_a_connection_takes_its_place() -> None:
    async def run() -> None:
        connections = Connections()
        connections._most = 1
        own = functools.partial(GuardedProtocol, connections=connections, proxies=TrustedProxies())
        config = uvicorn.Config(lambda: None, http=own, ws="none", log_level="critical")  # type: ignore[arg-type]
        config.load()
        server = await asyncio.get_running_loop().create_server(lambda: own(config, ServerState(), {}), "127.0.0.1", 0)
        async with server:
            address = server.sockets[0].getsockname()
            first, second = (socket.create_connection(address) for _ in range(2))
            with first, second:
                first.setblocking(False)
                await until(lambda: is_closed(first))
                assert (len(connections), connections.closed) == (1, 1)

    asyncio.run(run())
