"""Serve HTTP with uvicorn, but give no client more time, room or work than an honest one needs.

uvicorn bounds the size of a header and the time between two requests. It has no limit of the time that a header, a body
or the reading of an answer may take, none for each client, it goes on working for a client that has left, and when
the process has no descriptor left asyncio logs a traceback for each connection. What is missing is here.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tapeline.web.client_address import TrustedProxies
from tapeline.web.connections import Connection, Connections

#: Seconds in which a request's header must be complete, from the connection or the answer before; likewise its body.
HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0

#: A client that reads must take this many bytes in this many seconds, or all that is left.
LEAST_READ = 16 * 1024
READ_SECONDS = 20.0

#: The answer to whoever finds no room.
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 67\r\nRetry-After: 5\r\n"
    b'Connection: close\r\n\r\n{"detail": "too many connections are open; try again in a moment"}\n'
)


class GuardedProtocol(H11Protocol):
    """Speak HTTP/1.1 on one connection, which has a `place` among `connections` and has sent its first header, `head`.

    Without a place it takes one itself: on Windows the event loop accepts connections without asking anybody.

    It is closed when its client takes too long to send a header or a body, or to read an answer; what it asked for is
    cancelled when the client leaves.
    """

    def __init__(
        self, *args: Any, connections: Connections, proxies: TrustedProxies, place: Connection | None = None,
        head: bytes = b"", **values: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **values)
        self._connections = connections
        self._proxies = proxies
        self._place = place
        self._head = head
        self._inner = self.app
        self.app = self._answer
        self._answering: set[asyncio.Task[None]] = set()
        self._since = time.monotonic()  # when it began to wait for a request, or a request's body for its end
        self._unsent = -1  # bytes that waited for the client when it last read enough; -1: it is not behind
        self._unsent_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection's place, and read what it has sent; or say that there is no room and close it."""
        super().connection_made(transport)
        if self._place is None:
            if not self._connections.admit(self, self._proxies.group(self.client[0] if self.client else "")):
                transport.write(BUSY)
                transport.close()
            return
        self._connections.replace(self._place, self)
        self.data_received(self._head)
        self._head = b""
        if self.conn.their_state is h11.IDLE:  # what it sent is no request after all
            self._connections.waits(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel what is being done for a client that did not wait for its answer."""
        super().connection_lost(exc)
        self._connections.remove(self)
        self._give_up()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no HTTP. Where an answer has begun there can be no other: the connection is closed.

        What is being done for the client is given up, and nobody's defect: it would answer a second time.
        """
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()
        self._give_up()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._since = time.monotonic()
        self._connections.waits(self)
        super().on_response_complete()

    def resume_writing(self) -> None:
        """Note that the client has read what it was behind with."""
        self._unsent = -1
        super().resume_writing()

    def abort(self) -> None:
        """Close the connection at once, whatever has not been sent."""
        self.transport.abort()

    def is_overdue(self, now: float) -> bool:
        """Return whether the client has taken too long to send or to read. `now` is monotonic seconds."""
        cycle = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        unsent = self.transport.get_write_buffer_size()
        if unsent and (self.flow.write_paused or not is_answering or self.transport.is_closing()):
            self._since = now  # it waits for a request only when it has read the answer before
            if self._unsent < 0 or unsent <= self._unsent - LEAST_READ:
                self._unsent, self._unsent_since = unsent, now
            return now - self._unsent_since > READ_SECONDS
        self._unsent = -1
        if is_answering:
            return cycle.more_body and now - self._since > BODY_SECONDS
        return now - self._since > HEADER_SECONDS

    def _give_up(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            for task in self._answering:
                task.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - uvicorn runs this in one
        self._since = time.monotonic()
        self._connections.is_answered(self)
        self._answering.add(task)
        try:
            await self._inner(scope, receive, send)
        except asyncio.CancelledError:
            if not self.transport.is_closing():  # the server ends
                raise
        finally:
            self._answering.discard(task)
