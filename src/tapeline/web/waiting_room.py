"""Let a connection wait for the header of its first request, for as little as possible: before anything speaks HTTP.

Thousands of hostile clients that send headers without an end, and connect again when they are closed, would have a
transport, a parser and a task made for each of their connections. Here one costs a socket, its bytes and a place among
the connections; whoever has sent a header is handed over with it, at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
import time
from collections.abc import Callable
from typing import Any

from tapeline.web import guarded_protocol
from tapeline.web.client_address import TrustedProxies
from tapeline.web.connections import Connection, Connections

#: The most connections that are accepted in one turn of the event loop, so that requests are answered in between.
_ACCEPTED_AT_ONCE = 64

#: A header that is longer is handed over as it is: the parser refuses it.
_LONGEST_HEADER = 16 * 1024

#: How a header ends, and the most bytes before the last of that which may have come earlier.
_HEADER_END = re.compile(rb"\n\r?\n")
_END_BYTES = 2

_NO_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

#: What makes the protocol of a connection from its place among the connections and the bytes that it has sent.
MakeProtocol = Callable[[Connection, bytes], asyncio.Protocol]


class WaitingRoom:
    """Hold the connections of `connections` that have not sent a header yet. Called from the event loop's thread."""

    def __init__(self, connections: Connections, proxies: TrustedProxies, make_protocol: MakeProtocol) -> None:
        self._connections = connections
        self._proxies = proxies
        self._make_protocol = make_protocol
        self._opening: set[asyncio.Task[None]] = set()
        self._arrivals: set[_Arrival] = set()

    def take(self, connected: socket.socket, host: str) -> None:
        """Take in a connection from this address, or say that there is no room and close it."""
        connected.setblocking(False)
        arrival = _Arrival(connected, self)
        if not self._connections.admit(arrival, self._proxies.group(host)):
            with contextlib.suppress(OSError):
                connected.send(guarded_protocol.BUSY)
            connected.close()
            return
        self._arrivals.add(arrival)
        arrival.read()
        if arrival in self._arrivals:
            asyncio.get_running_loop().add_reader(arrival.descriptor, arrival.read)

    def leave(self, arrival: _Arrival) -> None:
        """Close a connection. A second call does nothing."""
        if arrival in self._arrivals:
            self._arrivals.discard(arrival)
            self._connections.remove(arrival)
            asyncio.get_running_loop().remove_reader(arrival.descriptor)
            arrival.connected.close()

    def hand_over(self, arrival: _Arrival) -> None:
        """Let the protocol go on with a connection, which keeps its place."""
        self._arrivals.discard(arrival)
        self._connections.is_answered(arrival)
        loop = asyncio.get_running_loop()
        loop.remove_reader(arrival.descriptor)
        task = loop.create_task(self._open(arrival))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def close(self) -> None:
        """Close every connection that waits."""
        for arrival in tuple(self._arrivals):
            self.leave(arrival)

    async def _open(self, arrival: _Arrival) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._make_protocol(arrival, bytes(arrival.head)), arrival.connected
            )
        except OSError:  # the client has left
            self._connections.remove(arrival)
            arrival.connected.close()


class _Arrival:
    """Hold one connection, and what has come of its first header.

    The event loop knows it by its descriptor: asked for a socket it does not know, it would write an error with the
    socket's addresses for itself, which took most of a connection's time.
    """

    __slots__ = ("_room", "_since", "connected", "descriptor", "head")

    def __init__(self, connected: socket.socket, room: WaitingRoom) -> None:
        self.connected = connected
        self.descriptor = connected.fileno()
        self.head = bytearray()
        self._room = room
        self._since = time.monotonic()

    def read(self) -> None:
        """Take what has come, and leave the room when that is a header, no header ever, or the client's good-bye."""
        try:
            came = self.connected.recv(_LONGEST_HEADER)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            came = b""
        if not came:
            self._room.leave(self)
            return
        known = max(len(self.head) - _END_BYTES, 0)
        self.head += came
        if _HEADER_END.search(self.head, known) or len(self.head) >= _LONGEST_HEADER or self.head[0] <= ord(" "):
            self._room.hand_over(self)

    def is_overdue(self, now: float) -> bool:
        """Return whether the header has taken too long. `now` is monotonic seconds."""
        return now - self._since > guarded_protocol.HEADER_SECONDS

    def abort(self) -> None:
        """Close the connection at once."""
        self._room.leave(self)


class GuardedListener(socket.socket):
    """Accept connections into the waiting room, a few in each turn of asyncio's loop, which itself gets none.

    A spare descriptor is kept for the moment in which the process has no other: it takes the waiting connections, which
    are closed at once. Left alone they would wake the loop again and again, and each failure would be logged.
    """

    def __init__(self, listening: socket.socket, connections: Connections, room: WaitingRoom) -> None:
        super().__init__(fileno=listening.detach())
        self.setblocking(False)
        self._connections = connections
        self._room = room
        self._spare = os.open(os.devnull, os.O_RDONLY)

    def accept(self) -> tuple[socket.socket, Any]:
        """Take what has connected into the room; always raises `BlockingIOError`, so that asyncio does no more."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connected, address = super().accept()
            except OSError as error:
                if error.errno in _NO_RESOURCES:
                    self._shed()
                elif not isinstance(error, BlockingIOError | InterruptedError | ConnectionAbortedError):
                    raise
                break
            self._room.take(connected, str(address[0]))
        raise BlockingIOError

    def close(self) -> None:
        """Close the socket, the spare descriptor, and whoever waits in the room."""
        super().close()
        if self._spare >= 0:
            self._room.close()
            os.close(self._spare)
            self._spare = -1

    def _shed(self) -> None:
        """Close a waiting connection. Where even that fails, asyncio learns of it and tries again in a second."""
        if self._spare < 0:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        os.close(self._spare)
        self._spare = -1
        try:
            super().accept()[0].close()
            self._connections.shed += 1
        finally:
            self._spare = os.open(os.devnull, os.O_RDONLY)
