"""Rules over a store: what is news, what is not, restarts, corrections, indicators that are not stored, trouble."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.fakes.stores import MemoryStore
from tests.rows import row

from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.journal import Journal
from tapeline.alerts.rehearsal import Rehearsal
from tapeline.alerts.rule_state import State
from tapeline.alerts.runner import STALE, Runner
from tapeline.alerts.service import Alerts, running
from tapeline.core.market import Bar, Bars
from tapeline.core.rows import Rows
from tapeline.data import sample_path
from tapeline.errors import InputError, NotFoundError, RuleError, StorageError
from tapeline.runtime.processor import Processor

MINUTE = 60_000
OPEN = 1_549_895_400_000  # 2019-02-11 14:30 UTC, New York opens


class Desk:
    """A store in memory, rules, and a runner that can be started again."""

    def __init__(self, folder: Path, *rules: str, live: bool = False) -> None:
        self.store = MemoryStore()
        self.journal = Journal(folder / "alerts.db", create=True)
        self.rules = list(rules)
        self.now = OPEN
        self.live = live
        self.start()

    def start(self) -> None:
        self.runner = Runner(
            self.store, self.journal, lambda: [parse_rule(text) for text in self.rules], ["log"],
            clock=lambda: self.now if self.live else None, wall=lambda: self.now,
        )  # fmt: skip

    def put(self, minute: int, price: float, symbol: str = "AAPL", **values: object) -> None:
        self.store.put(row(symbol, OPEN + minute * MINUTE, price, **values))

    def look(self) -> list[tuple[str, int]]:
        return [(alert.symbol, (alert.timestamp - OPEN) // MINUTE) for alert in self.runner.look()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made = []

    def make(*rules: str, **values: bool) -> Desk:
        made.append(Desk(tmp_path, *rules, **values))
        return made[-1]

    yield make
    for each in made:
        each.journal.close()


def test_bars_older_than_the_rule_fire_nothing(desk: Callable[..., Desk]) -> None:
    d = desk()
    for minute, price in enumerate([9, 11, 9, 11]):
        d.put(minute, price)
    assert d.look() == []
    d.rules = ["price > 10 quiet 0s", "price crosses above 10 quiet 0s"]
    assert d.look() == []
    d.put(4, 9)
    d.put(5, 11)
    assert d.look() == [("AAPL", 5), ("AAPL", 5)]
    assert d.look() == []


def test_all_bars_of_a_batch_count_and_a_new_symbol_is_judged_from_its_first(
    desk: Callable[..., Desk],
) -> None:
    d = desk("price > 10 quiet 0s")
    assert d.look() == []
    for minute, price in enumerate([9, 11, 9, 11]):
        d.put(minute, price)
    assert d.look() == [("AAPL", 1), ("AAPL", 3)]
    for minute, price in enumerate([9, 11, 9]):
        d.put(minute, price, "MSFT")
    assert d.look() == [("MSFT", 1)]


def test_a_symbol_stands_for_its_shortest_bars_and_a_series_for_itself(desk: Callable[..., Desk]) -> None:
    rules = "price > 10", "price > 10 for AAPL", "price > 10 for AAPL@1d", "price > 10 for AAPL@1h", "price > 10 for X"
    some = desk(*rules)
    day = (OPEN - OPEN % 86_400_000 - OPEN) // MINUTE  # midnight, in minutes from the open
    for ago in range(3, -1, -1):
        some.put(day - (ago + 1) * 1440, 5.0)
        some.put(-ago, 5.0, symbol="AAPL@1m")
    assert some.look() == []
    some.put(day, 20.0)  # the days were there first, and have the symbol's name
    some.put(1, 20.0, symbol="AAPL@1m")
    fired = {(alert.rule, alert.symbol) for alert in some.runner.look()}
    assert fired == {
        ("price > 10", "AAPL@1m"), ("price > 10 for AAPL", "AAPL@1m"), ("price > 10 for AAPL@1d", "AAPL"),
    }  # fmt: skip


def test_old_bars_fire_nothing(desk: Callable[..., Desk]) -> None:
    d = desk("price > 10 quiet 0s")
    d.look()
    for minute in range(200):
        d.put(minute, 11 if minute % 2 else 9)
    assert d.look() == [("AAPL", minute) for minute in range(139, 200, 2)]  # the last hour, by the newest bar
    d = desk("price > 10 quiet 0s", live=True)
    d.now = OPEN + 10 * STALE
    d.journal.remove_rule(parse_rule(d.rules[0]).id)
    d.put(0, 9)
    d.put(1, 11)
    assert d.look() == []
    d.put(601, 9)
    d.put(602, 11)
    assert d.look() == [("AAPL", 602)]


def test_a_restart_continues_and_repeats_nothing(desk: Callable[..., Desk]) -> None:
    d = desk("price > 10 quiet 0s", "price crosses above sma_3 quiet 0s")
    assert d.look() == []
    prices = [9, 9, 9, 11, 9, 9, 11, 12, 9, 9, 13]
    found = []
    for minute, price in enumerate(prices):
        d.put(minute, price)
        found += d.look()
        d.start()
        found += d.look()
        assert d.look() == []
    assert found == [("AAPL", m) for m in (3, 3, 6, 6, 10, 10)]
    d.put(11, 9)
    d.put(12, 14)  # while nothing ran
    d.start()
    assert d.look() == [("AAPL", 12), ("AAPL", 12)]


def test_a_kept_alert_is_not_made_twice_even_if_the_state_is_lost(desk: Callable[..., Desk]) -> None:
    d = desk("price > 10 quiet 0s")
    d.look()
    d.put(0, 9)
    d.put(1, 11)
    assert d.look() == [("AAPL", 1)]
    rule = parse_rule(d.rules[0])
    d.journal.record({(rule.id, "AAPL"): State(OPEN - MINUTE, True, False)}, [], ())
    d.start()
    assert d.look() == []
    assert len(d.journal.fired()) == 1


def test_forming_bars_fire_once_and_corrections_fire_nothing(desk: Callable[..., Desk]) -> None:
    d = desk("price > 10 quiet 0s", "price > 10 quiet 0s on forming bars")
    d.look()
    d.put(0, 9)
    d.put(1, 9, final=False)
    assert d.look() == []
    d.put(1, 11, final=False)
    assert d.look() == [("AAPL", 1)]
    d.put(1, 12, final=False)
    assert d.look() == []
    d.put(1, 12)
    d.put(2, 12, final=False)
    assert d.look() == [("AAPL", 1)]  # the other rule, on the final bar
    d.put(0, 11)  # a correction far back, and one of the last bar
    d.put(2, 9, final=False)
    assert d.look() == []
    d.put(2, 9)
    d.look()
    d.put(2, 11)
    assert d.look() == []


def test_rules_are_added_and_removed_while_the_runner_runs(desk: Callable[..., Desk]) -> None:
    d = desk("price > 10 quiet 0s for AAPL", "price > 10 quiet 0s for MSFT")
    d.look()
    for symbol in ("AAPL", "MSFT"):
        d.put(0, 9, symbol)
    assert d.look() == []
    d.rules.pop()
    for symbol in ("AAPL", "MSFT"):
        d.put(1, 11, symbol)
    assert d.look() == [("AAPL", 1)]


@pytest.fixture(scope="module")
def week() -> Bars:
    """Two days of one symbol's minutes."""
    table = pq.read_table(sample_path("1m"))
    table = table.filter(np.isin(table["symbol"].to_numpy(), ["AMZN"])).slice(0, 700)
    return Bars.of(Bar(**record) for record in table.to_pylist())


