"""Klines as they are streamed: bars built of them are Binance's own, over lost connections and a day's end."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.fakes.archives import MemoryArchive
from tests.local_binance.server import LocalBinance, Values

from tapeline.core.market import Bar
from tapeline.core.messages import Delivery
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import DecodeError
from tapeline.feeds.binance import INTERVALS, KlineClient, KlineStream
from tapeline.feeds.binance.kline_stream import MOST_STREAMS
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_source import LiveSource
from tapeline.runtime.clock import SystemClock

OPENS = 1_700_000_040_000


def stream(*symbols: str) -> KlineStream:
    found = KlineStream("ws://127.0.0.1:9", SystemClock())
    found.subscription(symbols or ("BTCUSDT",), wanted=True)
    return found


def update(*prices: float, volume: float = 1.0, at: int = 0, closed: bool = False, **other: Any) -> str:
    first, high, low, last = (str(price) for price in prices)
    kline = {"t": OPENS + at, "T": OPENS + at + MINUTE - 1, "i": "1m", "o": first, "h": high, "l": low, "c": last}
    kline |= {"v": str(volume), "x": closed}
    return json.dumps({"e": "kline", "E": OPENS + at + 5_000, "s": "BTCUSDT", "k": kline | other})


def heard(own: KlineStream, *frames: str) -> list[tuple[float, float, int]]:
    """Return price, size and time after OPENS of all quotes in these frames."""
    return [(q.price, float(q.size or 0), q.time - OPENS) for frame in frames for q in own.quotes(frame)]


def test_an_update_goes_on_as_what_is_new_in_it() -> None:
    own = stream()
    assert heard(own, update(10, 12, 9, 11, volume=5)) == [(10, 0, 0), (12, 0, 5000), (9, 0, 5000), (11, 5, 5000)]
    assert heard(own, update(10, 12, 9, 10.5, volume=5)) == [(10.5, 0, 5000)]
    assert heard(own, update(10, 13, 9, 12.5, volume=8.5)) == [(13, 0, 5000), (12.5, 3.5, 5000)]


def test_the_last_update_of_a_kline_stays_in_its_minute_and_comes_once() -> None:
    own = stream()
    late = json.loads(update(10, 12, 9, 11, volume=5, closed=True)) | {"E": OPENS + MINUTE + 300}
    assert [at for _, _, at in heard(own, json.dumps(late))] == [0, MINUTE - 1, MINUTE - 1, MINUTE - 1]
    assert heard(own, json.dumps(late), update(10, 13, 9, 11, volume=6)) == []
    assert heard(own, update(11, 11, 11, 11, at=MINUTE)) == [(11, 0, MINUTE), (11, 1, MINUTE + 5000)]
    assert heard(own, update(10, 12, 9, 11)) == []  # of the minute before


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("no JSON", "not JSON"),
        ("[]", "no object"),
        ('{"error":{"code":2,"msg":"Invalid request"},"id":1}', "Binance refused: .*Invalid request"),
        ('{"code":0,"msg":"Unknown property"}', "Binance refused: Unknown property"),
        ('{"e":"kline","s":"BTCUSDT"}', "a kline without 'k'"),
        ('{"e":"kline","s":"BTCUSDT","k":7}', "no kline"),
        (update(0, 1, 1, 1), "without a price"),
        (update(1, 1, 1, 1, volume=-1), "without a price or a volume"),
        (update(1, 1, 1, float("inf")), "without a price"),
        (update(1, 1, 1, 1, t=7), "times are none"),
        (" " * 20_000, "longer than"),
    ],
)
def test_what_is_no_kline_is_refused_with_a_reason(frame: str, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        stream().quotes(frame)


@pytest.mark.parametrize(
    "frame",
    [
        '{"result":null,"id":1}', '{"e":"serverShutdown"}', update(1, 1, 1, 1, i="5m"),
        update(1, 1, 1, 1).replace("BTCUSDT", "ETHUSDT"),
    ],
)  # fmt: skip
def test_another_message_has_no_quotes(frame: str) -> None:
    assert stream().quotes(frame) == ()


def test_the_shape_of_combined_streams_is_read_too() -> None:
    wrapped = json.dumps({"stream": "btcusdt@kline_1m", "data": json.loads(update(1, 1, 1, 1))})
    assert [quote.price for quote in stream().quotes(wrapped)] == [1, 1]


def test_a_quote_has_the_symbol_as_it_is_watched() -> None:
    assert {quote.symbol for quote in stream("BTC-USDT").quotes(update(1, 2, 1, 1))} == {"BTC-USDT"}


def test_subscriptions_are_parts_that_a_connection_can_take() -> None:
    own = KlineStream("ws://127.0.0.1:9", SystemClock())
    symbols = [f"A{number}USDT" for number in range(MOST_STREAMS + 100)]
    messages = [json.loads(text) for text in own.subscription([*symbols, "TSLA"], wanted=True)]
    names = [name for message in messages for name in message["params"]]
    assert len(names) == len(set(names)) == MOST_STREAMS
    assert max(len(message["params"]) for message in messages) <= 200
    assert {message["method"] for message in messages} == {"SUBSCRIBE"}
    assert len({message["id"] for message in messages}) == len(messages)
    [gone] = own.subscription(["A0USDT"], wanted=False)
    assert json.loads(gone)["params"] == ["a0usdt@kline_1m"]


# -- collected live ----------------------------------------------------------------------------------------------------


def value(symbol: str, opens: int) -> Values | None:
    return (100.0, 102.0, 99.0, 101.0, 1.5) if symbol == "BTCUSDT" else None


class Running:
    """Collect from the stand-in in a thread, by a clock that the test may move a day on."""

    def __init__(self, server: LocalBinance) -> None:
        clock = SystemClock()
        history = History(KlineClient(server.url, clock), MemoryArchive(), clock)
        since = clock.now() - 31 * MINUTE
        self.stream = KlineStream(server.stream_url, clock)
        self.source = LiveSource(["BTCUSDT"], INTERVALS["1m"], history, self.stream, since=since, clock=clock)
        self.bars: list[Bar] = []
        self.notices: list[str] = []
        self.thread = threading.Thread(target=self._read, args=(self.source.deliveries(""),))
        self.thread.start()

    def _read(self, deliveries: Iterator[Delivery]) -> None:
        for delivery in deliveries:
            self.bars += delivery.bars
            self.notices += delivery.notices

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, (self.notices, self.bars[-2:])
            time.sleep(0.01)


def test_history_and_klines_are_collected_and_a_day_on_the_connection_is_opened_again() -> None:
    later = [0]
    with LocalBinance(lambda: int(time.time() * 1000) + later[0], value) as server:
        running = Running(server)
        try:
            running.until(lambda: len([bar for bar in running.bars if bar.final]) >= 29)
            running.until(lambda: any(own.streams for own in server.connections))

            def streamed(price: float) -> bool:
                now = int(time.time() * 1000)
                server.update("BTCUSDT", now // MINUTE * MINUTE, (100, price, 99, price, 2.5))
                time.sleep(0.1)
                return any(bar.high == bar.close == price and bar.low == 99 and not bar.final for bar in running.bars)

            running.until(lambda: streamed(123.0))
            server.tick()
            running.until(lambda: server.pongs == 1)
            later[0] = DAY
            server.tick()  # an older connection is ended
            running.until(lambda: any("the stream was lost" in text for text in running.notices))
            later[0] = 0
            running.until(lambda: streamed(125.0))
            assert server.broken == []
        finally:
            running.source.close()
            running.thread.join(20)
        assert not running.thread.is_alive()


def test_messages_are_spaced_so_that_the_venue_takes_them() -> None:
    with LocalBinance(lambda: int(time.time() * 1000), value) as server:
        own = KlineStream(server.stream_url, SystemClock())

        class Nobody:
            def __getattr__(self, _: str) -> Callable[..., None]:
                return lambda *_: None

        async def main() -> None:
            await own.watch([f"A{number}USDT" for number in range(900)])
            task = asyncio.create_task(own.run(Nobody()))  # type: ignore[arg-type]
            deadline = time.monotonic() + 20
            while not server.connections or len(server.connections[0].streams) < 900:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())
        assert server.broken == []
