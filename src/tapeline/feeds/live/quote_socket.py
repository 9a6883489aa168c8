"""Keep a venue's WebSocket connected, subscribed and watched, and open it again whenever it is lost."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from tapeline.core.retrying import backoff_seconds
from tapeline.errors import DecodeError
from tapeline.feeds.live.venue import QuoteListener, StreamQuote
from tapeline.runtime.clock import Clock

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


class QuoteSocket(ABC):
    """Implement `QuoteStream` but for the messages, which a class of each venue reads and writes.

    A message longer than `longest` bytes after unpacking ends the connection. Silence is measured in monotonic time.
    `repeat_seconds` is how often a venue must be told the subscriptions again, None where once is enough, and
    `spacing_seconds` the pause between two messages to it.
    """

    repeat_seconds: float | None = None
    spacing_seconds = 0.0

    def __init__(
        self, name: str, venue: str, url: str, longest: int, clock: Clock, *,
        chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.name = name
        self.connected = False
        self.frames = 0
        self._venue = venue
        self._url = url
        self._longest = longest
        self._clock = clock
        self._chance = chance
        self._symbols: set[str] = set()
        self._socket: ClientConnection | None = None
        self._heard = 0
        self._heard_at = 0.0  # monotonic
        self._longest_silence = SILENCE_SECONDS

    @abstractmethod
    def subscription(self, symbols: Sequence[str], *, wanted: bool) -> list[str]:
        """Return the messages that begin (or end, unless `wanted`) the stream of these symbols."""

    @abstractmethod
    def quotes(self, frame: str | bytes) -> Sequence[StreamQuote]:
        """Return the quotes in a message, none where it has none. Raise `DecodeError` for what cannot be read."""

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
                await self._tell(self._socket, gone, wanted=False)
                await self._tell(self._socket, new, wanted=True)
            except ConnectionClosed:
                pass  # the next connection subscribes to all

    async def _tell(self, socket: ClientConnection, symbols: set[str], *, wanted: bool) -> None:
        if symbols:
            for message in self.subscription(sorted(symbols), wanted=wanted):
                await socket.send(message)
                if self.spacing_seconds:
                    await self._clock.sleep(self.spacing_seconds)

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
            self._url, open_timeout=_OPEN_SECONDS, close_timeout=1, max_size=self._longest, max_queue=_WAITING_FRAMES
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
                    found = self.quotes(frame)
                except DecodeError as error:
                    listener.on_garbage(frame, str(error))
                    continue
                if found:
                    self.frames += 1
                    self._hear()
                    for quote in found:
                        listener.on_quote(quote)
                    if self.frames % _FRAMES_AT_ONCE == 0:
                        await asyncio.sleep(0)  # buffered frames are read without waiting; let others work
        except ConnectionClosed as error:
            return f"the connection broke ({error})"
        return f"{self._venue} closed the connection"

    async def _subscribe(self, socket: ClientConnection) -> str:
        while True:
            try:
                await self._tell(socket, self._symbols, wanted=True)
            except ConnectionClosed as error:
                return f"the connection broke ({error})"
            if self.repeat_seconds is None:
                await asyncio.Event().wait()  # until the connection is lost
            await self._clock.sleep(self.repeat_seconds or 0.0)

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
