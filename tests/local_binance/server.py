"""Serve `/api/v3/klines` and the WebSocket `/ws` on a free loopback port, and note every limit that a client breaks.

The rules are those of Binance's own documents (rest-api.md and web-socket-streams.md of binance-spot-api-docs): klines
weigh 2 of 6,000 a minute, an answer has at most 1,000; 429 with `Retry-After` over the limit, and 418 for who goes on;
a connection takes 5 messages a second and 1,024 streams with small letters, ends after 24 hours, and when a ping is not
answered with its own payload within a minute; an address opens 300 connections in 5 minutes.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import WSMsgType, web

MINUTE = 60_000
DAY = 86_400_000
LENGTHS = {
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": 60 * MINUTE,
    "2h": 120 * MINUTE, "4h": 240 * MINUTE, "1d": DAY,
}  # fmt: skip

WEIGHT, MOST_WEIGHT = 2, 6000
MOST_KLINES = 1000
MOST_STREAMS = 1024
MOST_MESSAGES = 5  # a second
MOST_CONNECTIONS = 300  # in 5 minutes
LONGEST_CONNECTION = DAY
PING_SECONDS, PONG_SECONDS = 20, 60

#: Prices of a kline: open, high, low, close, volume.
Values = tuple[float, float, float, float, float]


@dataclass(eq=False)
class Connection:
    """Hold what a connection listens to and what it sent."""

    socket: web.WebSocketResponse
    opened: int
    streams: set[str] = field(default_factory=set)
    messages: deque[int] = field(default_factory=deque)
    pinged: tuple[bytes, int] | None = None


class LocalBinance:
    """Run in a thread of its own from `start` to `stop`. Everything else may be called from any thread.

    `now` tells its time. `value` says what a symbol's minute was; None for a symbol that is not listed. `broken` lists
    the limits that a client broke. `faults` are statuses that the next requests get instead of an answer.
    """

    def __init__(self, now: Callable[[], int], value: Callable[[str, int], Values | None]) -> None:
        self.broken: list[str] = []
        self.faults: deque[int] = deque()
        self.requests: list[dict[str, str]] = []
        self.connections: list[Connection] = []
        self.opened: list[int] = []
        self.pongs = 0
        self.most_weight = MOST_WEIGHT
        self._now = now
        self._value = value
        self._weights: dict[int, int] = {}
        self._banned_until = 0
        self._told_to_wait_until = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="local binance", daemon=True)
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    def __enter__(self) -> LocalBinance:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.add_routes([web.get("/api/v3/klines", self._klines), web.get("/ws", self._stream)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self._port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _call(self, job: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(10)

    # -- klines ------------------------------------------------------------------------------------------------------

    async def _klines(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.requests.append(query)
        now = self._now()
        if refused := self._over_the_limit(now):
            return refused
        if self.faults:
            return self._answer({"code": -1001, "msg": "Internal error."}, self.faults.popleft())
        unknown = set(query) - {"symbol", "interval", "startTime", "endTime", "timeZone", "limit"}
        if unknown:
            return self._error(-1104, f"Not all sent parameters were read; unread {sorted(unknown)}")
        limit = int(query.get("limit", "500"))
        if limit > MOST_KLINES:
            self.broken.append(f"asked for {limit} klines")
        if query["interval"] not in LENGTHS:
            return self._error(-1120, "Invalid interval.")
        symbol, length = query["symbol"], LENGTHS[query["interval"]]
        if not symbol.isalnum() or not symbol.isupper():
            return self._error(-1100, "Illegal characters found in parameter 'symbol'")
        if self._value(symbol, now // MINUTE * MINUTE) is None:
            return self._error(-1121, "Invalid symbol.")
        start, end = int(query["startTime"]), int(query["endTime"])
        opens = range(-(-start // length) * length, min(end, now) + 1, length)[: min(limit, MOST_KLINES)]
        return self._answer([self._kline(symbol, at, length, now) for at in opens])

    def _over_the_limit(self, now: int) -> web.Response | None:
        if now < self._banned_until:
            self.broken.append("asked while banned")
            return self._answer({"code": -1003, "msg": "banned"}, 418, (self._banned_until - now) // 1000 + 1)
        if now < self._told_to_wait_until:
            self.broken.append("went on after 429")
            self._banned_until = now + 2 * MINUTE
            return self._answer({"code": -1003, "msg": "banned"}, 418, 120)
        minute = now // MINUTE
        self._weights[minute] = self._weights.get(minute, 0) + WEIGHT
        if self._weights[minute] > self.most_weight:
            self._told_to_wait_until = (minute + 1) * MINUTE
            return self._answer(
                {"code": -1003, "msg": "Too many requests"}, 429, (self._told_to_wait_until - now) // 1000 + 1
            )
        return None

    def _kline(self, symbol: str, opens: int, length: int, now: int) -> list[Any]:
        values = [self._value(symbol, at) for at in range(opens, min(opens + length, now + 1), MINUTE)]
        known = [each for each in values if each is not None]
        texts = (
            known[0][0], max(each[1] for each in known), min(each[2] for each in known), known[-1][3],
            sum(each[4] for each in known),
        )  # fmt: skip
        return [opens, *(f"{value:.8f}" for value in texts), opens + length - 1, "0.0", 1, "0.0", "0.0", "0"]

    def _error(self, code: int, reason: str) -> web.Response:
        return self._answer({"code": code, "msg": reason}, 400)

    def _answer(self, document: Any, status: int = 200, retry_after: int | None = None) -> web.Response:
        used = str(self._weights.get(self._now() // MINUTE, 0))
        headers = {"Date": formatdate(self._now() / 1000, usegmt=True), "X-MBX-USED-WEIGHT-1M": used}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return web.json_response(document, status=status, headers=headers)

    # -- the stream --------------------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        now = self._now()
        self.opened.append(now)
        if sum(at > now - 5 * MINUTE for at in self.opened) > MOST_CONNECTIONS:
            self.broken.append("more than 300 connections in 5 minutes")
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        own = Connection(socket, now)
        self.connections.append(own)
        async for message in socket:
            if message.type is WSMsgType.PONG:
                self.pongs += 1
                if own.pinged and bytes(message.data) != own.pinged[0]:
                    self.broken.append("a pong without the payload of its ping")
                own.pinged = None
            self._count(own)
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(self._told(own, message.data))
        self.connections.remove(own)
        return socket

    def _count(self, own: Connection) -> None:
        now = self._now()
        own.messages.append(now)
        while own.messages[0] <= now - 1000:
            own.messages.popleft()
        if len(own.messages) > MOST_MESSAGES:
            self.broken.append(f"{len(own.messages)} messages in a second")

    def _told(self, own: Connection, text: str) -> str:
        found = json.loads(text)
        names = set(found["params"])
        for name in names:
            symbol, at, stream = name.partition("@")
            if not at or symbol != symbol.lower() or stream != "kline_1m":
                self.broken.append(f"no stream: {name}")
        if found["method"] == "SUBSCRIBE":
            own.streams |= names
        elif found["method"] == "UNSUBSCRIBE":
            own.streams -= names
        else:
            self.broken.append(f"no method: {found['method']}")
        if len(own.streams) > MOST_STREAMS:
            self.broken.append(f"{len(own.streams)} streams")
        return json.dumps({"result": None, "id": found["id"]})

    def update(self, symbol: str, opens: int, values: Values, *, closed: bool = False) -> int:
        """Send how a minute stands to those who listen to it; `closed` says that it is over. Return to how many."""
        first, high, low, last, volume = (f"{value:.8f}" for value in values)
        kline = {
            "t": opens, "T": opens + MINUTE - 1, "s": symbol, "i": "1m", "f": 1, "L": 2, "o": first, "c": last,
            "h": high, "l": low, "v": volume, "n": 2, "x": closed, "q": "0", "V": "0", "Q": "0", "B": "0",
        }  # fmt: skip
        event = opens + MINUTE + 20 if closed else self._now()
        return self.send(json.dumps({"e": "kline", "E": event, "s": symbol, "k": kline}), f"{symbol.lower()}@kline_1m")

    def send(self, text: str, stream: str = "") -> int:
        """Send a text to those who listen to this stream, or to everyone. Return to how many."""

        async def to_all() -> int:
            told = [own for own in self.connections if not stream or stream in own.streams]
            for own in told:
                await own.socket.send_str(text)
            return len(told)

        return int(self._call(to_all()))

    def tick(self) -> None:
        """Do what is due by now: pings every 20 seconds, and an end to connections that are old or do not answer."""

        async def due() -> None:
            now = self._now()
            for own in list(self.connections):
                if own.pinged and now - own.pinged[1] >= 1000 * PONG_SECONDS:
                    self.broken.append("a ping was not answered")
                    await own.socket.close()
                elif now - own.opened >= LONGEST_CONNECTION:
                    await own.socket.close()
                elif own.pinged is None:
                    own.pinged = str(now).encode(), now
                    await own.socket.ping(own.pinged[0])

        self._call(due())
