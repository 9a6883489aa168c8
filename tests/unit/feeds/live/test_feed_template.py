"""The feed template in the docs runs: history, quotes, a gap, an unknown symbol and garbage, from a small server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import WSMsgType, web
from tests.fakes.archives import MemoryArchive

from tapeline.core.market import Bar
from tapeline.core.messages import Delivery
from tapeline.errors import UnreachableError
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_source import LiveSource
from tapeline.runtime.clock import SystemClock

ROOT = Path(__file__).parents[4]
MINUTE = 60_000
COIN = "BTC-USD"  # its market is always open


def template() -> ModuleType:
    spec = importlib.util.spec_from_file_location("feed_template", ROOT / "docs" / "templates" / "feed.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def live_source(url: str, stream_url: str, archive: MemoryArchive, symbols: list[str], *, since: int) -> LiveSource:
    """Return the venue's live bars, put together as `app/live_wiring.py` does it."""
    feed, clock = template(), SystemClock()
    history = History(feed.ExampleHistory(url, clock), archive, clock)
    stream = feed.ExampleStream(stream_url, clock)
    return LiveSource(symbols, feed.INTERVALS["1m"], history, stream, since=since, clock=clock)


class ExampleExchange:
    """Knows one coin at a price of 100, and sends to every socket what the test tells it to."""

    def __init__(self) -> None:
        self.port = 0
        self.subscribed: list[list[str]] = []
        self._sockets: list[web.WebSocketResponse] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> ExampleExchange:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def send(self, text: str) -> None:
        async def to_all() -> None:
            for socket in self._sockets:
                await socket.send_str(text)

        asyncio.run_coroutine_threadsafe(to_all(), self._loop).result(10)

    def hang_up(self) -> None:
        async def close_all() -> None:
            while self._sockets:
                await self._sockets.pop().close()

        asyncio.run_coroutine_threadsafe(close_all(), self._loop).result(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._started())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _started(self) -> web.AppRunner:
        app = web.Application()
        app.add_routes([web.get("/bars", self._bars), web.get("/quotes", self._quotes)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _bars(self, request: web.Request) -> web.Response:
        if request.query["symbol"] != COIN:
            raise web.HTTPNotFound
        start, end = int(request.query["start"]), int(request.query["end"])
        opens = range(-(-start // MINUTE) * MINUTE, end, MINUTE)
        return web.json_response({"currency": "USD", "bars": [[t, 100, 101, 99, 100, 7] for t in opens]})

    async def _quotes(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.subscribed.append(json.loads(message.data)["symbols"])
        return socket


@pytest.fixture
def exchange() -> Iterator[ExampleExchange]:
    with ExampleExchange() as running:
        yield running


class Reading:
    """Reads a source in a thread and keeps what it delivered."""

    def __init__(self, deliveries: Iterator[Delivery]) -> None:
        self.bars: list[Bar] = []
        self.notices: list[str] = []
        self.rejects: list[bytes] = []
        self.failure: Exception | None = None
        self._deliveries = deliveries
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        try:
            for delivery in self._deliveries:
                self.bars += delivery.bars
                self.notices += delivery.notices
                self.rejects += [reject.raw for reject in delivery.rejects]
        except UnreachableError as error:
            self.failure = error

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, (self.notices, self.rejects, self.bars[-2:])
            time.sleep(0.01)


def test_the_feed_template_collects_history_and_quotes_and_comes_back_after_a_gap(exchange: ExampleExchange) -> None:
    clock, archive = SystemClock(), MemoryArchive()
    started = clock.now()
    url, stream_url = f"http://127.0.0.1:{exchange.port}", f"ws://127.0.0.1:{exchange.port}"
    source = live_source(url, stream_url, archive, [COIN, "GONE-USD"], since=started - 31 * MINUTE)
    reading = Reading(source.deliveries(""))
    try:
        reading.until(lambda: len([bar for bar in reading.bars if bar.final]) >= 29)
        assert archive.symbols("1m") == [COIN]
        reading.until(
            lambda: "GONE-USD: Example Exchange has nothing under this symbol; trying again later" in reading.notices
        )
        reading.until(lambda: [COIN, "GONE-USD"] in exchange.subscribed)

        def streamed(price: float) -> bool:
            exchange.send(json.dumps({"symbol": COIN, "price": price, "size": 3, "time": clock.now()}))
            time.sleep(0.1)
            return any(bar.close == price and bar.volume >= 3 and not bar.final for bar in reading.bars)

        reading.until(lambda: streamed(123.0))
        exchange.send("no JSON")
        reading.until(lambda: b"no JSON" in reading.rejects)
        exchange.hang_up()
        reading.until(lambda: "the stream was lost: the connection ended; connecting again" in reading.notices)
        reading.until(lambda: streamed(125.0))
        status = source.status()
        assert status is not None
        assert (status.streaming, status.gaps, status.official) == (True, 1, 1)
    finally:
        source.close()
        reading.thread.join(20)
    assert not reading.thread.is_alive()


def test_the_feed_template_names_the_address_that_it_cannot_reach() -> None:
    since = SystemClock().now() - MINUTE
    source = live_source("http://127.0.0.1:9", "ws://127.0.0.1:9", MemoryArchive(), [COIN], since=since)
    reading = Reading(source.deliveries(""))
    reading.thread.join(30)
    assert not reading.thread.is_alive()
    assert "http://127.0.0.1:9 cannot be reached" in str(reading.failure)
