"""Serve `/v8/finance/chart/SYMBOL`, a cookie, a crumb and the streamer's WebSocket, on a free loopback port."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import threading
import zlib
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from email.utils import formatdate
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from tests.local_yahoo.market import COLUMNS, MINUTE, Market, Tick

DAY = 86_400_000
LENGTHS = {"1m": 1, "2m": 2, "5m": 5, "15m": 15, "30m": 60, "60m": 60, "90m": 90, "1h": 60, "1d": 1440}
SPANS = {"1m": 7 * DAY, "1h": 730 * DAY, "60m": 730 * DAY, "1d": 40_000 * DAY}
REACHES = {"1m": 30 * DAY, "1h": 730 * DAY, "60m": 730 * DAY, "1d": 40_000 * DAY}

#: Answers a chart request may get instead of its own.
CHART_FAULTS = ("429", "429 with 200", "500", "503", "slow", "cut", "html")

_RESULT = '{"chart":{"result":[%s],"error":null}}'

#: Answers that are meant to do harm, by name: what comes with status 200.
HOSTILE = {
    "deep": "[" * 100_000,
    "deep in a chart": _RESULT % ('{"meta":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "a folder of zones": _RESULT % '{"meta":{"exchangeTimezoneName":"America"},"timestamp":[1]}',
    "a zone outside": _RESULT % '{"meta":{"exchangeTimezoneName":"../../etc/passwd"},"timestamp":[1]}',
    "a long number": _RESULT % ('{"timestamp":[' + "9" * 5000 + "]}"),
    "a large number": _RESULT % '{"timestamp":[1e300],"indicators":{"quote":[{"open":[1e300]}]}}',
    "many parts": _RESULT % ('{"timestamp":[' + "[]," * 100_000 + "1]}"),
    "half a pair": '{"chart":{"result":null,"error":{"code":"x","description":"\\ud800"}}}',
    "a long reason": '{"chart":{"result":null,"error":{"code":"x","description":"' + "no " * 100_000 + '"}}}',
    "a split of 0": _RESULT
    % '{"timestamp":[],"events":{"splits":{"1":{"date":1,"numerator":1e-300,"denominator":1e300}}}}',
    "a split to come": _RESULT
    % '{"timestamp":[],"events":{"splits":{"1":{"date":1e30,"numerator":2,"denominator":1}}}}',
    "numbers that are no numbers": _RESULT % '{"timestamp":[1],"indicators":{"quote":[{"open":[NaN]}]}}',
    "a matrix": _RESULT % '{"timestamp":[[1,2],[3,4]],"indicators":{"quote":[{"open":[[1],[2]]}]}}',
}


#: Names and exchanges that the search gives for symbols of the market.
NAMES = {
    "TSLA": ("Tesla, Inc.", "NASDAQ"), "AAPL": ("Apple Inc.", "NASDAQ"), "MSFT": ("Microsoft Corporation", "NASDAQ"),
    "NVDA": ("NVIDIA Corporation", "NASDAQ"), "NFLX": ("Netflix, Inc.", "NASDAQ"), "SPY": ("SPDR S&P 500", "NYSEArca"),
}  # fmt: skip


def frame(tick: Tick, *, market_hours: int = 1, quote_type: int = 8, price_hint: int = 2) -> str:
    """Return a price as the streamer sends it: base64 of protobuf."""
    from yfinance.pricing_pb2 import PricingData

    message = PricingData(
        id=tick.symbol,
        price=tick.price,
        time=tick.time,
        exchange="NMS",
        quote_type=quote_type,
        market_hours=market_hours,
        day_volume=tick.day_volume,
        price_hint=price_hint,
    )
    return base64.b64encode(message.SerializeToString()).decode()


class LocalYahoo:
    """Run in a thread of its own from `start` to `stop`. Everything else may be called from any thread.

    `now` tells its time. `recorded` are whole answers by symbol, served as they are. `quirks`: the last chart row
    twice, a row under the time of the last trade, frames out of order and twice, as the real one has them.
    """

    def __init__(
        self,
        market: Market,
        now: Callable[[], int],
        *,
        recorded: Mapping[str, Any] | None = None,
        quirks: bool = True,
        seed: int = 1,
    ) -> None:
        self.market = market
        self.quirks = quirks
        self.recorded = dict(recorded or {})
        self.chart_faults: deque[str] = deque()
        self.search_faults: deque[str] = deque()
        self.searches: list[str] = []
        self.silent = False
        self.refusing = False
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, int] = {}
        self.connections = 0
        self.sent = 0
        self.in_flight = 0
        self.subscribe_messages = 0
        self._now = now
        self._random = random.Random(seed)
        self._sockets: dict[web.WebSocketResponse, set[str]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="local yahoo", daemon=True)
        self._ready = threading.Event()
        self._port = 0

    # -- life --------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/stream?version=2"

    def start(self) -> LocalYahoo:
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> LocalYahoo:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/v8/finance/chart/{symbol}", self._chart)
        app.router.add_get("/v1/finance/search", self._search)
        app.router.add_get("/v1/test/getcrumb", self._crumb)
        app.router.add_get("/stream", self._stream)
        app.router.add_get("/", self._home)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True)
        self._loop.run_until_complete(site.start())
        self._port = site._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for socket in list(self._sockets):
            _abort(socket)
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def call(self, job: Coroutine[Any, Any, Any]) -> Any:
        """Run this on the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(30)

    # -- the streamer ------------------------------------------------------------------------------------------------

    def publish(self, ticks: list[Tick]) -> int:
        """Send prices to those who subscribed to them. Return how many frames were sent."""
        return int(self.call(self._publish(ticks)))

    async def _publish(self, ticks: list[Tick]) -> int:
        if self.silent:
            return 0
        if self.quirks and len(ticks) > 1:
            for i in range(len(ticks) - 1):
                if self._random.random() < 0.05 and ticks[i].time // MINUTE == ticks[i + 1].time // MINUTE:
                    ticks[i], ticks[i + 1] = ticks[i + 1], ticks[i]
            ticks = [tick for tick in ticks for _ in range(1 + (self._random.random() < 0.02))]
        sent = 0
        for tick in ticks:
            text = frame(tick, market_hours=tick.market_hours)
            if self._random.random() < 0.5:
                text = json.dumps({"type": "pricing", "message": text})
            for socket, symbols in list(self._sockets.items()):
                if tick.symbol in symbols:
                    with contextlib.suppress(ConnectionError):
                        await socket.send_str(text)
                        sent += 1
        self.sent += sent
        return sent

    def send_raw(self, frames: list[str | bytes]) -> None:
        """Send raw messages, such as garbage, to everyone."""

        async def send() -> None:
            for socket in list(self._sockets):
                for raw in frames:
                    await (socket.send_bytes(raw) if isinstance(raw, bytes) else socket.send_str(raw))

        self.call(send())

    def close_streams(self) -> None:
        """Close every connection cleanly."""

        async def close() -> None:
            for socket in list(self._sockets):
                self._sockets.pop(socket, None)
                await socket.close()

        self.call(close())

    def drop_streams(self) -> None:
        """Break every connection, as a pulled plug does."""

        async def drop() -> None:
            for socket in list(self._sockets):
                self._sockets.pop(socket, None)
                _abort(socket)

        self.call(drop())

    @property
    def listeners(self) -> int:
        return len(self._sockets)

    @property
    def subscribed(self) -> set[str]:
        return set().union(*self._sockets.values()) if self._sockets else set()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.refusing:
            return web.Response(status=503, text="no streams today")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        symbols = self._sockets[socket] = set[str]()
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                asked = json.loads(message.data)
                self.subscribe_messages += "subscribe" in asked
                new = set(asked.get("subscribe", ())) - symbols
                symbols |= new
                symbols -= set(asked.get("unsubscribe", ()))
                for symbol in sorted(new):
                    last = self.market.last(symbol, self._now())
                    if last is not None and not self.silent:
                        await socket.send_str(frame(last))
                        self.sent += 1
        finally:
            self._sockets.pop(socket, None)
        return socket

    # -- charts ------------------------------------------------------------------------------------------------------

    async def _home(self, _: web.Request) -> web.Response:
        return web.Response(text="a cookie", headers={"Set-Cookie": "A3=sugar; Path=/"})

    async def _crumb(self, _: web.Request) -> web.Response:
        return web.Response(text="crumb.of.a.cookie")

    async def _search(self, request: web.Request) -> web.Response:
        text = request.query.get("q", "").upper()
        self.searches.append(text)
        fault = self.search_faults.popleft() if self.search_faults else ""
        if fault:
            return self._fault(fault)
        names = {symbol: NAMES.get(symbol, (f"{symbol} Inc.", "NASDAQ")) for symbol in self.market.symbols}
        quotes = [
            {
                "exchange": "NMS", "shortname": name, "quoteType": "EQUITY", "symbol": symbol, "index": "quotes",
                "score": 20_000.0, "typeDisp": "Equity", "longname": name, "exchDisp": exchange, "isYahooFinance": True,
            }
            for symbol, (name, exchange) in names.items()
            if symbol.startswith(text) or text in name.upper()
        ]  # fmt: skip
        return web.json_response({"explains": [], "count": len(quotes), "quotes": quotes, "news": [], "nav": []})

    async def _chart(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        try:
            symbol = request.match_info["symbol"]
            self.requests.append((symbol, dict(request.query)))
            fault = self.chart_faults.popleft() if self.chart_faults else ""
            self.answers[fault or "200"] = self.answers.get(fault or "200", 0) + 1
            if fault and fault not in {"slow", "cut", "endless", "bomb"}:
                return self._fault(fault)
            if fault == "endless" or fault == "bomb":
                return await _flood(request, zipped=fault == "bomb")
            if fault == "slow":
                await asyncio.sleep(0.3)
            status, body = self.answer(symbol, dict(request.query))
            response = web.Response(
                status=status,
                text=json.dumps(body),
                content_type="application/json",
                headers={"Date": formatdate(self._now() / 1000, usegmt=True)},
            )
            if fault == "cut":
                response.headers["Content-Length"] = str(len(response.body))
                payload = bytes(response.body)
                stream = web.StreamResponse(headers={"Content-Length": str(len(payload))})
                await stream.prepare(request)
                await stream.write(payload[: len(payload) // 2])
                request.transport.close()
                return stream
            return response
        finally:
            self.in_flight -= 1

    def _fault(self, name: str) -> web.Response:
        if name == "429 with 200":
            return web.Response(text="Too Many Requests")
        if name == "429":
            return web.Response(status=429, text="Edge: Too Many Requests", content_type="text/html")
        if name in HOSTILE:
            return web.Response(text=HOSTILE[name], content_type="application/json")
        if name == "html":
            return web.Response(text="<html>Will be right back...</html>", content_type="text/html")
        return web.Response(status=int(name), text="<html>Internal error</html>", content_type="text/html")

    def answer(self, symbol: str, query: Mapping[str, str]) -> tuple[int, Any]:
        """Return status and body of the answer to a chart request."""
        if symbol in self.recorded:
            return 200, self.recorded[symbol]
        if symbol not in self.market.symbols:
            return 404, _error("Not Found", "No data found, symbol may be delisted")
        interval, now = query.get("interval", "1d"), self._now()
        if "range" in query:
            start, end = now - 5 * DAY, now
        else:
            start, end = int(query["period1"]) * 1000, int(query["period2"]) * 1000
        edges = f"startTime={start // 1000} and endTime={end // 1000}"
        if end - start > SPANS.get(interval, 60 * DAY):
            return 422, _error(
                "Unprocessable Entity",
                f"{interval} data not available for {edges}. Only 7 days worth of 1m granularity data are allowed "
                "to be fetched per request.",
            )
        if start < now - REACHES.get(interval, 60 * DAY):
            return 422, _error(
                "Unprocessable Entity",
                f"{interval} data not available for {edges}. The requested range must be within the last 30 days.",
            )
        return 200, self._chart_body(symbol, interval, start, end, now)

    def _chart_body(self, symbol: str, interval: str, start: int, end: int, now: int) -> Any:
        minutes = LENGTHS[interval]
        rows = _grouped(self.market, self.market.official(symbol, start, end, now), minutes, now)
        if self.quirks and len(rows["time"]) and self._random.random() < 0.3:
            rows = {name: np.append(values, values[-1]) for name, values in rows.items()}
        sessions = [s for s in self.market.sessions if s[0] < end and s[1] > start and s[0] <= now]
        if self.quirks and sessions and sessions[-1][0] <= now < sessions[-1][1] and now % MINUTE and len(rows["time"]):
            live = dict(zip(COLUMNS, [rows["close"][-1]] * 4 + [0.0], strict=True)) | {"time": now // 1000 * 1000 + 500}
            if (live["time"] // 1000) % 60:
                rows = {name: np.append(values, live[name]) for name, values in rows.items()}
        meta: dict[str, Any] = {
            "currency": "USD", "symbol": symbol, "exchangeName": "NMS", "instrumentType": "EQUITY",
            "firstTradeDate": 345479400, "regularMarketTime": now // 1000, "hasPrePostMarketData": True,
            "gmtoffset": -18000, "timezone": "EST", "exchangeTimezoneName": "America/New_York",
            "regularMarketPrice": 1.0, "chartPreviousClose": 1.0, "priceHint": 2, "dataGranularity": interval,
            "range": "", "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
            "currentTradingPeriod": {
                name: {"timezone": "EST", "start": at[0], "end": at[1], "gmtoffset": -18000}
                for name, at in _periods(self.market.sessions[-1]).items()
            },
        }  # fmt: skip
        if minutes < 1440:
            meta["tradingPeriods"] = [
                [{"timezone": "EST", "start": s[0] // 1000, "end": s[1] // 1000, "gmtoffset": -18000}] for s in sessions
            ]
        result: dict[str, Any] = {"meta": meta}
        split = self.market.splits.get(symbol)
        if split is not None and start <= split[0] < end and split[0] <= now:
            at = split[0] // 1000
            result["events"] = {
                "splits": {
                    str(at): {
                        "date": at, "numerator": split[1], "denominator": 1.0, "splitRatio": f"{split[1]:g}:1",
                    }
                }
            }  # fmt: skip
        quote = {name: [None if np.isnan(v) else float(v) for v in rows[name]] for name in COLUMNS}
        if len(rows["time"]):
            result["timestamp"] = [int(t) // 1000 for t in rows["time"]]
        else:
            quote = {}
        result["indicators"] = {"quote": [quote]}
        if minutes == 1440:
            result["indicators"]["adjclose"] = [{"adjclose": quote.get("close", [])}]
        return {"chart": {"result": [result], "error": None}}


def _grouped(market: Market, rows: dict[str, np.ndarray], minutes: int, now: int) -> dict[str, np.ndarray]:
    """Return longer bars made of minutes, counted from each session's open; a day is stamped with it."""
    if minutes == 1 or not len(rows["time"]):
        return rows
    opens = np.array([s[0] for s in market.sessions])
    opened = opens[np.searchsorted(opens, rows["time"], "right") - 1]
    starts = opened + (rows["time"] - opened) // (minutes * MINUTE) * minutes * MINUTE
    made: dict[str, list[float]] = {name: [] for name in ("time", *COLUMNS)}
    for at in np.unique(starts):
        own = {name: values[starts == at] for name, values in rows.items()}
        traded = ~np.isnan(own["open"])
        own = {name: values[traded] for name, values in own.items()}
        made["time"].append(at)
        if not traded.any():
            for name in COLUMNS:
                made[name].append(np.nan)
            continue
        made["open"].append(own["open"][0])
        made["high"].append(own["high"].max())
        made["low"].append(own["low"].min())
        made["close"].append(own["close"][-1])
        made["volume"].append(own["volume"].sum())
    return {name: np.array(values) for name, values in made.items()}


def _periods(session: tuple[int, int]) -> dict[str, tuple[int, int]]:
    opened, closed = (t // 1000 for t in session)
    return {"pre": (opened - 19800, opened), "regular": (opened, closed), "post": (closed, closed + 14400)}


def _error(code: str, description: str) -> Any:
    return {"chart": {"result": None, "error": {"code": code, "description": description}}}


async def _flood(request: web.Request, *, zipped: bool) -> web.StreamResponse:
    """Answer without an end: until the other side hangs up, or it had 256 MB."""
    headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if zipped else {})
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 1 << 28:
            piece = b"[" * (1 << 20)
            piece = packer.compress(piece) if zipped else piece
            sent += 1 << 20
            if piece:
                await response.write(piece)
    return response


def _abort(socket: web.WebSocketResponse) -> None:
    transport = socket._req.transport if socket._req is not None else None
    if transport is not None:
        transport.abort()
