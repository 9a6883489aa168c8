"""Hold one page that listens to events: what it shows, and the messages that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tapeline.web.candles import ChartRequest
from tapeline.web.json_text import json_bytes

#: The most messages that wait for one client; one that is slower is dropped and connects again.
MOST_WAITING = 64


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


def event_bytes(name: str, value: object) -> bytes:
    """Return a server-sent event with this value as JSON."""
    return b"event: " + name.encode() + b"\ndata: " + json_bytes(value) + b"\n\n"
