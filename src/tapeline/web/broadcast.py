"""Keep every open page up to date: one loop and one set of reads for all of them, at most once a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from tapeline.error_text import one_line
from tapeline.errors import TapelineError
from tapeline.forecast.model import Metadata
from tapeline.web.candle_follower import CandleFollower
from tapeline.web.candles import ChartRequest
from tapeline.web.defects import log_failure
from tapeline.web.event_client import Client, check_place, event_bytes
from tapeline.web.markets import zone_of
from tapeline.web.page_data import PageData
from tapeline.web.quote_table import Quote
from tapeline.web.summary import summary
from tapeline.web.thread_runner import ThreadRunner
from tapeline.web.timed_alerts import TimedAlert, timed_alerts
from tapeline.web.watched_quotes import WatchedQuotes

#: Seconds between two updates.
TICK_SECONDS = 1.0

#: Seconds after which a quiet connection gets a beat. The page takes the server for lost after 20 without one.
HEARTBEAT_SECONDS = 5.0

T = TypeVar("T")


class Broadcast:
    """Read the store for all clients, and send each what changed.

    Everything but the reads happens in the event loop's thread, so clients need no lock. A message for several clients
    is made once. Nothing is read while nobody is connected. When the store cannot be read, `status` says so, and the
    next round tries again.
    """

    def __init__(self, data: PageData, models: Callable[[], Mapping[str, Metadata]]) -> None:
        self._data = data
        self._models = models
        self._watchlist = WatchedQuotes(data)
        self._reader = ThreadRunner(1, "live")
        self._turn = asyncio.Lock()
        self._clients: set[Client] = set()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._followers: dict[ChartRequest, CandleFollower] = {}
        self._status: dict[str, Any] = {}
        self._error: str | None = None
        self._ended = False

    @property
    def clients(self) -> int:
        """Return how many are connected."""
        return len(self._clients)

    def now(self) -> int:
        """Return the time that markets are judged by, UTC epoch ms."""
        return self._watchlist.now()

    async def warm_up(self) -> None:
        """Read what the first page asks for: the calendars of the exchanges alone take a second each."""
        await self._ask(lambda: [zone_of(row.stock_symbol) for row in self._data.store.latest()])
        await self._ask(self._watchlist.refresh)

    async def complete(self, seconds: float) -> bool:
        """Read more of the quotes, for about so long; return whether there is more to read."""
        async with self._turn:
            return await self._ask(lambda: self._watchlist.refresh(seconds)) is False

    async def run(self) -> None:
        """Update the clients until cancelled."""
        due = time.monotonic()
        while True:
            now = time.monotonic()
            due = max(due + TICK_SECONDS, now)  # what a round takes is part of its second
            await asyncio.sleep(due - now)
            if self._clients:
                try:
                    await self._tick()
                except Exception as error:  # noqa: BLE001 - a failed round must not end the loop
                    log_failure("the pages could not be brought up to date", error)

    def end(self) -> None:
        """End every connection; new ones end at once."""
        self._ended = True
        for client in self._clients:
            client.end()

    def close(self) -> None:
        """Wait for reads under way; afterwards nothing uses the store."""
        self._reader.close()

    async def quotes(self) -> list[Quote]:
        """Return all quotes, at most a second old. Raises what the store raises."""

        async def read() -> list[Quote]:
            async with self._turn:
                if self._watchlist.age >= TICK_SECONDS:
                    await self._reader.call(self._watchlist.refresh)
                return self._watchlist.shown()

        return await self._to_the_end(read())

    async def status(self) -> dict[str, Any]:
        """Return the summary that pages show at their foot; its `error` says why the store cannot be read."""

        async def read() -> dict[str, Any]:
            async with self._turn:
                if self._watchlist.age >= TICK_SECONDS:
                    self._error = None
                    await self._ask(self._watchlist.refresh)
                return await self._summary()

        return await self._to_the_end(read())

    def stream(self, client: Client) -> AsyncIterator[bytes]:
        """Return the messages for this client, until it goes or is dropped. Raises what `check_place` raises.

        The client has its place from this call on, so that no two can take the last one. Whoever does not read the
        messages to their end calls `leave`.
        """
        check_place(client, self._clients)
        self._clients.add(client)
        return self._messages(client)

    def leave(self, client: Client) -> None:
        """Give the place of this client to somebody else; a second call does nothing."""
        self._clients.discard(client)

    async def _messages(self, client: Client) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 3000\n\n"
            if self._ended:
                return
            await self._to_the_end(self._join(client))
            while True:
                try:
                    message = await asyncio.wait_for(client.waiting.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    if not client.is_alive():
                        return
                    message = event_bytes("beat", {})
                if message is None:
                    return
                yield message
        finally:
            self.leave(client)

    # -- one round ---------------------------------------------------------------------------------------------------

    async def _join(self, client: Client) -> None:
        """Bring a new client up to date at once."""
        async with self._turn:
            if self._watchlist.age >= TICK_SECONDS:
                await self._ask(self._watchlist.refresh)
            if client.alert is None:
                client.alert = max((alert.id for alert in await self._fired()), default=0)
            quotes = self._watchlist.first(alone=self._clients <= {client})
            self._send([client], event_bytes("quotes", {"quotes": quotes}))
            for chart in client.charts:
                if chart not in self._followers:
                    await self._bars(chart)
                if message := await self._ask(self._followers[chart].newest):
                    self._send([client], event_bytes("bars", message))
            self._send([client], event_bytes("status", await self._summary()))

    async def _tick(self) -> None:
        async with self._turn:
            if not self._clients:
                return
            for client in [each for each in self._clients if not each.is_alive()]:
                self._drop(client)
            self._error = None
            await self._ask(self._watchlist.refresh)
            if changes := self._watchlist.changes():
                self._send(self._clients, event_bytes("quotes", {"quotes": changes}))
            groups: dict[ChartRequest, list[Client]] = {}
            for client in self._clients:
                for chart in client.charts:
                    groups.setdefault(chart, []).append(client)
            for chart in self._followers.keys() - groups.keys():
                del self._followers[chart]
            for chart, clients in groups.items():
                if message := await self._bars(chart):
                    self._send(clients, event_bytes("bars", message))
            await self._alerts()
            status = await self._summary()
            if status != self._status:
                self._status = status
                self._send(self._clients, event_bytes("status", status))

    async def _bars(self, chart: ChartRequest) -> dict[str, Any] | None:
        if chart not in self._followers:
            self._followers[chart] = CandleFollower(self._data.candles, chart)
        return await self._ask(lambda: self._followers[chart].refresh(self._models()))

    async def _alerts(self) -> None:
        clients = [client for client in self._clients if client.alert is not None]
        for alert in await self._fired(min((client.alert or 0 for client in clients), default=0)) if clients else ():
            waiting = [client for client in clients if (client.alert or 0) < alert.id]
            self._send(waiting, b"id: %d\n" % alert.id + event_bytes("alert", alert))
            for client in waiting:
                client.alert = alert.id

    async def _fired(self, after: int = 0) -> list[TimedAlert]:
        alerts = self._data.alerts
        return await self._ask(lambda: timed_alerts(alerts.since(after))) or [] if alerts else []

    async def _summary(self) -> dict[str, Any]:
        found = await self._ask(lambda: summary(self._data, self._watchlist.quotes, self._models()))
        return {"error": self._error, **(found or {})}

    # -- help --------------------------------------------------------------------------------------------------------

    def _send(self, clients: Iterable[Client], message: bytes) -> None:
        for client in list(clients):
            if not client.send(message):
                self._drop(client)

    def _drop(self, client: Client) -> None:
        self.leave(client)
        client.end()

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns. It goes on when the caller is cancelled: it has the turn, and a thread's read."""
        task = asyncio.create_task(work)
        self._under_way.add(task)  # the event loop itself keeps no task alive
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _ask(self, read: Callable[[], T]) -> T | None:
        """Return what `read` returns, from a thread beside the event loop; None, with a note for pages, if it fails."""
        try:
            return await self._reader.call(read)
        except Exception as error:  # noqa: BLE001 - whatever a read raises, pages say so and the next round tries again
            if not isinstance(error, TapelineError):
                log_failure("a read for the open pages failed", error)
            self._error = one_line(error)
            return None