@pytest.mark.parametrize("stored", [(), ("sma_50", "rsi_14", "vwap", "macd")])
def test_stored_and_computed_indicators_fire_alike(
    desk: Callable[..., Desk], week: Bars, stored: tuple[str, ...]
) -> None:
    texts = ["rsi_14 < 35", "price crosses above sma_50", "price crosses below vwap", "macd > macd_signal"]
    everything = Processor(("sma_50", "rsi_14", "vwap", "macd")).step(week).rows
    expected = {
        (rule.text, each["timestamp"]) for rule in map(parse_rule, texts) for each in Rehearsal(rule).judge(everything)
    }
    assert {text for text, _ in expected} == {parse_rule(text).text for text in texts}
    step = Processor(stored)
    d = desk(*texts)
    found = []
    d.look()
    night = int(np.argmax(np.diff(week.timestamp))) + 1  # a look over a night would find yesterday's bars too old
    cuts = [*range(0, night, 23), *range(night, len(week), 23), len(week)]
    for start, end in itertools.pairwise(cuts):  # the last bar of each look is still forming
        part = week[start:end]
        forming = part[-1:]
        forming = dataclasses.replace(
            forming, final=np.array([False]), close=forming.close * 1.5, high=forming.high * 1.5
        )
        put(d, step.step(Bars.concat((part[:-1], forming))).rows)
        found += d.runner.look()
        put(d, step.step(part[-1:]).rows)
        if start == 230:
            d.start()
        found += d.runner.look()
    assert {(alert.rule, alert.timestamp) for alert in found} == expected


def put(desk: Desk, rows: Rows) -> None:
    desk.store.put(*rows)


