"""What becomes a bar of an answer about klines, how they are asked for, and which limits that keeps."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes.archives import MemoryArchive
from tests.local_binance.server import MOST_KLINES, MOST_WEIGHT, WEIGHT, LocalBinance, Values
from tests.local_yahoo.clock import Standing

from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.errors import FeedError, NoDataError, RateLimitedError, ServerError, UnreachableError, UnusableAnswerError
from tapeline.feeds.binance import INTERVALS, KlineClient
from tapeline.feeds.binance.kline_client import BURST, PER_SECOND
from tapeline.feeds.binance.kline_intervals import quote_asset, venue_symbol
from tapeline.feeds.binance.klines import decode
from tapeline.feeds.live.history import History
from tapeline.feeds.live.venue import Chart

START = 1_700_000_040_000  # a whole minute


def kline(opens: int, *prices: float, volume: float = 3.0) -> list[Any]:
    first, high, low, last = prices or (100.0, 102.0, 99.0, 101.0)
    return [opens, str(first), str(high), str(low), str(last), str(volume), opens + MINUTE - 1, "0", 9, "0", "0", "0"]


def decoded(rows: Any, *, as_of: int = START + HOUR) -> Chart:
    return decode(json.dumps(rows), "BTCUSDT", INTERVALS["1m"], as_of, as_of)


# -- decoding ----------------------------------------------------------------------------------------------------------


def test_a_kline_is_a_bar_with_its_volume_in_coins() -> None:
    chart = decoded([kline(START), kline(START + MINUTE, 101, 103, 100.5, 100.75, volume=0.00012)])
    assert [(bar.timestamp, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in chart.bars] == [
        (START, 100, 102, 99, 101, 3), (START + MINUTE, 101, 103, 100.5, 100.75, 0.00012),
    ]  # fmt: skip
    assert (chart.currency, chart.actions, chart.rejects) == ("USDT", (), ())


def test_a_kline_is_final_two_seconds_after_its_end() -> None:
    for after, final in ((1_999, False), (2_000, True)):
        assert list(decoded([kline(START)], as_of=START + MINUTE + after).bars.final) == [final]


def test_a_kline_that_is_no_bar_is_kept_with_its_reason_and_the_others_count() -> None:
    rows = [kline(START, 1, 0.5, 2, 1), kline(START + 1), kline(START + MINUTE, 1, 2, -1, 1), kline(START + 2 * MINUTE)]
    chart = decoded(rows)
    assert [bar.timestamp for bar in chart.bars] == [START + 2 * MINUTE]
    assert [reject.reason for reject in chart.rejects] == [
        "high is below low", "not at the start of a 1m bar", "a price is zero or negative",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"nul", b'{"code":0}', b"[[]]", b"[1]", b'[["x",1,1,1,1,1,1]]', b"[[null,1,1,1,1,1,1]]",
        b"[" * 50 + b"]" * 50, b"[" + b"[1,1,1,1,1,1,1]," * MOST_KLINES + b"[1,1,1,1,1,1,1]]", b"[[1e999,1,1,1,1,1,1]]",
        b" " * (2 << 20), b'[[{"a":1},1,1,1,1,1,1]]', b"[[[1],1,1,1,1,1,1]]",
    ],
)  # fmt: skip
def test_an_answer_that_is_no_list_of_klines_is_a_server_error(answer: bytes) -> None:
    with pytest.raises(ServerError):
        decode(answer, "BTCUSDT", INTERVALS["1m"], START, START)


@pytest.mark.parametrize(("index", "value"), [(0, 1e300), (1, "NaN"), (1, "Infinity"), (4, "-1e400"), (5, "-1")])
def test_a_number_that_none_is_makes_no_bar(index: int, value: float | str) -> None:
    row = kline(START)
    row[index] = value
    chart = decoded([row])
    assert (len(chart.bars), len(chart.rejects)) == (0, 1)


# -- symbols -----------------------------------------------------------------------------------------------------------


def test_symbols_are_spelt_as_binance_does() -> None:
    for symbol in ("BTCUSDT", "BTC-USDT", "BINANCE:BTCUSDT"):
        assert venue_symbol(symbol) == "BTCUSDT"
        assert quote_asset(symbol) == "USDT"
    assert quote_asset("ETHBTC") == "BTC"


def test_a_pair_whose_form_would_give_it_the_hours_of_a_share_is_refused() -> None:
    with pytest.raises(NoDataError, match=r"KDAETH: .* write BINANCE:KDAETH"):
        venue_symbol("KDAETH")
    assert venue_symbol("BINANCE:KDAETH") == "KDAETH"


# -- asking ------------------------------------------------------------------------------------------------------------


def value(symbol: str, opens: int) -> Values | None:
    return (100.0, 102.0, 99.0, 101.0, 1.5) if symbol == "BTCUSDT" else None


@pytest.fixture
def clock() -> Standing:
    return Standing(START + 100 * DAY)


@pytest.fixture
def server(clock: Standing) -> Iterator[LocalBinance]:
    with LocalBinance(clock.now, value) as running:
        yield running


def fetched(server: LocalBinance, clock: Standing, interval: str, back: int) -> int:
    """Return how many bars a back-fill brings."""
    client = KlineClient(server.url, clock)
    with contextlib.closing(client):
        history = History(client, MemoryArchive(), clock)
        start = clock.now() // INTERVALS[interval].ms * INTERVALS[interval].ms - back
        return len(asyncio.run(history.fetch("BTCUSDT", INTERVALS[interval], start)).bars)


@pytest.mark.parametrize(("interval", "bars"), [("1m", 2_500), ("60m", 50), ("4h", 20), ("1d", 30)])
def test_a_back_fill_asks_for_a_thousand_klines_at_once(
    server: LocalBinance, clock: Standing, interval: str, bars: int
) -> None:
    asked = INTERVALS[interval]
    assert abs(fetched(server, clock, interval, bars * asked.ms) - bars) <= DAY // asked.ms
    assert all(query["limit"] == "1000" and query["interval"] == asked.requested for query in server.requests)
    assert len(server.requests) <= bars // MOST_KLINES + 3
    assert server.broken == []


def test_a_long_back_fill_keeps_within_the_weight_of_a_minute(server: LocalBinance, clock: Standing) -> None:
    client = KlineClient(server.url, clock)
    client.per_second = 10.0  # of two processes that share an address

    async def ask() -> None:
        for _ in range(60):
            await client.chart("BTCUSDT", INTERVALS["1m"], clock.now() - HOUR, clock.now())

    before = clock.monotonic()
    with contextlib.closing(client):
        asyncio.run(ask())
    assert server.broken == []
    assert clock.monotonic() - before >= (60 - BURST) / 10.0
    assert (60 * PER_SECOND + BURST) * WEIGHT < MOST_WEIGHT / 2  # what one client uses at its own pace


def test_who_is_told_to_wait_waits_as_long_as_was_said(server: LocalBinance, clock: Standing) -> None:
    server.most_weight = 2 * WEIGHT
    client = KlineClient(server.url, clock)

    async def ask() -> None:
        for _ in range(5):
            await client.chart("BTCUSDT", INTERVALS["1m"], clock.now() - HOUR, clock.now())

    with contextlib.closing(client):
        asyncio.run(ask())
    assert server.broken == []  # neither "went on after 429" nor "asked while banned"


def test_a_ban_is_a_rate_limit_and_a_refused_location_names_the_setting(server: LocalBinance, clock: Standing) -> None:
    for status, error in ((418, RateLimitedError), (451, UnreachableError)):
        server.faults.extend([status] * 6)
        with pytest.raises(error), contextlib.closing(KlineClient(server.url, clock)) as client:
            asyncio.run(client.chart("BTCUSDT", INTERVALS["1m"], clock.now() - HOUR, clock.now()))
        server.faults.clear()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(FeedError, match=r"binance\.url = 'nowhere' is not an address"):
        KlineClient("nowhere", Standing(START))


def test_an_unusable_answer_is_no_reason_to_stop_asking_about_others() -> None:
    with pytest.raises(UnusableAnswerError):
        decoded({"klines": []})
