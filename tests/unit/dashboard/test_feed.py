from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.conftest import MINUTE, START
from tests.unit.dashboard.memory import MemoryStore, row

from tapeline.dashboard import Replay, View
from tapeline.dashboard.feed import Feed


class Recorder:
    """A screen that keeps what it is told."""

    def __init__(self, symbol: str | None = None) -> None:
        self.symbol = symbol
        self.told: list[tuple[str, Any]] = []

    def quotes(self, changed: list[dict[str, Any]]) -> None:
        self.told.append(("quotes", [quote["symbol"] for quote in changed]))

    def show(self, snapshot: dict[str, Any]) -> None:
        self.told.append(("show", (snapshot["symbol"], len(snapshot["columns"]["t"]))))

    def change(self, change: dict[str, Any]) -> None:
        self.told.append(("change", (change["symbol"], len(change["columns"]["t"]))))

    def status(self, status: dict[str, Any]) -> None:
        self.told.append(("status", status))

    def take(self, kind: str) -> list[Any]:
        """What it was told of this kind; all is forgotten."""
        found = [what for told, what in self.told if told == kind]
        self.told.clear()
        return found


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    for symbol in ("A", "B"):
        store.put(*(row(symbol, START + i * MINUTE, 10.0 + i) for i in range(50)))
    return store


@pytest.fixture
def run(store: MemoryStore) -> Iterator[Callable[[Callable[[Feed], Awaitable[None]]], None]]:
    def running(scenario: Callable[[Feed], Awaitable[None]], **view: Any) -> None:
        async def main() -> None:
            feed = Feed(View(store, **view))
            try:
                await scenario(feed)
            finally:
                feed.close()

        asyncio.run(main())

    return running  # type: ignore[return-value]


def test_a_page_is_up_to_date_as_soon_as_it_joins_and_then_gets_changes(store: MemoryStore, run: Any) -> None:
    async def scenario(feed: Feed) -> None:
        screen = Recorder()
        await feed.join(screen)
        kinds = [kind for kind, _ in screen.told]
        assert kinds == ["show", "quotes", "status"]
        assert screen.symbol == "A"
        assert screen.take("show") == [("A", 50)]
        await feed._tick()
        assert [kind for kind, _ in screen.told] == ["status"]
        screen.told.clear()
        store.put(row("A", START + 50 * MINUTE, 60.0), row("B", START + 50 * MINUTE, 60.0))
        await feed._tick()
        assert screen.told[0] == ("quotes", ["A", "B"])
        assert screen.take("change") == [("A", 1)]  # B is not on the screen

    run(scenario)


def test_pages_share_reads_and_each_gets_its_own_symbol(store: MemoryStore, run: Any) -> None:
    async def scenario(feed: Feed) -> None:
        first, second, third = Recorder("A"), Recorder("A"), Recorder("B")
        await feed.join(first)
        store.reads = 0
        await feed.join(second)
        assert store.reads == 0
        await feed.join(third)
        for screen in (first, second, third):
            screen.told.clear()
        store.put(row("A", START + 50 * MINUTE, 60.0))
        store.reads = 0
        await feed._tick()
        assert first.take("change") == second.take("change") == [("A", 1)]
        assert third.take("change") == []
        assert store.reads < 3 * 50

    run(scenario)


def test_picking_shows_the_other_symbol_and_the_last_pick_wins(store: MemoryStore, run: Any) -> None:
    async def scenario(feed: Feed) -> None:
        screen = Recorder("A")
        await feed.join(screen)
        screen.told.clear()
        await asyncio.gather(feed.pick(screen, "B"), feed.pick(screen, "A"), feed.pick(screen, "B"))
        shown = screen.take("show")
        assert shown[-1] == ("B", 50)
        assert ("A", 50) not in shown
        await feed._tick()
        assert list(feed._windows) == ["B"]  # what nobody shows is not kept up

    run(scenario)


