"""Live updates: a message is made once for all clients; slow clients and those without a session are dropped."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from typing import cast as typed

import pytest
from tests.conftest import MINUTE, START
from tests.fakes.stores import MemoryStore
from tests.rows import row
from tests.web_site import client_of

from tapeline.alerts.alert_records import FiredAlert
from tapeline.alerts.service import Alerts
from tapeline.core.times import epoch_ms
from tapeline.errors import OverloadedError, StorageError
from tapeline.web import PageData, event_client
from tapeline.web import broadcast as module
from tapeline.web.broadcast import Broadcast
from tapeline.web.candles import ChartRequest
from tapeline.web.event_client import MOST_WAITING, Client


def store_of_two() -> MemoryStore:
    store = MemoryStore()
    for k in range(50):
        store.put(row("A", START + k * MINUTE, 5.0 + k), row("B", START + k * MINUTE, 9.0))
    return store


def fired_alert(number: int) -> FiredAlert:
    return FiredAlert(f"key {number}", "rsi_14 < 30", "A", START, START, "rsi_14 29", 5.0, number)


class Reading:
    """Read a stream as a client does: its events as (name, document)."""

    def __init__(self, cast: Broadcast, chart: ChartRequest | None = None, **values: Any) -> None:
        self.alive = True
        self.client = Client(chart, lambda: self.alive, **values)
        self.stream = cast.stream(self.client)

    async def next(self) -> tuple[str, Any]:
        while True:
            message = (await asyncio.wait_for(anext(self.stream), 10)).decode()
            lines = dict(line.split(": ", 1) for line in message.strip().split("\n") if not line.startswith(":"))
            if "event" in lines:
                return lines["event"], json.loads(lines["data"])

    async def to_the_end(self) -> None:
        """Return when the stream has ended."""
        async with asyncio.timeout(10):
            async for _ in self.stream:
                pass

    async def until(self, name: str) -> Any:
        while True:
            found, document = await self.next()
            if found == name:
                return document


def run(data: PageData, play: Callable[[Broadcast], Awaitable[None]]) -> None:
    async def main() -> None:
        cast = Broadcast(data, dict)
        try:
            await play(cast)
        finally:
            cast.close()

    asyncio.run(main())


def test_a_client_with_several_charts_gets_the_bars_of_each() -> None:
    async def play(cast: Broadcast) -> None:
        one, two = ChartRequest("A", "1m", ()), ChartRequest("B", "1m", ())
        reader = Reading(cast, one, also=(two, one))
        found = [await reader.until("bars") for _ in range(2)]
        assert [each["symbol"] for each in found] == ["A", "B"]
        assert await reader.until("status")

    run(PageData(store_of_two()), play)


def test_a_client_is_brought_up_to_date_and_then_gets_what_changed() -> None:
    store = store_of_two()

    async def play(cast: Broadcast) -> None:
        one = Reading(cast, ChartRequest("A", "5m", ()))
        assert (await anext(one.stream)).startswith(b"retry: ")
        name, document = await one.next()
        assert name == "quotes"
        assert [quote["symbol"] for quote in document["quotes"]] == ["A", "B"]
        name, bars = await one.next()
        assert (name, bars["symbol"], len(bars["columns"]["t"])) == ("bars", "A", 10)
        name, status = await one.next()
        assert (name, status["symbols"], status["error"]) == ("status", 2, None)
        store.put(row("A", START + 50 * MINUTE, 70.0))
        await cast._tick()
        assert 70.0 in [quote["price"] for quote in (await one.until("quotes"))["quotes"]]
        change = await one.until("bars")
        assert (change["since"], change["columns"]["c"]) == (START + 50 * MINUTE, [70.0])

    run(PageData(store), play)


def test_a_change_that_an_api_request_read_first_still_reaches_the_open_pages() -> None:
    store = store_of_two()

    async def play(cast: Broadcast) -> None:
        one = Reading(cast)
        await one.until("status")
        store.put(row("A", START + 50 * MINUTE, 70.0))
        cast._watchlist._read_at -= 10
        assert 70.0 in [quote.price for quote in await cast.quotes()]
        store.put(row("B", START + 50 * MINUTE, 80.0))
        cast._watchlist._read_at -= 10
        await Reading(cast).until("quotes")  # another page
        await cast._tick()
        told = {quote["symbol"]: quote["price"] for quote in (await one.until("quotes"))["quotes"]}
        assert told == {"A": 70.0, "B": 80.0}

    run(PageData(store), play)


def test_a_currency_that_becomes_known_later_is_sent() -> None:
    known = {"A": "EUR"}

    async def play(cast: Broadcast) -> None:
        async def told() -> dict[str, Any]:
            return {quote["symbol"]: quote["currency"] for quote in (await one.until("quotes"))["quotes"]}

        one = Reading(cast)
        assert await told() == {"A": "EUR", "B": None}
        known["B"] = "JPY"
        await cast._tick()
        cast._watchlist._currencies_until = 0.0
        await cast._tick()
        assert await told() == {"B": "JPY"}

    run(PageData(store_of_two(), currency=lambda symbol: known.get(symbol, "")), play)


def test_a_chart_is_read_once_for_all_its_clients() -> None:
    store = store_of_two()

    async def play(cast: Broadcast) -> None:
        readers = [Reading(cast, ChartRequest("A")) for _ in range(20)]
        for reader in readers:
            await reader.until("status")
        await cast._tick()
        store.reads = 0
        await cast._tick()
        assert store.reads <= 40, "the newest rows, once"
        assert cast.clients == 20
        store.put(row("A", START + 50 * MINUTE, 70.0))
        await cast._tick()
        for reader in readers:
            assert (await reader.until("bars"))["columns"]["c"] == [70.0]
        for reader in readers:
            await reader.stream.aclose()
        assert cast.clients == 0

    run(PageData(store), play)


def test_a_client_that_does_not_read_is_dropped_and_delays_nobody() -> None:
    store = store_of_two()

    async def play(cast: Broadcast) -> None:
        slow, quick = Reading(cast, ChartRequest("A")), Reading(cast, ChartRequest("A"))
        for reader in (slow, quick):
            await reader.until("status")
        for k in range(MOST_WAITING):
            store.put(row("A", START + 50 * MINUTE, 70.0 + k))
            await cast._tick()
            assert (await quick.until("bars"))["columns"]["c"] == [70.0 + k]
        assert cast.clients == 1
        assert slow.client.waiting.qsize() <= 1
        with pytest.raises(StopAsyncIteration):
            await slow.until("bars")

    run(PageData(store), play)


def test_a_connection_ends_with_its_session_and_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    store = store_of_two()

    async def play(cast: Broadcast) -> None:
        one, two, quiet = Reading(cast), Reading(cast), Reading(cast)
        for reader in (one, two, quiet):
            await reader.until("status")
        assert await anext(quiet.stream) == b"event: beat\ndata: {}\n\n"
        one.alive = False
        await cast._tick()
        for reader in (one, quiet):
            reader.alive = False
            await reader.to_the_end()
        cast.end()
        await two.to_the_end()
        late = Reading(cast)
        assert [message async for message in late.stream] == [b"retry: 3000\n\n"]

    run(PageData(store), play)


def test_alerts_come_once_and_go_on_after_the_last_one_seen() -> None:
    fired = [fired_alert(3), fired_alert(5)]

    async def play(cast: Broadcast) -> None:
        new, back = Reading(cast), Reading(cast, alert=3)
        for reader in (new, back):
            await reader.until("status")
        await cast._tick()
        assert (await back.until("alert"))["id"] == 5
        fired.append(fired_alert(9))
        await cast._tick()
        await cast._tick()
        for reader in (new, back):
            assert (await reader.until("alert"))["id"] == 9
            assert reader.client.waiting.empty()

    alerts = typed("Alerts", SimpleNamespace(since=lambda after: [alert for alert in fired if alert.id > after]))
    run(PageData(store_of_two(), alerts=alerts), play)


def test_a_store_that_fails_is_reported_and_read_again() -> None:
    store = store_of_two()

    async def play(cast: Broadcast) -> None:
        one = Reading(cast, ChartRequest("A"))
        await one.until("status")
        store.error = StorageError("gone")
        await cast._tick()
        assert (await one.until("status"))["error"] == "gone"
        store.error = None
        store.put(row("A", START + 50 * MINUTE, 70.0))
        await cast._tick()
        assert (await one.until("bars"))["columns"]["c"] == [70.0]
        assert (await one.until("status"))["error"] is None

    run(PageData(store), play)


def test_nothing_is_read_while_nobody_is_connected() -> None:
    store = store_of_two()

    async def play(cast: Broadcast) -> None:
        store.error = StorageError("must not be read")
        await cast._tick()
        assert (await cast.status())["error"] == "must not be read"
        store.error = None
        await cast.quotes()
        store.reads = 0
        await cast._tick()
        assert store.reads == 0

    run(PageData(store), play)


def test_a_market_that_opens_changes_its_quotes() -> None:
    store = MemoryStore()
    store.put(row("AAPL", START - 1, 5.0))

    async def play(cast: Broadcast) -> None:
        now = START - 1
        cast._watchlist.now = lambda: now  # type: ignore[method-assign]
        one = Reading(cast)
        (quote,) = (await one.until("quotes"))["quotes"]
        assert (quote["market"]["phase"], quote["market"]["next"]) == ("pre", START)
        assert epoch_ms(quote["time"]) == quote["timestamp"] == START - 1
        await one.until("status")
        now = START
        await cast._tick()
        (quote,) = (await one.until("quotes"))["quotes"]
        assert quote["market"]["phase"] == "open"

    run(PageData(store), play)


def test_no_two_clients_take_the_last_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_client, "MOST_CLIENTS", 3)
    with client_of(PageData(store_of_two())) as client:
        page = client.app.state.page

        async def many() -> list[int]:
            requests = [asyncio.create_task(client.http.get("/api/v1/events")) for _ in range(12)]
            while sum(request.done() for request in requests) < 9:
                await asyncio.sleep(0.01)
            page.end()
            return [request.status_code for request in await asyncio.gather(*requests)]

        async def bounded() -> list[int]:
            return await asyncio.wait_for(many(), 20)

        assert sorted(client._runner.run(bounded())) == [200] * 3 + [503] * 9
        assert page.broadcast.clients == 0


def test_one_address_has_its_share_of_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_client, "MOST_OF_ONE_ADDRESS", 2)

    async def play(cast: Broadcast) -> None:
        readers = [Reading(cast, address="a") for _ in range(2)]
        with pytest.raises(OverloadedError, match="2 pages are open at this address"):
            Reading(cast, address="a")
        Reading(cast, address="b")
        cast.leave(readers[0].client)
        cast.leave(readers[0].client)
        Reading(cast, address="a")
        assert cast.clients == 3

    run(PageData(store_of_two()), play)


def test_a_request_that_is_given_up_leaves_no_read_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its read holds the turn to its end, so that nobody sees quotes that are half read."""
    store = store_of_two()
    running = []

    async def play(cast: Broadcast) -> None:
        refresh = cast._watchlist.refresh

        def slow() -> None:
            running.append(1)
            assert len(running) == 1, "two at once"
            time.sleep(0.05)
            refresh()
            running.clear()

        monkeypatch.setattr(cast._watchlist, "refresh", slow)
        for _ in range(5):
            cast._watchlist._read_at = float("-inf")
            asked = asyncio.create_task(cast.quotes())
            await asyncio.sleep(0.01)
            asked.cancel()
            assert [quote.symbol for quote in await cast.quotes()] == ["A", "B"]
            assert not running

    run(PageData(store), play)
