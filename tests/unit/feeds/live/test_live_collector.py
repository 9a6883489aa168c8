"""What the collector delivers, on a clock that only the test moves, from made-up history and prices."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest
from tests.local_yahoo.clock import SimClock, SkewedClock
from tests.local_yahoo.market import Tick
from tests.local_yahoo.server import frame

from tapeline.core.market import Bar, Bars
from tapeline.core.messages import Delivery, Series
from tapeline.core.times import DAY, HOUR
from tapeline.core.troubles import lines_of
from tapeline.errors import NoDataError, UnreachableError, UnusableAnswerError
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.clock_watch import ClockWatch
from tapeline.feeds.live.history import Fetched, History, Update
from tapeline.feeds.live.live_collector import POLL, RECONCILE, Collector
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.streamed_bars import STREAM_GRACE
from tapeline.feeds.live.venue import QuoteListener, StreamQuote
from tapeline.feeds.live.volume_meter import VolumeMeter
from tapeline.feeds.yahoo import INTERVALS
from tapeline.feeds.yahoo.price_stream import PriceStream
from tapeline.feeds.yahoo.stream_frames import quote

MINUTE = 60_000
M1 = INTERVALS["1m"]
OPEN = int(np.datetime64("2026-11-25T14:30", "ms").astype(np.int64))
NONE = Bars.of(())
DEAF = "ws://127.0.0.1:9/"


def bar(minute: int, price: float, volume: float = 10.0, *, symbol: str = "TSLA", final: bool = True) -> Bar:
    return Bar(symbol, OPEN + minute * MINUTE, price, price, price, price, volume, final=final)


@dataclass
class Official:
    """Stand in for `History`: every complete minute since the open, at a price of 100; count the questions."""

    clock: SimClock
    start: int = OPEN
    asked: list[tuple[str, float]] = field(default_factory=list)
    failure: Exception | None = None
    failures: dict[str, Exception] = field(default_factory=dict)
    parallel: int = 4
    per_second: float = 2.0
    ahead: int = 0

    def bars(self, symbol: str) -> Bars:
        complete = (self.clock.now() - M1.grace - self.start) // MINUTE
        return Bars.of(Bar(symbol, self.start + i * MINUTE, 100, 100, 100, 100, 50) for i in range(complete))

    def _asked(self, symbol: str) -> None:
        self.asked.append((symbol, (self.clock.now() - self.start) / 1000))
        if failure := self.failures.get(symbol, self.failure):
            raise failure

    async def update(self, symbol: str, interval: Interval, since: int, *, again_from: int | None = None) -> Update:
        self._asked(symbol)
        bars = self.bars(symbol)
        covered = self.clock.now() - M1.grace
        return Update(Series(symbol, "1m", bars, (), "USD", since, covered), bars, NONE, rebased=False)

    async def fetch(self, symbol: str, interval: Interval, start: int) -> Fetched:
        self._asked(symbol)
        bars, now = self.bars(symbol), self.clock.now()
        under_way = bar((now - OPEN) // MINUTE, 99, symbol=symbol, final=False)
        return Fetched(symbol, start, now, bars[bars.timestamp >= start], Bars.of([under_way]), (), "USD", ())


class Desk:
    """Run a collector whose stream is the test: nothing is connected."""

    def __init__(self, start: int, interval: Interval = M1, *, stored: bool = False) -> None:
        self.clock = SimClock(start)
        self.machine = SkewedClock(self.clock)
        self.history = Official(self.clock)
        self.outbox = Outbox()
        self.collector = Collector(
            interval, cast("History", self.history), PriceStream(DEAF, self.machine), self.machine, self.outbox, OPEN,
            stored=stored,
        )  # fmt: skip

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def to(self, seconds: float) -> None:
        """Let time pass until this many seconds after the open."""
        end = OPEN + int(seconds * 1000)
        while self.clock.now() < end:
            self.clock.advance(min(self.clock.now() + 250, end))
            await self.settle()

    def hear(self, price: float, total: int = 0, symbol: str = "TSLA", *, late: int = 0) -> None:
        kind = 41 if symbol.endswith("-USD") else 8
        found = quote(frame(Tick(symbol, self.clock.now() - late, price, total), quote_type=kind))
        assert found is not None
        self.collector.on_quote(found)

    def taken(self) -> Delivery:
        """Return everything that waits as one delivery."""
        self.outbox.put(NONE, notices=["taken"])  # so that there is always something
        found = self.outbox.take()
        assert found is not None
        return found


def final(found: Delivery) -> list[tuple[int, float, float]]:
    """Return (minutes since the open, close, volume) of the final bars."""
    return [((b.timestamp - OPEN) // MINUTE, b.close, b.volume) for b in found.bars if b.final]


Act = Callable[[Desk], Coroutine[Any, Any, None]]


def play(monkeypatch: pytest.MonkeyPatch, act: Act, *symbols: str, start: float = 0, interval: Interval = M1) -> None:
    async def main() -> None:
        desk = Desk(OPEN + int(start * 1000), interval)

        async def nothing(listener: QuoteListener) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(desk.collector.stream, "run", nothing)
        task = asyncio.create_task(desk.collector.run(symbols or ("TSLA",)))
        # the calendar is built in a thread of its own
        while len(desk.collector.tracked) < len(symbols or ("TSLA",)):
            await asyncio.sleep(0.001)
        await desk.settle()
        try:
            await act(desk)
        finally:
            ended = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert not ended, task

    asyncio.run(main())


def test_a_forming_bar_is_delivered_once_a_second_and_every_final_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.taken()
        forming: list[float] = []
        complete: list[tuple[int, float, float]] = []
        for quarter in range(4 * 130):
            desk.hear(100 + quarter)
            await desk.to((quarter + 1) / 4)
            found = desk.taken()
            forming += [b.close for b in found.bars if not b.final]
            complete += final(found)
        assert 125 <= len(forming) <= 131
        assert forming == sorted(set(forming))
        streamed = [(minute, close) for minute, close, volume in complete if not volume]
        assert streamed == [(0, 100 + 239.0), (1, 100 + 479.0)]

    play(monkeypatch, act)


def test_a_slow_reader_gets_the_newest_forming_bar_and_every_final_one() -> None:
    outbox = Outbox()
    for minute in range(3):
        for price in (1.0, 2.0, 3.0):
            outbox.put_forming([bar(minute, price, final=False), bar(minute, price, symbol="AAPL", final=False)])
        outbox.put(Bars.of([bar(minute, 3.0)]), resume=str(minute))
    outbox.put_forming([bar(3, 9.0, final=False)])
    found = outbox.take()
    assert found is not None
    assert final(found) == [(0, 3.0, 10.0), (1, 3.0, 10.0), (2, 3.0, 10.0)]
    assert {(b.symbol, b.timestamp, b.close) for b in found.bars if not b.final} == {
        ("TSLA", OPEN + 3 * MINUTE, 9.0),
        ("AAPL", OPEN + 2 * MINUTE, 3.0),
    }
    assert found.resume == "2"


def test_a_forming_bar_is_not_delivered_after_its_final_one() -> None:
    outbox = Outbox()
    outbox.put_forming([bar(0, 1.0, final=False)])
    outbox.put(Bars.of([bar(0, 2.0)]))
    found = outbox.take()
    assert found is not None
    assert [(b.close, b.final) for b in found.bars] == [(2.0, True)]


@pytest.mark.parametrize("stored", [True, False])
def test_without_network_it_ends_only_where_nothing_is_stored(monkeypatch: pytest.MonkeyPatch, stored: bool) -> None:
    async def main() -> None:
        desk = Desk(OPEN, stored=stored)
        desk.history.failure = UnreachableError("https://yahoo", "no answer")

        async def nothing(listener: QuoteListener) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(desk.collector.stream, "run", nothing)
        task = asyncio.create_task(desk.collector.run(["TSLA"]))
        while not desk.history.asked:
            await asyncio.sleep(0.001)
        await desk.to(1.5 * RECONCILE / 1000)
        assert task.done() == (not stored)
        assert len(desk.history.asked) == (2 if stored else 1)
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError if stored else BaseExceptionGroup)

    asyncio.run(main())


def test_a_failure_is_raised_after_what_still_waits() -> None:
    outbox = Outbox()
    outbox.put(Bars.of([bar(0, 1.0)]))
    outbox.fail(UnreachableError("http://x", "no network"))
    outbox.fail(ValueError("a consequence"))
    found = outbox.take()
    assert found is not None
    assert len(found.bars) == 1
    with pytest.raises(UnreachableError, match="no network"):
        outbox.take()


def test_official_bars_replace_streamed_ones_and_what_is_official_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(desk: Desk) -> None:
        desk.taken()
        desk.hear(101, 1000)
        await desk.to(30)
        desk.hear(102, 1007)
        await desk.to(60 + STREAM_GRACE / 1000 + 0.5)
        assert final(desk.taken()) == [(0, 102, 7)]
        await desk.to(60 + M1.grace / 1000 + 5)  # the first bar is asked for as soon as it is complete
        assert final(desk.taken()) == [(0, 100, 50)]
        await desk.to(2 * RECONCILE / 1000 + 2 * M1.grace / 1000 + 120)
        rest = final(desk.taken())
        assert rest == [(minute, 100, 50) for minute in range(1, 1 + len(rest))]
        assert len(rest) >= 5

    play(monkeypatch, act)


def test_after_a_gap_the_missing_bars_are_fetched_and_its_volume_is_in_no_streamed_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(desk: Desk) -> None:
        await desk.to(400)  # what is due at the open and right behind it has been asked
        desk.collector.on_connected()
        desk.hear(101, 1000)
        await desk.to(405)
        desk.hear(102, 1010)
        desk.taken()
        asked = len(desk.history.asked)
        desk.collector.on_lost("cut")
        await desk.to(545)  # two whole minutes and parts of two
        desk.collector.on_connected()
        assert desk.collector.gaps == 1
        desk.hear(103, 90_000)
        desk.hear(103, 90_005)
        limit = 545 + (M1.ms + M1.grace) / 1000 + 2
        await desk.to(limit)
        assert len(desk.history.asked) > asked
        assert desk.history.asked[-1][1] <= limit
        found = desk.taken()
        assert any("cut" in text for text in found.notices)
        bars = final(found)
        assert {7, 8} <= {minute for minute, close, _ in bars if close == 100}
        assert max(volume for _, _, volume in bars) == 50  # 89 000 shares of the gap are in none

    play(monkeypatch, act)


def test_when_the_stream_cannot_be_opened_prices_are_polled_and_one_notice_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(desk: Desk) -> None:
        await desk.to(400)
        desk.taken()
        before = len(desk.history.asked)
        desk.collector.on_unavailable("ws://x: refused")
        desk.collector.on_unavailable("ws://x: refused")
        await desk.settle()
        assert desk.history.asked[before:] == [("TSLA", 400.0)]  # at once, ...
        await desk.to(400 + 4 * POLL / 1000 + 2)
        times = [seconds for _, seconds in desk.history.asked[before:]]
        assert len(times) == 5
        assert all(POLL <= 1000 * gap <= POLL + 1500 for gap in np.diff(times))  # ... and so often
        found = desk.taken()
        assert [text for text in found.notices if "stream" in text] == [
            "the stream cannot be opened (ws://x: refused); prices are polled meanwhile"
        ]
        assert final(found)
        assert [b.close for b in found.bars if not b.final] == [99]  # the bar under way, as history has it
        desk.collector.on_connected()
        assert "the stream is open again; prices are streamed" in desk.taken().notices
        assert not desk.collector.polling

    play(monkeypatch, act)


def test_nothing_is_polled_while_the_market_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        before = len(desk.history.asked)
        desk.collector.on_unavailable("refused")
        await desk.to(-3 * 3600 + 600)
        assert len(desk.history.asked) == before

    play(monkeypatch, act, start=-3 * 3600)


def test_with_extended_hours_history_is_asked_about_before_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        pre = -330 * 60
        await desk.to(pre + 410)
        times = [round(asked - pre) for _, asked in desk.history.asked[1:]]
        assert times == [105, 405]  # when the first bar is complete, then every 5 minutes

    play(monkeypatch, act, start=-331 * 60, interval=replace(M1, extended=True))


def test_a_coin_has_bars_at_any_hour_without_its_24_hour_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.history.start = desk.clock.now()
        desk.taken()
        begin = (desk.clock.now() - OPEN) / 1000
        for second, total in enumerate((59_712_028_672, 59_712_030_000, 59_700_000_000)):
            desk.hear(90_000.0 + second, total, "BTC-USD")
            await desk.to(begin + second + 1)
        await desk.to(begin + 60 + STREAM_GRACE / 1000 + 0.5)
        assert final(desk.taken()) == [(begin // 60, 90_002.0, 0)]

    play(monkeypatch, act, "BTC-USD", start=-9 * 3600)


def test_an_unknown_symbol_is_reported_once_and_the_others_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.taken()
        desk.history.failure = NoDataError("GONE: no data found")
        await desk.collector.watch(["TSLA", "GONE"])
        await desk.to(10)
        desk.history.failure = None
        desk.hear(101)
        await desk.to(60 + STREAM_GRACE / 1000 + 0.5)
        found = desk.taken()
        assert [text for text in found.notices if "GONE" in text] == ["GONE: no data found; trying again later"]
        assert final(found) == [(0, 101, 0)]
        assert sum(symbol == "GONE" for symbol, _ in desk.history.asked) == 1

    play(monkeypatch, act)


def test_a_dropped_symbol_makes_no_more_bars_and_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.hear(101)
        await desk.collector.watch(["AAPL"])
        desk.hear(102)
        await desk.to(70)
        found = desk.taken()
        assert set(found.bars.symbols) <= {"AAPL"}
        assert set(json.loads(found.resume)["symbols"]) == {"TSLA", "AAPL"}

    play(monkeypatch, act)


def test_what_another_process_collected_until_now_goes_out_before_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.history.failures |= dict.fromkeys(("AAPL", "MSFT"), UnusableAnswerError("no chart"))
        assert desk.collector.settled() == {"TSLA"}
        await desk.to(30)
        await desk.collector.watch(["TSLA", "AAPL", "MSFT"], continued={"AAPL"})
        desk.taken()
        for symbol in ("AAPL", "MSFT"):
            desk.hear(7, symbol=symbol, late=1000)  # the last price, as an answer to the subscription
            desk.hear(101, symbol=symbol)
        await desk.to(60 + STREAM_GRACE / 1000 + 0.5)
        assert [(b.symbol, b.low, b.final) for b in desk.taken().bars] == [("AAPL", 101, False)]  # it began before us
        desk.hear(102, symbol="AAPL")
        await desk.to(120 + STREAM_GRACE / 1000 + 0.5)
        assert [(b.timestamp - OPEN, b.low) for b in desk.taken().bars if b.final and b.symbol == "AAPL"] == [
            (MINUTE, 102)
        ]
        desk.history.failures.clear()
        await desk.to(600)
        assert set(desk.taken().bars.symbols) == {"TSLA", "AAPL", "MSFT"}

    play(monkeypatch, act)


def test_nothing_is_settled_while_the_feed_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.history.failures |= {"TSLA": NoDataError("TSLA: no data"), "AAPL": UnusableAnswerError("AAPL: no chart")}
        desk.collector.tracked.clear()
        desk.taken()
        await desk.collector.watch(["TSLA", "AAPL"])
        await desk.to(10)
        assert all(tracked.problem for tracked in desk.collector.tracked.values())
        assert desk.collector.settled() == frozenset()
        await desk.collector.watch(["MSFT", "TSLA", "AAPL"])
        await desk.to(20)
        assert desk.collector.settled() == {"MSFT", "TSLA", "AAPL"}

    play(monkeypatch, act)


def test_of_two_calls_at_once_the_later_one_says_what_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        await asyncio.gather(desk.collector.watch(["AAPL", "MSFT", "NVDA"]), desk.collector.watch(["AAPL"]))
        assert set(desk.collector.tracked) == {"AAPL"}

    play(monkeypatch, act)


def test_a_frame_without_a_volume_is_not_a_baseline() -> None:
    meter = VolumeMeter()
    sizes = [meter.size(StreamQuote("A", 1.0, 0, total), 1) for total in (0, 5_000_000, 5_000_010, 0, 5_000_015)]
    assert sizes == [0, 0, 10, 0, 5]
    assert meter.size(StreamQuote("A", 1.0, 0, 0), 2) == 0
    assert meter.size(StreamQuote("A", 1.0, 0, 70), 2) == 70  # the first of a new session


# -- what nobody foresaw -----------------------------------------------------------------------------------------------


def test_an_unforeseen_error_of_one_symbol_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.taken()
        desk.history.failures["BAD"] = RecursionError("maximum recursion depth exceeded")
        await desk.collector.watch(["TSLA", "BAD"])
        await desk.to(400)
        found = desk.taken()
        assert {symbol for symbol in found.bars.symbols if symbol} == {"TSLA"}
        assert final(found)
        lines = [text for text in found.notices if "BAD" in text]
        assert len(lines) == 1  # though it was asked twice
        assert lines[0].startswith("BAD: unforeseen RecursionError")
        assert desk.collector.supervisor.unforeseen == {"RecursionError": 2}
        assert lines_of(desk.collector.troubles()) == ["unforeseen errors so far: RecursionError (2)"]
        del desk.history.failures["BAD"]
        await desk.to(1000)
        assert desk.collector.tracked["BAD"].problem == ""
        assert "BAD" in desk.taken().bars.symbols

    play(monkeypatch, act)


def test_an_answer_that_cannot_be_used_is_asked_for_again_soon_and_an_unknown_symbol_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(desk: Desk) -> None:
        desk.history.failures |= {"HURT": UnusableAnswerError("HURT: no chart"), "GONE": NoDataError("GONE: no data")}
        await desk.collector.watch(["TSLA", "HURT", "GONE"])
        await desk.to(1000)
        asked = [symbol for symbol, _ in desk.history.asked]
        assert asked.count("HURT") == 4
        assert asked.count("GONE") == 1

    play(monkeypatch, act)


def test_an_unforeseen_error_of_the_stream_starts_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        starts: list[float] = []

        async def broken(listener: QuoteListener) -> None:
            starts.append(desk.clock.monotonic())
            raise ArithmeticError("never seen")

        monkeypatch.setattr(desk.collector.stream, "run", broken)
        keeping = asyncio.create_task(desk.collector.supervisor.keep("the stream", lambda: broken(desk.collector)))
        await desk.to(60)
        keeping.cancel()
        assert 4 <= len(starts) <= 8  # each wait is about twice as long as the one before
        found = desk.taken()
        assert [text for text in found.notices if "ArithmeticError" in text] == [
            f"the stream: unforeseen ArithmeticError{place}: never seen; trying again later (please report this line)"
            for place in [re.search(r" at \w+\.py:\d+", "".join(found.notices))[0]]  # type: ignore[index]
        ]

    play(monkeypatch, act)


def test_a_price_that_leads_to_an_unforeseen_error_is_only_itself_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        desk.taken()
        add = desk.collector.streamed.add

        def fragile(found: StreamQuote) -> None:
            if found.price == 666:
                raise KeyError("beast")
            add(found)

        monkeypatch.setattr(desk.collector.streamed, "add", fragile)
        desk.hear(101)
        desk.hear(666)
        desk.hear(102)
        await desk.to(60 + STREAM_GRACE / 1000 + 0.5)
        assert final(desk.taken()) == [(0, 102, 0)]
        assert desk.collector.supervisor.unforeseen == {"KeyError": 1}

    play(monkeypatch, act)


# -- a clock that is set -----------------------------------------------------------------------------------------------

STEPS = [-30 * DAY, -2 * HOUR, 2 * HOUR, 30 * DAY]


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_was_wrong_for_25_seconds_delays_no_official_bar(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    async def act(desk: Desk) -> None:
        await desk.to(400)
        desk.taken()
        desk.machine.offset = step
        await desk.to(425)
        desk.machine.offset = 0
        await desk.to(426)
        notices = [text for text in desk.taken().notices if "clock was set" in text]
        assert len(notices) == 2
        length = "2 h 0 min" if abs(step) == 2 * HOUR else "30 d 0 h"
        assert sum(f"{length} ahead" in text for text in notices) == 1
        assert sum(f"{length} back" in text for text in notices) == 1
        before = len(desk.history.asked)
        await desk.to(426 + 2 * RECONCILE / 1000 + 120)
        assert len(desk.history.asked) - before >= 2
        assert max(minute for minute, close, _ in final(desk.taken()) if close == 100) >= 14
        assert desk.collector.clock_watch.steps == 2
        assert desk.collector.troubles()["official"] == desk.collector.troubles()["feed"] == ()
        way = "back" if step > 0 else "ahead (or the machine slept)"
        assert desk.collector.troubles()["clock"] == (f"this machine's clock was set {length} {way}",)

    play(monkeypatch, act)


@pytest.mark.parametrize("step", STEPS)
def test_forming_bars_go_on_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    async def act(desk: Desk) -> None:
        await desk.to(400)
        desk.hear(101)
        await desk.to(402)
        desk.machine.offset = step
        await desk.to(404)
        desk.machine.offset = 0
        await desk.to(425)
        desk.taken()
        desk.hear(103)
        await desk.to(427)
        assert 103 in [b.close for b in desk.taken().bars if not b.final]

    play(monkeypatch, act)


def test_a_clock_that_drifts_or_is_slewed_was_not_set() -> None:
    clock = SimClock(OPEN)
    machine = SkewedClock(clock)
    watch = ClockWatch(machine)
    for _ in range(1000):
        clock.advance(clock.now() + 1000)
        machine.offset += 500
        assert watch.look() == 0
    machine.offset -= 500_000
    assert watch.recent == ""
    assert watch.look() == -500_000
    assert watch.look() == 0
    assert watch.steps == 1
    assert watch.recent == "this machine's clock was set 8 min back"
    clock.advance(clock.now() + HOUR)
    assert watch.recent == ""


def test_a_difference_from_the_venues_clock_is_reported_when_it_begins_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(desk: Desk) -> None:
        await desk.to(400)
        desk.taken()
        desk.history.ahead = -7_500_000
        await desk.to(500)
        line = "this machine's clock is 2 h 5 min ahead of the venue's: set it right"
        assert lines_of(desk.collector.troubles()) == [line]
        assert [text for text in desk.taken().notices if "clock" in text] == [line]
        desk.history.ahead = 0
        await desk.to(600)
        assert lines_of(desk.collector.troubles()) == []
        assert [text for text in desk.taken().notices if "clock" in text] == [
            "this machine's clock agrees with the venue's again"
        ]

    play(monkeypatch, act)


def test_two_periods_without_an_official_bar_in_an_open_market_are_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        await desk.to(420)  # it was asked at 405 s
        assert lines_of(desk.collector.troubles()) == []
        desk.history.failure = UnreachableError("https://yahoo", "no answer")
        await desk.to(400 + 2 * RECONCILE / 1000 - 60)
        assert lines_of(desk.collector.troubles()) == []
        await desk.to(400 + 3 * RECONCILE / 1000)
        (line,) = desk.collector.troubles()["official"]
        assert re.fullmatch(r"TSLA: no official bar for 1\d min although the market is open", line)
        desk.history.failure = None
        await desk.to(400 + 4 * RECONCILE / 1000)
        assert lines_of(desk.collector.troubles()) == []

    play(monkeypatch, act)


def test_neither_a_price_nor_an_answer_in_an_open_market_is_a_dead_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(desk: Desk) -> None:
        await desk.to(420)
        desk.history.failure = UnreachableError("https://yahoo", "no answer")
        await desk.to(400 + 2 * RECONCILE / 1000 - 60)
        assert desk.collector.troubles()["feed"] == ()
        await desk.to(400 + 3 * RECONCILE / 1000)
        (line,) = desk.collector.troubles()["feed"]
        silent = r"no price and no answer for 1\d min although a market is open: the stream is silent"
        assert re.fullmatch(silent, line)
        desk.hear(101)
        assert desk.collector.troubles()["feed"] == ()

    play(monkeypatch, act)