def test_an_unknown_symbol_in_the_address_shows_the_first_one(run: Any) -> None:
    async def scenario(feed: Feed) -> None:
        screen = Recorder("NOPE")
        await feed.join(screen)
        assert screen.take("show") == [("A", 50)]

    run(scenario)


def test_an_empty_store_says_so_and_starts_by_itself(store: MemoryStore, run: Any) -> None:
    store.kept.clear()

    async def scenario(feed: Feed) -> None:
        screen = Recorder()
        await feed.join(screen)
        (status,) = screen.take("status")
        assert (status["symbols"], status["error"], status["last"]) == (0, None, None)
        store.put(row("Z", START, 1.0))
        await feed._tick()
        assert screen.take("show") == [("Z", 1)]

    run(scenario)


def test_a_store_that_fails_is_told_and_recovers(store: MemoryStore, run: Any) -> None:
    async def scenario(feed: Feed) -> None:
        store.error = OSError("disk on\nfire")
        screen = Recorder()
        await feed.join(screen)
        assert [kind for kind, _ in screen.told] == ["quotes", "status"]
        assert screen.take("status")[0]["error"] == "disk on fire"
        store.error = None
        await feed._tick()
        assert screen.take("show") == [("A", 50)]
        store.error = RuntimeError()
        await feed._tick()
        assert screen.take("status")[0]["error"] == "RuntimeError"
        store.error = None
        store.put(row("A", START + 50 * MINUTE, 60.0))
        await feed._tick()
        assert ("change", ("A", 1)) in screen.told
        assert screen.take("status")[0]["error"] is None

    run(scenario)


def test_nothing_is_read_when_nobody_looks_and_a_late_visitor_sees_the_present(store: MemoryStore, run: Any) -> None:
    async def scenario(feed: Feed) -> None:
        screen = Recorder("A")
        await feed.join(screen)
        feed.leave(screen)
        feed.leave(screen)
        store.put(row("A", START + 50 * MINUTE, 60.0))
        again = Recorder("A")
        await feed.join(again)
        assert again.take("show") == [("A", 51)]

    run(scenario)


def test_the_status_says_where_replay_and_model_stand(run: Any, store: MemoryStore) -> None:
    store.put(row("A", START + 50 * MINUTE, 60.0, prediction="UP", probability=0.6, model="m1"))

    async def scenario(feed: Feed) -> None:
        screen = Recorder()
        await feed.join(screen)
        (status,) = screen.take("status")
        assert status["replay"] == {"done": 5, "total": 10, "ended": False}
        assert status["models"] == ["m1"]
        assert (status["stored"], status["last"]) == (7, START + 50 * MINUTE)

    run(scenario, replay=lambda: Replay(5, 10), stored=lambda: 7)


def test_the_loop_ticks_only_for_somebody(store: MemoryStore, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapeline.dashboard.feed.TICK_SECONDS", 0.001)

    async def scenario(feed: Feed) -> None:
        ticked = asyncio.Event()

        class Waiting(Recorder):
            def status(self, status: dict[str, Any]) -> None:
                super().status(status)
                if len(self.told) > 4:
                    ticked.set()

        task = asyncio.create_task(feed.run())
        await feed.join(Waiting())
        await asyncio.wait_for(ticked.wait(), 10)
        task.cancel()

    run(scenario)


def test_a_page_that_cannot_be_told_does_not_stop_the_others(
    store: MemoryStore, run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tapeline.dashboard.feed.TICK_SECONDS", 0.001)

    async def scenario(feed: Feed) -> None:
        told = asyncio.Event()

        class Broken(Recorder):
            def quotes(self, changed: list[dict[str, Any]]) -> None:
                told.set()
                raise RuntimeError("gone")

        with pytest.raises(RuntimeError):
            await feed.join(Broken())
        task = asyncio.create_task(feed.run())
        for minute in (50, 51):
            told.clear()
            store.put(row("A", START + minute * MINUTE, 60.0))
            await asyncio.wait_for(told.wait(), 10)
        task.cancel()

    run(scenario)
    assert "could not be brought up to date" in caplog.text
