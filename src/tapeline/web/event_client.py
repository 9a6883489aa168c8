"""Hold one page that listens to events: what it shows, the messages that wait for it, and how many there may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tapeline.errors import OverloadedError
from tapeline.web.candles import ChartRequest
from tapeline.web.json_text import json_bytes

#: The most messages that wait for one client; one that is slower is dropped and connects again.
MOST_WAITING = 64

#: The most open connections, and how many of them one client address may have.
MOST_CLIENTS = 500
MOST_OF_ONE_ADDRESS = 100


@dataclass(eq=False, slots=True)
class Client:
    """Hold one open connection. `is_alive` says whether it may go on: False once its session is over.

    `also` are the charts that it shows beside the first.

    `alert` is the id of the last alert that was sent to it; None for a client that wants those that fire from now on.
    `address` is what counts as one client.
    """

    chart: ChartRequest | None
    is_alive: Callable[[], bool]
    alert: int | None = None
    address: str = ""
    also: tuple[ChartRequest, ...] = ()
    waiting: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    @property
    def charts(self) -> tuple[ChartRequest, ...]:
        """Return the charts that it shows, each once."""
        return tuple(dict.fromkeys((*((self.chart,) if self.chart else ()), *self.also)))

    def send(self, message: bytes | None) -> bool:
        """Queue the message. Return whether there was room for it."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Send nothing more: throw away what waits, and let the stream end."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


def check_place(client: Client, others: Collection[Client]) -> None:
    """Raise `OverloadedError` where there is no place for a client beside these."""
    if len(others) >= MOST_CLIENTS:
        raise OverloadedError(f"{len(others)} pages are open; that is as many as are served")
    own = sum(1 for other in others if other.address == client.address)
    if own >= MOST_OF_ONE_ADDRESS:
        raise OverloadedError(f"{own} pages are open at this address, as many as are served: close one")


def event_bytes(name: str, value: object) -> bytes:
    """Return a server-sent event with this value as JSON."""
    return b"event: " + name.encode() + b"\ndata: " + json_bytes(value) + b"\n\n"
