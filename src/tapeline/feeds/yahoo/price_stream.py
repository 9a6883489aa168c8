"""Keep the streamer's WebSocket connected, subscribed and watched, and open it again whenever it is lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from tapeline.core.retrying import backoff_seconds
from tapeline.errors import DecodeError
from tapeline.feeds.live.venue import QuoteListener
from tapeline.feeds.yahoo.stream_frames import FRAME, quote
from tapeline.runtime.clock import Clock

#: Yahoo forgets subscriptions that are not repeated.
SUBSCRIBE_SECONDS = 15.0

#: Seconds of silence in an open market after which a connection is taken for dead. They double as long as a new
#: connection is silent too, for then the symbols are just not traded; with prices they shrink again.
SILENCE_SECONDS = 60.0
LONGEST_SILENCE = 1800.0

#: Failures to connect in a row after which prices are polled.
FAILURES = 3

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 120.0
_WATCH_SECONDS = 5.0
_FRAMES_AT_ONCE = 256
_WAITING_FRAMES = 256  # read and not handed over yet; with more the sender has to wait
_OPEN_SECONDS = 10.0  # of real time, for the handshake


class PriceStream:
    """Implement `QuoteStream` over Yahoo's streamer.

    A message longer than `FRAME.size` after unpacking ends the connection. Silence is measured in monotonic time.
    """

    def __init__(self, url: str, clock: Clock, *, chance: Callable[[], float] = random.random) -> None:
        self.name = "yahoo"
        self.connected = False
        self.frames = 0
        self._url = url
        self._clock = clock
        self._chance = chance
        self._symbols: set[str] = set()
        self._socket: ClientConnection | None = None
        self._heard = 0
        self._heard_at = 0.0  # monotonic
        self._longest_silence = SILENCE_SECONDS

    @property
    def heard(self) -> int:
        """Return when the last message came, UTC epoch ms; 0 before the first connection."""
        return self._heard

    async def watch(self, symbols: Iterable[str]) -> None:
        """Stream these symbols from now on; the next connection begins with them while there is none."""
        wanted = set(symbols)
        gone, new = self._symbols - wanted, wanted - self._symbols
        self._symbols = wanted
        if self._socket is not None:
            try:
                if gone:
                    await self._socket.send(json.dumps({"unsubscribe": sorted(gone)}))
                if new:
                    await self._socket.send(json.dumps({"subscribe": sorted(new)}))
            except ConnectionClosed:
                pass  # the next connection subscribes to all

    async def run(self, listener: QuoteListener) -> None:
        """Stream until cancelled. After a connection that brought prices the next one is opened soon."""
        failures = 0
        while True:
            frames = self.frames
            try:
                reason = await self._connection(listener)
                failures = 0
            except (OSError, InvalidHandshake, InvalidURI, TimeoutError, EOFError) as error:
                failures += 1
                reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                if failures % FAILURES == 0:
                    listener.on_unavailable(f"{self._url}: {reason}")
            if self.frames > frames:
                attempt = 0  # it worked: come back soon
                self._longest_silence = SILENCE_SECONDS
            else:
                attempt = max(failures, 1)
            await self._clock.sleep(backoff_seconds(attempt, _FIRST_DELAY, _LONGEST_DELAY, chance=self._chance))

    async def _connection(self, listener: QuoteListener) -> str:
        """Hold one connection until it is lost and return why. Raise when it could not be opened."""
        async with connect(
            self._url, open_timeout=_OPEN_SECONDS, close_timeout=1, max_size=FRAME.size, max_queue=_WAITING_FRAMES
        ) as socket:
            self._socket = socket
            self.connected = True
            self._hear()
            listener.on_connected()
            work = (self._read(socket, listener), self._subscribe(socket), self._watch_for_silence(listener))
            jobs = [asyncio.create_task(job) for job in work]
            try:
                done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
                reason = next(iter(done)).result()
            finally:
                self._socket = None
                self.connected = False
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
            listener.on_lost(reason)
            return reason

    def _hear(self) -> None:
        self._heard, self._heard_at = self._clock.now(), self._clock.monotonic()

    async def _read(self, socket: ClientConnection, listener: QuoteListener) -> str:
        try:
            async for frame in socket:
                try:
                    found = quote(frame)
                except DecodeError as error:
                    listener.on_garbage(frame, str(error))
                    continue
                if found is not None:
                    self.frames += 1
                    self._hear()
                    listener.on_quote(found)
                    if self.frames % _FRAMES_AT_ONCE == 0:
                        await asyncio.sleep(0)  # buffered frames are read without waiting; let others work
        except ConnectionClosed as error:
            return f"the connection broke ({error})"
        return "Yahoo closed the connection"

    async def _subscribe(self, socket: ClientConnection) -> str:
        while True:
            try:
                if self._symbols:
                    await socket.send(json.dumps({"subscribe": sorted(self._symbols)}))
            except ConnectionClosed as error:
                return f"the connection broke ({error})"
            await self._clock.sleep(SUBSCRIBE_SECONDS)

    async def _watch_for_silence(self, listener: QuoteListener) -> str:
        while True:
            heard = self._heard_at
            await self._clock.sleep(_WATCH_SECONDS)
            if self._heard_at > heard:  # prices come again: watch as closely as before the silence, step by step
                self._longest_silence = max(self._longest_silence / 2, SILENCE_SECONDS)
            now = self._clock.now()
            since = listener.open_since(now)
            silent = self._clock.monotonic() - self._heard_at
            if since is None or min(silent, (now - since) / 1000) < self._longest_silence:
                continue
            silence, self._longest_silence = self._longest_silence, min(self._longest_silence * 2, LONGEST_SILENCE)
            return f"no price for {silence:.0f} s in an open market"
