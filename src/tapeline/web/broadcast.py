"""Keeps every open page up to date: one loop and one set of reads for all of them, at most once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from tapeline.forecast.model import Metadata
from tapeline.web.candle_follower import CandleFollower
from tapeline.web.candles import ChartRequest
from tapeline.web.markets import zone_of
from tapeline.web.thread_runner import ThreadRunner
from tapeline.web.view import View
from tapeline.web.watched_quotes import WatchedQuotes

#: Seconds between two updates.
TICK_SECONDS = 1.0

#: Seconds after which a quiet connection is told that the server is still there. The page gives up after 20 without.
HEARTBEAT_SECONDS = 5.0

#: Messages that wait for one client, at the most; one that is slower is dropped and connects again.
MOST_WAITING = 64

#: Open connections, at the most.
MOST_CLIENTS = 500

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Client:
    """One open connection. `alive` says whether it may go on: False once its session is over.

    `alert` is the id of the last alert it was told; None for one that wants those that fire from now on.
    """

    choice: ChartRequest | None
    alive: Callable[[], bool]
    alert: int | None = None
    waiting: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def send(self, message: bytes | None) -> bool:
        """Whether there was room for it."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Nothing more is sent, what waits is thrown away."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


class Broadcast:
    """Reads the store for all clients. Everything but the reads happens in the event loop's thread.

    The same message for several clients is made once. Nothing is read while nobody is connected. A store that cannot be
    read is said so in `status` and tried again.
    """

    def __init__(self, view: View, models: Callable[[], Mapping[str, Metadata]]) -> None:
        self._view = view
        self._models = models
        self._watchlist = WatchedQuotes(view)
        self._reader = ThreadRunner(1, "live")
        self._turn = asyncio.Lock()
        self._clients: set[Client] = set()
        self._tails: dict[ChartRequest, CandleFollower] = {}
        self._status: dict[str, Any] = {}
        self._error: str | None = None
        self._ended = False

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    @property
    def full(self) -> bool:
        """Whether there are as many as are served at once."""
        return len(self._clients) >= MOST_CLIENTS

    async def warm_up(self) -> None:
        """Reads what the first page asks for: the calendars of the exchanges alone take a second each."""
        await self._ask(lambda: [zone_of(row.stock_symbol) for row in self._view.store.latest()])
        await self._ask(self._watchlist.refresh)

    async def run(self) -> None:
        """Updates the clients until cancelled."""
        due = time.monotonic()
        while True:
            now = time.monotonic()
            due = max(due + TICK_SECONDS, now)  # what a round takes is part of its second
            await asyncio.sleep(due - now)
            if self._clients:
                try:
                    await self._tick()
                except Exception:  # noqa: BLE001 - one page's trouble must not stop the others
                    _log.exception("the pages could not be brought up to date")

    def end(self) -> None:
        """Ends every connection; new ones end at once."""
        self._ended = True
        for client in self._clients:
            client.end()

    def close(self) -> None:
        """Waits for reads under way; afterwards nothing uses the store."""
        self._reader.close()

    async def quotes(self) -> list[dict[str, Any]]:
        """All quotes as they are now, not older than a second. Raises what the store raises."""
        async with self._turn:
            if self._watchlist.age >= TICK_SECONDS:
                await self._reader.call(self._watchlist.refresh)
            return self._watchlist.as_json()

    async def status(self) -> dict[str, Any]:
        """The summary that pages show at their foot."""
        async with self._turn:
            if self._watchlist.age >= TICK_SECONDS:
                self._error = None
                await self._ask(self._watchlist.refresh)
            return await self._summary()

    async def stream(self, client: Client) -> AsyncIterator[bytes]:
        """The messages for this client, until it goes or is dropped."""
        self._clients.add(client)
        try:
            yield b"retry: 3000\n\n"
            if self._ended:
                return
            await self._join(client)
            while True:
                try:
                    message = await asyncio.wait_for(client.waiting.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    if not client.alive():
                        return
                    message = _event("beat", {})
                if message is None:
                    return
                yield message
        finally:
            self._clients.discard(client)

    # -- one round ---------------------------------------------------------------------------------------------------

    async def _join(self, client: Client) -> None:
        """Brings a new client up to date at once."""
        async with self._turn:
            if self._watchlist.age >= TICK_SECONDS:
                await self._ask(self._watchlist.refresh)
            if client.alert is None:
                client.alert = max((int(alert["id"]) for alert in await self._fired()), default=0)
            self._send([client], _event("quotes", {"quotes": self._watchlist.as_json()}))
            if self._clients <= {client}:
                self._watchlist.seen()  # there is nobody else to tell
            if client.choice is not None:
                tail = self._tails.get(client.choice)
                if tail is None:
                    await self._bars(client.choice)
                    tail = self._tails.get(client.choice)
                if tail is not None and (message := await self._ask(tail.newest)):
                    self._send([client], _event("bars", message))
            self._send([client], _event("status", await self._summary()))

    async def _tick(self) -> None:
        async with self._turn:
            if not self._clients:
                return
            for client in [c for c in self._clients if not c.alive()]:
                self._drop(client)
            self._error = None
            await self._ask(self._watchlist.refresh)
            if news := self._watchlist.news():
                self._send(self._clients, _event("quotes", {"quotes": news}))
            groups: dict[ChartRequest, list[Client]] = {}
            for client in self._clients:
                if client.choice is not None:
                    groups.setdefault(client.choice, []).append(client)
            for choice in self._tails.keys() - groups.keys():
                del self._tails[choice]
            for choice, clients in groups.items():
                message = await self._bars(choice)
                if message:
                    self._send(clients, _event("bars", message))
            await self._alerts()
            status = await self._summary()
            if status != self._status:
                self._status = status
                self._send(self._clients, _event("status", status))

    async def _bars(self, choice: ChartRequest) -> dict[str, Any] | None:
        tail = self._tails.get(choice)
        if tail is None:
            tail = self._tails[choice] = CandleFollower(self._view.store, choice)
        return await self._ask(lambda: tail.refresh(self._models()))

    async def _alerts(self) -> None:
        clients = [client for client in self._clients if client.alert is not None]
        for alert in await self._fired(min((client.alert or 0 for client in clients), default=0)) if clients else ():
            number = int(alert["id"])
            waiting = [client for client in clients if (client.alert or 0) < number]
            self._send(waiting, b"id: %d\n" % number + _event("alert", alert))
            for client in waiting:
                client.alert = number

    async def _fired(self, after: int = 0) -> list[Mapping[str, Any]]:
        return await self._ask(lambda: list(self._view.alerts(after))) or []

    async def _summary(self) -> dict[str, Any]:
        return {"error": self._error, **(await self._ask(self._facts) or {})}

    def _facts(self) -> dict[str, Any]:
        view, quotes = self._view, self._watchlist.quotes
        replay = view.replay()
        used = {quote.model for quote in quotes} - {""}
        known = self._models()
        return {
            "symbols": len(quotes),
            "rows": view.stored(),
            "last": max((quote.timestamp for quote in quotes), default=None),
            "replay": None if replay is None else {"done": replay.done, "total": replay.total, "ended": replay.ended},
            "models": sorted(used),
            "trained": max((known[model].trained_until for model in used if model in known), default=None),
            "no_model": view.no_model,
        }

    # -- help --------------------------------------------------------------------------------------------------------

    def _send(self, clients: Iterable[Client], message: bytes) -> None:
        for client in list(clients):
            if not client.send(message):
                self._drop(client)

    def _drop(self, client: Client) -> None:
        self._clients.discard(client)
        client.end()

    async def _ask(self, read: Callable[[], T]) -> T | None:
        """What `read` answers, in a thread beside the event loop; None, and a note for the pages, when it fails."""
        try:
            return await self._reader.call(read)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, the page says so and tries again
            self._error = " ".join(str(error).split())[:300] or type(error).__name__
            return None


def _event(name: str, value: Mapping[str, Any]) -> bytes:
    data = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
