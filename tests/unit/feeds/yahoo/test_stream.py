"""The stream's connection on a clock that only the test moves: a made-up socket says what came and what was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from tests.fakes.listeners import Heard
from tests.local_yahoo.clock import SimClock
from tests.local_yahoo.market import Tick
from tests.local_yahoo.server import frame
from websockets.exceptions import ConnectionClosedError

from tapeline.feeds.live import quote_socket as module
from tapeline.feeds.live.quote_socket import LONGEST_SILENCE, SILENCE_SECONDS
from tapeline.feeds.yahoo.price_stream import PriceStream

START = 1_700_000_000_000
URL = "ws://127.0.0.1:9/"


def price(symbol: str = "A", value: float = 5.0) -> str:
    return frame(Tick(symbol, START, value, 1))


class Socket:
    """What the test puts into `come` arrives; None is a clean close, an exception an abrupt one."""

    def __init__(self) -> None:
        self.sent: list[dict[str, list[str]]] = []
        self.come: asyncio.Queue[str | bytes | Exception | None] = asyncio.Queue()

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (item := await self.come.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    async def __aenter__(self) -> Socket:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class Line:
    """A running stream, its sockets one after the other, and the times at which it tried to connect (s)."""

    def __init__(self, chance: float) -> None:
        self.clock = SimClock(START)
        self.heard = Heard()
        self.sockets: list[Socket] = []
        self.tried: list[float] = []
        self.refusing = False
        self.stream = PriceStream(URL, self.clock, chance=lambda: chance)

    def connect(self, url: str, **_: Any) -> Socket:
        assert url == URL
        self.tried.append(self.seconds)
        if self.refusing:
            raise ConnectionRefusedError("refused")
        self.sockets.append(Socket())
        return self.sockets[-1]

    @property
    def seconds(self) -> float:
        return (self.clock.now() - START) / 1000

    async def settle(self) -> None:
        """Lets everything run that needs no time."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def to(self, seconds: float, step: float = 0.5) -> None:
        while self.seconds < seconds:
            self.clock.advance(START + int(min(self.seconds + step, seconds) * 1000))
            await self.settle()

    async def come(self, *items: str | bytes | Exception | None) -> None:
        for item in items:
            self.sockets[-1].come.put_nowait(item)
        await self.settle()


