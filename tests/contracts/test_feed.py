"""What every live feed promises of its history and its stream, run against a local stand-in of each venue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tapeline.app.live_wiring import FEEDS
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import NoDataError, UnreachableError
from tapeline.feeds import binance, yahoo
from tapeline.feeds.live.history import History
from tapeline.feeds.live.venue import Chart, HistoryClient, QuoteStream
from tapeline.runtime.clock import SystemClock
from tests.fakes.archives import MemoryArchive
from tests.fakes.listeners import Heard
from tests.local_binance.server import LocalBinance, Values
from tests.local_yahoo.clock import Standing
from tests.local_yahoo.cookies import keep_no_cookies
from tests.local_yahoo.market import Market, Tick
from tests.local_yahoo.server import LocalYahoo

#: A Wednesday, noon: both stand-ins trade around the clock.
NOW = 1_700_000_000_000 // DAY * DAY + DAY // 2 + 30_000
NOBODY = "http://127.0.0.1:9"


@dataclass
class Venue:
    """What a test may do to a stand-in. `symbols` are two that it knows; `publish` sends a price of one."""

    feed: str
    symbols: tuple[str, str]
    clock: Standing
    client: Callable[[], HistoryClient]
    unreachable: Callable[[], HistoryClient]
    stream: Callable[[], QuoteStream]
    requests: Callable[[], int]
    fail: Callable[[int], None]
    publish: Callable[[str, float], None]
    listening: Callable[[], set[str]]
    say: Callable[[str], None]
    hang_up: Callable[[], None]
    broken: list[str] = field(default_factory=list)


def minute_value(symbol: str, opens: int) -> Values | None:
    base = 100.0 + opens // MINUTE % 50
    return (base, base + 2, base - 1, base + 1, 7.5) if symbol in {"BTCUSDT", "ETHUSDT"} else None


@contextlib.contextmanager
def running_binance() -> Iterator[Venue]:
    clock = Standing(NOW)
    with LocalBinance(clock.now, minute_value) as server:
        yield Venue(
            "binance", ("BTCUSDT", "ETH-USDT"), clock,
            lambda: binance.KlineClient(server.url, clock), lambda: binance.KlineClient(NOBODY, clock),
            lambda: binance.KlineStream(server.stream_url, SystemClock()), lambda: len(server.requests),
            server.faults.append,
            lambda symbol, price: _sent(server, symbol.replace("-", ""), price),
            lambda: {name.split("@")[0].upper() for own in server.connections for name in own.streams},
            lambda text: _ignored(server.send(text)),
            lambda: _ignored(server._call(_close(server))), server.broken,
        )  # fmt: skip


def _sent(server: LocalBinance, symbol: str, price: float) -> None:
    server.update(symbol, NOW // MINUTE * MINUTE, (price, price, price, price, 1.0))


async def _close(server: LocalBinance) -> None:
    for own in list(server.connections):
        await own.socket.close()


def _ignored(_: object) -> None:
    return None


@contextlib.contextmanager
def running_yahoo() -> Iterator[Venue]:
    keep_no_cookies()
    clock = Standing(NOW)
    midnight = NOW // DAY * DAY
    market = Market([(midnight + day * DAY, midnight + (day + 1) * DAY) for day in (-1, 0)], ["BTC-USD", "ETH-USD"])
    with LocalYahoo(market, clock.now, quirks=False) as server:
        yield Venue(
            "yahoo", ("BTC-USD", "ETH-USD"), clock,
            lambda: yahoo.ChartClient(yahoo.YFinanceTransport(server.url), clock),
            lambda: yahoo.ChartClient(yahoo.YFinanceTransport(NOBODY), clock),
            lambda: yahoo.PriceStream(server.stream_url, SystemClock()), lambda: len(server.requests),
            lambda status: server.chart_faults.append(str(status)),
            lambda symbol, price: _ignored(server.publish([Tick(symbol, NOW, price, 1)])),
            lambda: server.subscribed, lambda text: server.send_raw([text]), server.close_streams,
        )  # fmt: skip


@pytest.fixture(params=sorted(FEEDS))
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    running = {"binance": running_binance, "yahoo": running_yahoo}[request.param]
    with running() as found:
        yield found
        assert found.broken == []


def asked(client: HistoryClient, symbol: str, start: int, end: int) -> Chart:
    with contextlib.closing(client):
        return asyncio.run(client.chart(symbol, FEEDS[_name(client)].intervals["1m"], start, end))


def _name(client: HistoryClient) -> str:
    return next(name for name, feed in FEEDS.items() if feed.venue == client.name)


# -- history -----------------------------------------------------------------------------------------------------------


def test_a_chart_has_the_bars_that_open_in_its_span_once_and_in_order(venue: Venue) -> None:
    start = NOW // MINUTE * MINUTE - 60 * MINUTE
    chart = asked(venue.client(), venue.symbols[0], start, NOW)
    times = chart.bars.timestamp
    assert chart.bars.symbols == (venue.symbols[0],)
    assert (times[1:] > times[:-1]).all()
    assert start <= times[0] <= times[-1] < NOW
    assert 55 <= len(times) <= 61
    assert (times % MINUTE == 0).all()
    assert chart.currency
    assert abs(chart.as_of - NOW) <= 1000


def test_a_bar_is_final_when_the_venue_changes_it_no_more(venue: Venue) -> None:
    grace = FEEDS[venue.feed].intervals["1m"].grace
    chart = asked(venue.client(), venue.symbols[0], NOW - 30 * MINUTE, NOW)
    assert list(chart.bars.final) == [bar.timestamp + MINUTE + grace <= chart.as_of for bar in chart.bars]
    assert not chart.bars.final[-1]


def test_an_unknown_symbol_is_no_data(venue: Venue) -> None:
    with pytest.raises(NoDataError, match="GONE-USDT"):
        asked(venue.client(), "GONE-USDT", NOW - 30 * MINUTE, NOW)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_a_moment_may_cure_is_asked_again_and_not_at_once(venue: Venue, status: int) -> None:
    venue.fail(status)
    before = venue.clock.monotonic()
    assert len(asked(venue.client(), venue.symbols[0], NOW - 30 * MINUTE, NOW).bars)
    assert venue.requests() == 2
    assert venue.clock.monotonic() > before


def test_a_venue_that_cannot_be_reached_is_said_at_once_with_the_setting(venue: Venue) -> None:
    with pytest.raises(UnreachableError, match=rf"{NOBODY} cannot be reached .* setting {venue.feed}\.url"):
        asked(venue.unreachable(), venue.symbols[0], NOW - 30 * MINUTE, NOW)


def test_history_longer_than_one_request_is_joined(venue: Venue) -> None:
    client, interval = venue.client(), FEEDS[venue.feed].intervals["1m"]
    start = NOW - 1500 * MINUTE
    with contextlib.closing(client):
        fetched = asyncio.run(History(client, MemoryArchive(), venue.clock).fetch(venue.symbols[0], interval, start))
    times = fetched.bars.timestamp
    assert 1400 < len(times) <= 1501 + 1440
    assert (times[1:] > times[:-1]).all()
    assert venue.requests() >= 1500 * MINUTE / interval.span


# -- the stream --------------------------------------------------------------------------------------------------------


class Undisturbed(Heard):
    """Keep what the listener hears; the stream must not say that it cannot be had."""

    def on_unavailable(self, reason: str) -> None:
        raise AssertionError(reason)

    def price_of(self, symbol: str) -> float | None:
        return next((quote.price for quote in reversed(self.quotes) if quote.symbol == symbol), None)


def play(stream: QuoteStream, act: Callable[[Heard], Coroutine[Any, Any, None]], *symbols: str) -> None:
    async def main() -> None:
        heard = Undisturbed()
        await stream.watch(symbols)
        task = asyncio.create_task(stream.run(heard))
        try:
            await act(heard)
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def told(venue: Venue, symbols: set[str]) -> None:
    await until(
        lambda: venue.listening() == {symbol.replace("-", "") for symbol in symbols} or venue.listening() == symbols
    )


def test_prices_of_watched_symbols_come_and_of_no_others(venue: Venue) -> None:
    one, other = venue.symbols
    stream = venue.stream()

    async def act(heard: Heard) -> None:
        await told(venue, {one})
        await asyncio.to_thread(venue.publish, other, 7.5)
        await asyncio.to_thread(venue.publish, one, 5.25)
        await until(lambda: heard.price_of(one) == 5.25)
        assert heard.price_of(other) is None
        assert stream.frames >= 1
        assert stream.heard > 0
        assert stream.connected
        await stream.watch([other])
        await told(venue, {other})
        await asyncio.to_thread(venue.publish, other, 8.5)
        await until(lambda: heard.price_of(other) == 8.5)

    play(stream, act, one)


def test_garbage_is_kept_and_changes_nothing(venue: Venue) -> None:
    one = venue.symbols[0]

    async def act(heard: Heard) -> None:
        await told(venue, {one})
        for text in ("no JSON", "{}", "[" * 100, '{"e":"kline","s":"BTCUSDT","k":{"t":"x"}}', '{"type":"pricing"}'):
            await asyncio.to_thread(venue.say, text)
        await asyncio.to_thread(venue.publish, one, 5.25)
        await until(lambda: heard.price_of(one) == 5.25)
        assert len(heard.garbage) >= 2
        assert heard.lost == []

    play(venue.stream(), act, one)


def test_a_lost_connection_is_reported_and_opened_again_with_its_symbols(venue: Venue) -> None:
    one = venue.symbols[0]

    async def act(heard: Heard) -> None:
        await told(venue, {one})
        await asyncio.to_thread(venue.hang_up)
        await until(lambda: len(heard.lost) == 1 and heard.connected == 2)
        await told(venue, {one})
        await asyncio.to_thread(venue.publish, one, 6.25)
        await until(lambda: heard.price_of(one) == 6.25)

    play(venue.stream(), act, one)