def test_silence_is_measured_by_the_clock(desk: Callable[..., Desk]) -> None:
    d = desk("no bar for 3 minutes in an open session", live=True)
    d.put(-1000, 9)
    d.put(-999, 9)
    d.now = OPEN - 10 * MINUTE
    assert d.look() == []
    for seconds in range(0, 181, 60):
        d.now = OPEN + seconds * 1000
        found = d.look()
    assert found == [("AAPL", 0)]  # since the open
    d.now += MINUTE
    assert d.look() == []
    d.start()  # a restart meanwhile is no reason to say it again
    assert d.look() == []
    d.put(5, 9)
    d.now = OPEN + 6 * MINUTE
    assert d.look() == []
    d.now = OPEN + 9 * MINUTE
    assert d.look() == []  # within the quiet time
    for minute in (10, 11, 30):
        d.put(minute, 9)
        d.now = OPEN + (minute + 1) * MINUTE
        assert d.look() == []
    d.now = OPEN + 35 * MINUTE
    assert d.look() == [("AAPL", 31)]
    assert d.journal.fired()[-1].text == "no bar since 2019-02-11 15:01 UTC"


def test_silence_before_the_start_does_not_count(desk: Callable[..., Desk]) -> None:
    d = desk("no bar for 3 minutes in an open session", live=True)
    d.put(0, 9)
    d.put(1, 9)
    d.now = OPEN + 60 * MINUTE
    assert d.look() == []
    d.now += 3 * MINUTE
    assert d.look() == [("AAPL", 60)]


def test_a_failed_round_loses_no_alert(desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    d = desk("price > 10 quiet 0s", "price crosses above sma_2 quiet 0s")
    d.look()
    d.put(0, 9)
    d.put(1, 9)
    d.look()
    d.put(2, 11)
    d.store.error = OSError("the disk is gone")
    with pytest.raises(OSError, match="the disk is gone"):
        d.look()
    d.store.error = None

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(d.journal, "record", full)
        with pytest.raises(StorageError, match="full"):
            d.look()
    assert d.look() == [("AAPL", 2), ("AAPL", 2)]


# -- the service -----------------------------------------------------------------------------------------------------


def test_rules_of_the_settings_and_added_ones(tmp_path: Path) -> None:
    with contextlib.closing(Journal(tmp_path / "alerts.db", create=True)) as journal:
        alerts = Alerts(journal, ["rsi < 30"])
        kept = alerts.add("rsi_14 > 70")
        assert [each.as_json()["source"] for each in alerts.rules()] == ["settings", "page"]
        for again in ("RSI<30", "rsi > 70.0"):
            with pytest.raises(InputError, match="there already"):
                alerts.add(again)
        with pytest.raises(RuleError):
            alerts.add("rsi")
        with pytest.raises(InputError, match="in the settings"):
            alerts.remove(parse_rule("rsi < 30").id)
        alerts.remove(kept.rule.id)
        with pytest.raises(NotFoundError):
            alerts.remove(kept.rule.id)
        journal.add_rule("000000000000", "an indicator of a later version", 0)
        assert [each.rule.text for each in alerts.rules()] == ["rsi_14 < 30"]
        for n in range(199):
            alerts.add(f"price > {n}")
        with pytest.raises(InputError, match="as many as are judged"):
            alerts.add("price > 1000")


def until(done: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits for threads to get there."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def test_one_process_judges_and_another_takes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapeline.alerts.service._LOOK_SECONDS", 0.005)
    store, said = MemoryStore(), []
    rules = ["price > 10 quiet 0s"]

    class Post:
        def __init__(self) -> None:
            self.taken: list[str] = []

        def send(self, alerts: object) -> None:
            self.taken += [alert.symbol for alert in alerts]

    first, second = Post(), Post()

    def told(alerts: Alerts) -> list[str]:
        return [each.deliveries[0].state for each in alerts.newest(9)]

    with running(store, tmp_path, [], {"post": second}, live=False, notify=said.append) as late:
        until((tmp_path / "alerts.lock").exists)
        with running(store, tmp_path, rules, {"post": first}, live=False, notify=said.append) as early:
            early.add("price < 1 for BAD")
            assert len(late.rules()) == 1
    with running(store, tmp_path, rules, {"post": first}, live=False, notify=said.append) as alerts:
        store.error = RuntimeError("not\nreadable")
        until(lambda: said)
        store.error = None
        store.put(row("AAPL", OPEN, 9.0))
        until(lambda: alerts._journal.states(parse_rule(rules[0]).id))
        with running(store, tmp_path, rules, {"post": second}, live=False, notify=said.append) as other:
            store.put(row("AAPL", OPEN + MINUTE, 11.0))
            until(lambda: told(alerts) == ["delivered"])
            assert [each.symbol for each in other.since(0)] == ["AAPL"]
    assert (first.taken, second.taken) == (["AAPL"], [])
    assert said == ["alerts: RuntimeError: not readable"]
    with running(store, tmp_path, rules, {"post": second}, live=False, notify=said.append) as alerts:
        store.put(row("AAPL", OPEN + 2 * MINUTE, 9.0), row("AAPL", OPEN + 3 * MINUTE, 11.0))
        until(lambda: told(alerts) == ["delivered"] * 2)
    assert second.taken == ["AAPL"]
