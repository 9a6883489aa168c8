"""What an update asks for and what it reports: only what is new, with a little overlap."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.archives import MemoryArchive
from tests.local_yahoo.clock import Standing

from tapeline.core.market import Bar, Bars, Reject
from tapeline.core.messages import Action
from tapeline.core.sessions import calendar_of
from tapeline.errors import FeedError, NoDataError, ServerError
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.history import History, Update
from tapeline.feeds.live.venue import Chart
from tapeline.feeds.yahoo import INTERVALS

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
M1, D1 = INTERVALS["1m"], INTERVALS["1d"]


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


OPEN = ms("2026-11-25T14:30")  # a Wednesday, in New York
BEFORE = OPEN - DAY


def minutes(first: str, last: str, symbol: str = "TSLA", count: int = 390) -> dict[int, Bar]:
    """The first `count` minutes of every session from one date to before another."""
    sessions = calendar_of(symbol).sessions(ms(first), ms(last))
    times = [t for s in sessions for t in range(s.open, min(s.open + count * MINUTE, s.close), MINUTE)]
    return {t: Bar(symbol, t, p, p + 1, p - 1, p, 60.0) for t in times for p in (100.0 + t // MINUTE % 7 / 8,)}


class Yahoo:
    """Answers with those of these bars that have begun. A symbol without any is unknown."""

    name, parallel, per_second = "Yahoo", 4, 2.0

    def __init__(self, clock: Standing, *, late: int = 0) -> None:
        self.clock, self.late = clock, late
        self.bars: dict[str, dict[int, Bar]] = {}
        self.actions: tuple[Action, ...] = ()
        self.asked: list[tuple[str, int, int]] = []
        self.under_way = self.most = 0
        self.closed = False

    async def chart(self, symbol: str, interval: Interval, start: int, end: int) -> Chart:
        self.asked.append((symbol, start, end))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0.001)
        finally:
            self.under_way -= 1
        if symbol not in self.bars:
            raise NoDataError(f"{symbol}: No data found, symbol may be delisted")
        now = self.clock.now() - self.late
        shown = [b for t, b in sorted(self.bars[symbol].items()) if start <= t < end and t <= now]
        bars = Bars.of(replace(b, final=b.timestamp + interval.ms + interval.grace <= now) for b in shown)
        return Chart(bars, self.actions, "USD", now, (Reject("yahoo", symbol, "bad", b""),))

    def close(self) -> None:
        self.closed = True


class Desk:
    """A history with its archive and a Yahoo behind it, at one moment."""

    def __init__(self, now: int = OPEN + 60 * MINUTE) -> None:
        self.clock = Standing(now)
        self.yahoo = Yahoo(self.clock)
        self.archive = MemoryArchive()
        self.history = History(self.yahoo, self.archive, self.clock)
        self.yahoo.bars["TSLA"] = minutes("2026-10-20", "2026-11-26")

    def update(self, days: int = 7, *, again_from: int | None = None, interval: Interval = M1) -> Update:
        self.yahoo.asked.clear()
        since = self.clock.now() - days * DAY
        return asyncio.run(self.history.update("TSLA", interval, since, again_from=again_from))


def times(bars: Bars) -> list[int]:
    return bars.timestamp.tolist()


def test_the_first_update_begins_with_a_whole_session_and_all_of_it_is_new() -> None:
    desk = Desk()
    found = desk.update(2)
    assert desk.yahoo.asked == [("TSLA", OPEN - 2 * DAY, desk.clock.now())]
    wanted = [t for t in desk.yahoo.bars["TSLA"] if OPEN - 2 * DAY <= t < desk.clock.now() - MINUTE]
    assert times(found.changed) == times(found.series.bars) == wanted
    assert found.series.bars.final.all()
    assert (found.series.start, found.series.currency) == (OPEN - 2 * DAY, "USD")
    assert [reject.reason for reject in found.rejects] == ["bad"]
    assert desk.archive.load("TSLA", "1m") is found.series


def test_the_forming_bar_and_the_one_in_its_grace_are_reported_but_not_archived() -> None:
    desk = Desk(OPEN + 60 * MINUTE + 30_000)
    found = desk.update()
    assert times(found.forming) == [OPEN + 59 * MINUTE, OPEN + 60 * MINUTE]
    assert times(found.series.bars)[-1] == OPEN + 58 * MINUTE
    assert found.series.covered == desk.clock.now() - M1.grace  # so that the next update asks for them


def test_the_second_update_asks_only_for_what_is_new_and_a_little_overlap() -> None:
    desk = Desk(OPEN + 300 * MINUTE)
    first = desk.update(25)
    assert len(desk.yahoo.asked) == 4
    desk.clock.time += 10 * MINUTE
    found = desk.update(25)
    assert desk.yahoo.asked == [("TSLA", OPEN, desk.clock.now())]  # no bar of a session is cut
    assert times(found.changed) == [times(first.series.bars)[-1] + n * MINUTE for n in range(1, 11)]
    assert found.series.start == first.series.start
    assert len(found.series.bars) == len(first.series.bars) + 10


def test_early_in_a_session_the_overlap_reaches_into_the_previous_one() -> None:
    desk = Desk(OPEN + 10 * MINUTE)
    desk.update()
    desk.update()
    assert desk.yahoo.asked == [("TSLA", BEFORE, desk.clock.now())]


def test_the_overlap_of_a_symbol_that_hardly_trades_is_no_longer_than_a_request() -> None:
    desk = Desk()
    desk.yahoo.bars["TSLA"] = minutes("2026-10-20", "2026-11-26", count=2)
    desk.update(20)
    covered = desk.clock.now() - M1.grace
    desk.update(20)
    session = calendar_of("TSLA").at(covered - M1.span).session
    assert session is not None
    assert desk.yahoo.asked[0][1] == session.open


@pytest.mark.parametrize("now", [OPEN - 30 * MINUTE, OPEN - 5 * HOUR, BEFORE + 12 * HOUR])
def test_bars_are_compared_with_archived_ones_whenever_the_updates_run(now: int) -> None:
    """Every day before the open, every night: a split that was not announced would not be seen without."""
    desk = Desk(now)
    held = desk.update().series.bars
    desk.clock.time += DAY
    desk.update()
    assert min(start for _, start, _ in desk.yahoo.asked) <= held.timestamp[-20]
    assert len(desk.yahoo.asked) == 1


def test_a_split_that_only_one_of_two_answers_shows_is_refused_and_the_archive_stays() -> None:
    desk = Desk()
    held = desk.update().series
    tripled = {t: replace(b, open=3 * b.open, high=3 * b.high, low=3 * b.low, close=3 * b.close)
               for t, b in desk.yahoo.bars["TSLA"].items()}  # fmt: skip
    answers = [tripled, {t: b for t, b in tripled.items() if t > int(held.bars.timestamp[-1])}]
    chart = desk.yahoo.chart

    async def changing(symbol: str, interval: Interval, start: int, end: int) -> Chart:
        desk.yahoo.bars["TSLA"] = answers[min(len(desk.yahoo.asked), 1)]
        return await chart(symbol, interval, start, end)

    desk.yahoo.chart = changing  # type: ignore[method-assign]
    with pytest.raises(ServerError, match="only one answer shows what looks like a split"):
        desk.update()
    assert desk.archive.load("TSLA", "1m") is held


def test_an_update_with_nothing_new_writes_nothing() -> None:
    desk = Desk()
    desk.update()
    found = desk.update()
    assert len(found.changed) == 0
    assert desk.archive.saves == 1


def test_a_weekend_is_covered_without_a_bar() -> None:
    desk = Desk(ms("2026-11-21T12:00"))
    desk.update()
    desk.clock.time = ms("2026-11-22T12:00")
    found = desk.update()
    assert len(found.changed) == 0
    assert found.series.covered == desk.clock.now() - M1.grace
    assert desk.archive.load("TSLA", "1m") is found.series


def test_revised_bars_are_among_the_changed_and_replace_the_archived_ones() -> None:
    desk = Desk()
    desk.update()
    revised = replace(desk.yahoo.bars["TSLA"][OPEN + 30 * MINUTE], volume=61.0)
    desk.yahoo.bars["TSLA"][OPEN + 30 * MINUTE] = revised
    desk.clock.time += MINUTE
    found = desk.update()
    assert [(b.timestamp, b.volume) for b in found.changed] == [
        (OPEN + 30 * MINUTE, 61.0),
        (OPEN + 59 * MINUTE, 60.0),
    ]
    assert not found.rebased
    kept = {b.timestamp: b for b in found.series.bars}
    assert kept[OPEN + 30 * MINUTE] == revised


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
def test_a_revision_of_any_column_counts(name: str) -> None:
    desk = Desk()
    desk.update()
    bar = desk.yahoo.bars["TSLA"][OPEN]
    desk.yahoo.bars["TSLA"][OPEN] = replace(bar, **{name: getattr(bar, name) + 0.25})
    assert times(desk.update().changed) == [OPEN]


def test_a_bar_that_yahoo_shows_late_is_found_by_the_overlap() -> None:
    desk = Desk()
    late = desk.yahoo.bars["TSLA"].pop(OPEN + 40 * MINUTE)
    desk.update()
    desk.yahoo.bars["TSLA"][late.timestamp] = late
    found = desk.update()
    assert list(found.changed) == [late]
    assert times(found.series.bars) == sorted(times(found.series.bars))


def test_an_archived_bar_that_yahoo_no_longer_shows_stays() -> None:
    desk = Desk()
    desk.update()
    del desk.yahoo.bars["TSLA"][OPEN + 40 * MINUTE]
    found = desk.update()
    assert len(found.changed) == 0
    assert OPEN + 40 * MINUTE in times(found.series.bars)


def test_bars_of_a_gap_are_asked_for_again_from_where_it_began() -> None:
    desk = Desk()
    desk.update()
    bar = desk.yahoo.bars["TSLA"][BEFORE - DAY + 5 * MINUTE]
    desk.yahoo.bars["TSLA"][bar.timestamp] = replace(bar, volume=99.0)
    assert len(desk.update().changed) == 0  # too old for the overlap
    assert times(desk.update(again_from=BEFORE - DAY + 5 * MINUTE).changed) == [bar.timestamp]


def test_a_longer_period_than_is_archived_is_asked_for_whole_and_becomes_one_series() -> None:
    desk = Desk()
    desk.update(2)
    found = desk.update(20)
    assert desk.yahoo.asked[0][1] <= desk.clock.now() - 20 * DAY
    wanted = [t for t in desk.yahoo.bars["TSLA"] if desk.yahoo.asked[0][1] <= t < desk.clock.now() - MINUTE]
    assert times(found.series.bars) == wanted
    assert found.series.start == desk.yahoo.asked[0][1]
    assert times(found.changed) == [t for t in wanted if t < OPEN - 2 * DAY]


def test_a_shorter_period_than_is_archived_shortens_nothing() -> None:
    desk = Desk()
    first = desk.update(20)
    found = desk.update(1)
    assert len(found.series.bars) == len(first.series.bars)
    assert found.series.start == first.series.start
    assert len(found.changed) == 0


def test_a_period_that_yahoo_no_longer_has_is_cut_to_what_it_has() -> None:
    desk = Desk()
    desk.update(300)
    assert desk.yahoo.asked[0][1] == M1.oldest(desk.clock.now())


def test_days_that_fell_out_of_yahoos_window_are_reported_once() -> None:
    desk = Desk(ms("2026-10-24T12:00"))
    desk.update()
    desk.clock.time = OPEN + 60 * MINUTE
    (notice,) = desk.update().notices
    assert notice.startswith("TSLA: Yahoo no longer has 1m bars of the 2.2 days before 2026-10-26")
    assert desk.update().notices == ()


def test_a_pause_within_yahoos_window_leaves_no_hole_and_says_nothing() -> None:
    desk = Desk(ms("2026-11-04T16:00"))
    desk.update()
    desk.clock.time = OPEN + 60 * MINUTE
    found = desk.update()
    assert found.notices == ()
    first = times(found.series.bars)[0]
    assert times(found.series.bars) == [t for t in desk.yahoo.bars["TSLA"] if first <= t < desk.clock.now() - MINUTE]


def test_what_yahoo_answers_late_is_not_taken_to_be_covered() -> None:
    desk = Desk()
    desk.yahoo.late = 15 * MINUTE  # a delayed exchange
    found = desk.update()
    assert found.series.covered == desk.clock.now() - 15 * MINUTE - M1.grace


def test_a_clock_that_was_set_back_asks_for_no_future() -> None:
    desk = Desk()
    covered = desk.update().series.covered
    desk.clock.time -= 10 * MINUTE
    found = desk.update()
    assert all(start < end <= desk.clock.now() for _, start, end in desk.yahoo.asked)
    assert found.series.covered == covered
    assert len(found.changed) == 0


# -- many at once ------------------------------------------------------------------------------------------------------


def many(desk: Desk, symbols: list[str]) -> tuple[dict[str, Update | FeedError], list[str]]:
    done: list[str] = []

    async def run() -> dict[str, Update | FeedError]:
        since = desk.clock.now() - DAY
        return {s: found async for s, found in desk.history.update_all(symbols, M1, since, done.append)}

    return asyncio.run(run()), done


def test_a_failed_symbol_comes_with_its_error_and_the_others_are_updated() -> None:
    desk = Desk()
    names = [f"S{n}" for n in range(20)]
    for name in names[:-1]:
        desk.yahoo.bars[name] = minutes("2026-11-25", "2026-11-26", name, 5)
    found, done = many(desk, ["GONE", *names])
    errors = {symbol: str(update) for symbol, update in found.items() if isinstance(update, FeedError)}
    assert errors == {s: f"{s}: No data found, symbol may be delisted" for s in ("GONE", names[-1])}
    assert sorted(done) == sorted(["GONE", *names])
    assert desk.archive.symbols("1m") == sorted(names[:-1])
    assert all(len(desk.archive.kept[name, "1m"].bars) == 5 for name in names[:-1])


def test_a_symbol_named_twice_is_updated_once() -> None:
    desk = Desk()
    found, done = many(desk, ["TSLA", "TSLA"])
    assert (list(found), done, len(desk.yahoo.asked)) == (["TSLA"], ["TSLA"], 1)


def test_many_symbols_are_updated_at_once_but_not_all() -> None:
    desk = Desk()
    names = [f"S{n}" for n in range(40)]
    desk.yahoo.bars |= {name: minutes("2026-11-25", "2026-11-26", name, 2) for name in names}
    many(desk, names)
    assert 1 < desk.yahoo.most <= 8


def test_a_fault_of_ours_ends_all_updates_and_leaves_nothing_running() -> None:
    desk = Desk()
    desk.archive.load = lambda *_: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(ZeroDivisionError):
        many(desk, ["TSLA", "AAPL", "MSFT"])
    assert desk.yahoo.under_way == 0


def test_closing_a_history_closes_its_client() -> None:
    desk = Desk()
    desk.history.close()
    assert desk.yahoo.closed