Act = Callable[[Line], Coroutine[Any, Any, None]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs what the test does to a line while its stream runs."""

    def run(act: Act, *symbols: str, chance: float = 1.0, refusing: bool = False) -> None:
        async def main() -> None:
            line = Line(chance)
            line.refusing = refusing
            monkeypatch.setattr(module, "connect", line.connect)
            await line.stream.watch(symbols)
            task = asyncio.create_task(line.stream.run(line.heard))
            await line.settle()
            try:
                await act(line)
                assert not task.done(), task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())

    return run


def test_subscriptions_are_repeated_every_15_seconds(play: Callable[..., None]) -> None:
    async def act(line: Line) -> None:
        (socket,) = line.sockets
        assert socket.sent == [{"subscribe": ["A", "B"]}]
        await line.to(14.5)
        assert len(socket.sent) == 1
        await line.to(15)
        assert socket.sent == [{"subscribe": ["A", "B"]}] * 2
        await line.to(60)
        assert socket.sent == [{"subscribe": ["A", "B"]}] * 5

    play(act, "B", "A")


def test_a_new_symbol_is_subscribed_at_once_and_a_dropped_one_no_longer(play: Callable[..., None]) -> None:
    async def act(line: Line) -> None:
        (socket,) = line.sockets
        await line.stream.watch(["B", "C"])
        assert socket.sent[1:] == [{"unsubscribe": ["A"]}, {"subscribe": ["C"]}]
        await line.to(15)
        assert socket.sent[3:] == [{"subscribe": ["B", "C"]}]
        await line.come(None)
        await line.stream.watch(["D"])  # nothing is connected: the next connection begins with it
        await line.to(20)
        assert line.sockets[-1].sent == [{"subscribe": ["D"]}]

    play(act, "A", "B")


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 0.5), (1.0, 1.0)])
@pytest.mark.parametrize("end", [None, ConnectionClosedError(None, None)], ids=["clean", "abrupt"])
def test_after_either_close_it_connects_again_within_a_second(
    play: Callable[..., None], end: Exception | None, chance: float, pause: float
) -> None:
    async def act(line: Line) -> None:
        await line.come(price(), end)
        assert not line.stream.connected
        assert len(line.heard.lost) == 1
        assert ("Yahoo closed" if end is None else "broke") in line.heard.lost[0]
        await line.to(5, 0.125)
        assert line.tried == [0.0, pause]
        assert line.stream.connected
        assert line.heard.connected == 2
        assert line.sockets[1].sent == [{"subscribe": ["A"]}]

    play(act, "A", chance=chance)


def test_closes_without_a_price_between_them_back_off(play: Callable[..., None]) -> None:
    async def act(line: Line) -> None:
        for seconds in (2, 4, 6):
            await line.come(None)
            await line.to(seconds)
        assert line.tried == [0.0, 2.0, 4.0, 6.0]

    play(act, "A")


def test_a_failing_connection_is_reported_and_tried_ever_less_often(play: Callable[..., None]) -> None:
    async def act(line: Line) -> None:
        await line.to(5)
        assert line.heard.unavailable == []
        await line.to(6)
        assert line.heard.unavailable == [f"{URL}: ConnectionRefusedError: refused"]
        await line.to(600)
        assert line.tried == [0.0, 2.0, 6.0, 14.0, 30.0, 62.0, 126.0, 246.0, 366.0, 486.0]
        line.refusing = False
        await line.to(606)
        assert line.stream.connected
        assert line.heard.connected == 1

    play(act, "A", refusing=True)


def test_garbage_is_reported_with_a_reason_and_the_stream_goes_on(play: Callable[..., None]) -> None:
    async def act(line: Line) -> None:
        garbage = ["!!!", b"\xff\x00", '{"message": null}', '{"a":' * 100_000, price(value=float("inf"))]
        await line.come(price("A", 1.0), *garbage, '{"type": "hello"}', price("A", 2.0))
        assert [quote.price for quote in line.heard.quotes] == [1.0, 2.0]
        assert len(line.heard.garbage) == len(garbage)
        assert line.stream.frames == 2
        assert line.tried == [0.0]

    play(act, "A")


def test_silence_in_an_open_market_connects_again_with_more_patience_each_time(play: Callable[..., None]) -> None:
    async def act(line: Line) -> None:
        line.heard.opened = START - 3_600_000
        await line.to(SILENCE_SECONDS - 0.5)
        assert line.tried == [0.0]
        await line.to(SILENCE_SECONDS + 5)
        assert line.heard.lost == ["no price for 60 s in an open market"]
        assert len(line.tried) == 2
        await line.to(line.tried[1] + 119)
        assert len(line.tried) == 2
        await line.to(line.tried[1] + 130)
        assert line.heard.lost[1:] == ["no price for 120 s in an open market"]
        for _ in range(3):  # it was only quiet: with prices its patience is that of any other connection
            await line.come(price())
            await line.to(line.seconds + 5)
        await line.to(line.seconds + 59)
        assert line.heard.lost[2:] == ["no price for 60 s in an open market"]
        for _ in range(20):
            await line.to(line.seconds + LONGEST_SILENCE, 30)
        assert line.heard.lost[-1] == f"no price for {LONGEST_SILENCE:.0f} s in an open market"

    play(act, "A")


def test_silence_while_all_markets_are_closed_is_not_a_loss_and_counts_from_the_open(play: Callable[..., None]) -> None:
    async def act(line: Line) -> None:
        night = 12 * 3600
        await line.to(night, 15)
        assert line.tried == [0.0]
        line.heard.opened = line.clock.now()
        await line.to(night + 55, 5)
        assert line.tried == [0.0]
        await line.to(night + 65, 5)
        assert line.heard.lost == ["no price for 60 s in an open market"]

    play(act, "A")
