"""Talk to a running server from a program with an event loop: the verbs of `ServerClient`, to be awaited."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tapeline.app.server_client import ServerClient, ServerEvent

if TYPE_CHECKING:
    from tapeline.app.expectations import Forecast, PriceOdds

_MOST_WAITING = 1_000  # events that the program has not taken yet


class AsyncClient:
    """Ask a running server without holding up the event loop: each call runs in a thread.

    The parameters and errors are those of `ServerClient`.
    """

    def __init__(self, client: ServerClient) -> None:
        self._client = client
        self.url = client.url

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.url}>"

    async def symbols(self) -> list[dict[str, Any]]:
        """Return the watch-list: a quote for each symbol."""
        return await asyncio.to_thread(self._client.symbols)

    async def load(self, *arguments: Any, **options: Any) -> Any:
        """Return bars as a data frame."""
        return await asyncio.to_thread(self._client.load, *arguments, **options)

    async def scan(self, rule: str, **options: Any) -> Any:
        """Return the symbols on whose newest bar a rule holds, as a data frame."""
        return await asyncio.to_thread(self._client.scan, rule, **options)

    async def forecast(self, symbol: str, *, interval: str | None = None) -> Forecast:
        """Return the expected move after the last closed bar."""
        return await asyncio.to_thread(self._client.forecast, symbol, interval=interval)

    async def odds(self, symbol: str, price: float, *, within: int = 5, interval: str | None = None) -> PriceOdds:
        """Return the chance that a price is touched, or passed, in the next bars."""
        return await asyncio.to_thread(self._client.odds, symbol, price, within=within, interval=interval)

    async def alerts(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return the newest alerts, newest first."""
        return await asyncio.to_thread(self._client.alerts, limit)

    async def events(self, symbol: str | None = None, **options: Any) -> AsyncIterator[ServerEvent]:
        """Yield what changes, as `ServerClient.events` does, until the program leaves the loop.

        A program that does not take events loses the oldest of the last 1,000.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[ServerEvent | BaseException] = asyncio.Queue(_MOST_WAITING)
        stopping = threading.Event()

        def put(item: ServerEvent | BaseException) -> None:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(item)

        def read() -> None:
            try:
                for event in self._client.events(symbol, stopping=stopping, sleep=stopping.wait, **options):
                    loop.call_soon_threadsafe(put, event)
            except BaseException as error:  # noqa: BLE001 - raised where the events are awaited
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(put, error)

        threading.Thread(target=read, name="tapeline events", daemon=True).start()
        try:
            while True:
                item = await queue.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopping.set()
