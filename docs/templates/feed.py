"""Show a complete live feed of a made-up venue, the Example Exchange: copy it and replace what is the venue's own.

A feed is a module `src/tapeline/feeds/VENUE.py`, or a folder of that name, with these parts. Everything else is in
`feeds/live`, which back-fills, builds bars from quotes, closes gaps, delivers corrections, applies splits and follows
the watch-list:

1. `VENUE` and `INTERVALS`: what messages call it, and which bars it has, how much of them one request may cover, and
   how far back they go.
2. `ExampleHistory`, a `HistoryClient`: one question about history, within the venue's limits, errors translated.
3. `ExampleStream`, a `QuoteStream`: quotes as they come, over a connection that is opened again when it is lost.

An entry of `FEEDS` in `app/live_wiring.py` names them; docs/tutorials/your_own_feed.md shows it.

The Example Exchange answers `GET /bars?symbol=S&interval=1m&start=MS&end=MS` with
`{"currency": "USD", "bars": [[open time in ms, open, high, low, close, volume], ...]}`, and streams
`{"symbol": S, "price": 1.5, "size": 100, "time": MS}` over the WebSocket `/quotes` after `{"symbols": [S, ...]}`.
`tests/unit/feeds/live/test_feed_template.py` runs this file against a small server that does so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tapeline.core.market import Bar, Bars
from tapeline.core.retrying import backoff_seconds
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import NoDataError, RateLimitedError, ServerError, UnreachableError
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.limits import Limits
from tapeline.feeds.live.venue import Chart, QuoteListener, StreamQuote
from tapeline.runtime.clock import Clock

VENUE = "Example Exchange"

#: One request covers at most a day; bars go back 30 days, and are final 5 s after their end.
INTERVALS = {"1m": Interval("1m", MINUTE, span=DAY, reach=30 * DAY, grace=5_000, requested="1m")}

_ATTEMPTS = 3
_TIMEOUT = 10.0


class ExampleHistory:
    """Implement `HistoryClient` over the venue's HTTP interface."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.name = VENUE
        self.parallel = 4
        self.ahead = 0
        self._url = url
        self._clock = clock
        self._limits = Limits(clock, per_second=10.0, burst=20)

    @property
    def per_second(self) -> float:
        """Return how many requests are sent a second in the long run."""
        return self._limits.per_second

    @per_second.setter
    def per_second(self, value: float) -> None:
        self._limits.per_second = value

    async def chart(self, symbol: str, interval: Interval, start: int, end: int) -> Chart:
        """Return the bars that open in start <= t < end; repeat what a moment may cure, within the limits."""
        query = urlencode({"symbol": symbol, "interval": interval.requested, "start": start, "end": end})
        for attempt in range(_ATTEMPTS):
            await self._limits.admit()
            try:
                answer = await asyncio.to_thread(self._get, f"{self._url}/bars?{query}", symbol)
            except (RateLimitedError, ServerError, UnreachableError) as error:
                self._limits.failed(refused=isinstance(error, RateLimitedError))
                if attempt == _ATTEMPTS - 1:
                    raise
                await self._clock.sleep(backoff_seconds(attempt, 1.0, 60.0))
            except NoDataError:
                self._limits.succeeded()  # an answer like any other: the venue does not know the symbol
                raise
            else:
                self._limits.succeeded()
                return _decoded(answer, symbol, interval, self._clock.now())
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Do nothing: no connection is kept open between requests."""

    def _get(self, url: str, symbol: str) -> dict[str, Any]:
        with _translating_urllib_errors(self._url, symbol), urlopen(url, timeout=_TIMEOUT) as response:  # noqa: S310
            return dict(json.load(response))


class ExampleStream:
    """Implement `QuoteStream` over the venue's WebSocket.

    A connection that is silent is closed by the client's own keep-alive, because this venue answers pings.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self.name = "example"  # the source of rejects, and the name the resume text is stored under
        self.connected = False
        self.frames = 0
        self.heard = 0
        self._url = url
        self._clock = clock
        self._symbols: list[str] = []
        self._socket: ClientConnection | None = None

    async def watch(self, symbols: Iterable[str]) -> None:
        """Stream these symbols from now on."""
        self._symbols = list(symbols)
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # the next connection subscribes to all
                await self._socket.send(json.dumps({"symbols": self._symbols}))

    async def run(self, listener: QuoteListener) -> None:
        """Stream until cancelled; report every loss, and every third failure to connect in a row."""
        failures = 0
        while True:
            try:
                async with connect(f"{self._url}/quotes") as socket:
                    failures = 0
                    self._socket, self.connected = socket, True
                    listener.on_connected()
                    await self.watch(self._symbols)
                    await self._read(socket, listener)
                listener.on_lost("the connection ended")
            except (OSError, InvalidHandshake, TimeoutError) as error:
                failures += 1
                if failures % 3 == 0:
                    listener.on_unavailable(f"{self._url}: {error}")
            finally:
                self._socket, self.connected = None, False
            await self._clock.sleep(backoff_seconds(failures, 1.0, 60.0))

    async def _read(self, socket: ClientConnection, listener: QuoteListener) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in socket:
                try:
                    found = json.loads(frame)
                    quote = StreamQuote(
                        str(found["symbol"]), float(found["price"]), int(found["time"]), size=float(found["size"])
                    )
                except (ValueError, LookupError, TypeError) as error:
                    listener.on_garbage(frame, f"not a quote: {type(error).__name__}")
                    continue
                self.frames += 1
                self.heard = self._clock.now()
                listener.on_quote(quote)


def _decoded(answer: dict[str, Any], symbol: str, interval: Interval, now: int) -> Chart:
    """Return the answer as a chart. Anything but the documented shape is the server's fault, and may pass."""
    try:
        bars = [
            Bar(symbol, time, open_, high, low, close, volume, final=time + interval.ms + interval.grace <= now)
            for time, open_, high, low, close, volume in answer["bars"]
        ]
        return Chart(Bars.of(bars), (), str(answer["currency"]), now)
    except (ValueError, LookupError, TypeError) as error:
        raise ServerError(f"{symbol}: the answer is no list of bars: {error}") from error


@contextlib.contextmanager
def _translating_urllib_errors(url: str, symbol: str) -> Iterator[None]:
    """Translate the errors of the HTTP library into the feed errors that `feeds/live` acts on."""
    try:
        yield
    except HTTPError as error:
        error.close()  # it holds the connection
        if error.code == 404:
            raise NoDataError(f"{symbol}: {VENUE} has nothing under this symbol") from error
        if error.code == 429:
            raise RateLimitedError(VENUE) from error
        raise ServerError(f"{symbol}: {VENUE} answered with status {error.code}") from error
    except URLError as error:
        raise UnreachableError(url, str(error.reason)) from error
    except (OSError, ValueError) as error:
        raise ServerError(f"{symbol}: the answer was cut off ({error})") from error
