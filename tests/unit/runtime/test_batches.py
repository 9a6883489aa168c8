"""Batches through a store that writes piece by piece, with every kind of trouble: rows are those of an orderly day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.event_source import CrashError, EventSource, eventful_day, records
from tests.unit.runtime.test_pipeline import FakeModel

from tapeline.core.codec import decode, encode
from tapeline.core.market import Bar, Bars, Reject, Row, Rows
from tapeline.core.ports import (
    Commit,
    SymbolState,
)
from tapeline.errors import ConflictError
from tapeline.runtime.batches import ATTEMPTS, Batches, Record
from tapeline.runtime.corrections import with_pending_correction, without_pending_correction
from tapeline.runtime.processor import Processor

SPECS = ("sma_3", "rsi_14")
NOW = START + 10**9


class TornStore:
    """Keeps everything in memory, one small write after the other, each of which may be the last before a crash.

    Rows first, then of each symbol the newest row and the state at once, if the state is the one that was loaded.
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[int, Row]] = {}
        self.newest: dict[str, Row] = {}
        self.states: dict[str, tuple[int, SymbolState]] = {}
        self.checkpoints: dict[str, dict[int, SymbolState]] = {}
        self.before_write: Callable[[], None] = lambda: None

    def opened(self) -> TornStore.Connection:
        return TornStore.Connection(self)

    def environment(self) -> Callable[[Sequence[Record]], Sequence[str]]:
        made = function(self)
        return lambda batch: made.apply(batch).failed

    def fail_after(self, writes: int) -> None:
        def count() -> None:
            nonlocal writes
            writes -= 1
            if writes < 0:
                raise CrashError

        self.before_write = count

    def heal(self) -> None:
        self.before_write = lambda: None

    class Connection:
        """What one process sees of it."""

        def __init__(self, tables: TornStore) -> None:
            self._tables = tables
            self._versions: dict[str, int] = {}

        def commit(self, commit: Commit) -> None:
            tables = self._tables
            for row in commit.rows:
                tables.before_write()
                tables.items.setdefault(row.stock_symbol, {})[row.timestamp] = row
            conflicts = []
            newest = {row.stock_symbol: row for row in sorted(commit.rows, key=lambda row: row.timestamp)}
            for symbol in dict.fromkeys([*newest, *commit.states]):
                tables.before_write()
                version, _ = tables.states.get(symbol, (0, None))
                if symbol in commit.states and self._versions.get(symbol, 0) != version:
                    conflicts.append(symbol)
                    continue
                known = tables.newest.get(symbol)
                if symbol in newest and (known is None or known.timestamp <= newest[symbol].timestamp):
                    tables.newest[symbol] = newest[symbol]
                if symbol not in commit.states:
                    continue
                self._versions[symbol] = version + 1
                tables.states[symbol] = version + 1, commit.states[symbol]
                kept, since = tables.checkpoints.setdefault(symbol, {}), commit.rewound.get(symbol, NOW)
                for time in [time for time in kept if time >= since]:
                    del kept[time]
                if symbol in commit.checkpoints:
                    kept[commit.checkpoints[symbol].timestamp] = commit.checkpoints[symbol]
            if conflicts:
                raise ConflictError(conflicts)

        def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
            found = {s: v for s, v in self._tables.states.items() if symbols is None or s in symbols}
            for symbol in symbols or found:
                self._versions[symbol] = found[symbol][0] if symbol in found else 0
            return {symbol: replace(state, forming=self._forming(symbol)) for symbol, (_, state) in found.items()}, 0

        def _forming(self, symbol: str) -> Bar | None:
            row = self._tables.newest.get(symbol)
            return None if row is None or row.final else next(iter(columns([row]).bars))

        def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
            kept = self._tables.checkpoints.get(symbol, {})
            return max((s for t, s in kept.items() if t < timestamp), key=lambda s: s.timestamp, default=None)

        def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
            found = [
                row
                for time, row in sorted(self._tables.items.get(symbol, {}).items())
                if (start is None or time >= start) and (end is None or time < end)
            ]
            return columns(found[-limit:] if limit else found)

        def latest(self) -> Rows:
            return columns([max(rows.values(), key=lambda r: r.timestamp) for rows in self._tables.items.values()])


def columns(rows: Sequence[Row]) -> Rows:
    names = tuple(dict.fromkeys(name for row in rows for name in row.indicator))
    models = tuple(dict.fromkeys(row.model for row in rows if row.model))
    directions = {"UP": 1, "DOWN": 2, "HOLD": 3, None: 0}
    return Rows(
        Bars.of(Bar(r.stock_symbol, r.timestamp, r.open, r.high, r.low, r.price, r.volume, r.final) for r in rows),
        names,
        np.array([[r.indicator.get(name, np.nan) for name in names] for r in rows]).reshape(len(rows), len(names)),
        np.array([directions[r.prediction] for r in rows], np.int8),
        np.array([np.nan if r.probability is None else r.probability for r in rows]),
        models,
        np.array([models.index(r.model) if r.model else -1 for r in rows], np.int32),
    )


def function(store: TornStore, **how: Any) -> Batches:
    """A fresh execution environment."""
    return Batches(store.opened(), lambda: Processor(SPECS, FakeModel()), clock=lambda: NOW, **how)


def outcome_of(store: TornStore) -> dict[str, list[Row]]:
    return {symbol: [row for _, row in sorted(rows.items())] for symbol, rows in sorted(store.items.items())}


@pytest.mark.parametrize("seeds", [range(start, start + 50) for start in range(0, 100, 50)], ids=str)
def test_rows_do_not_depend_on_what_went_wrong(seeds: range) -> None:
    trouble = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        day = eventful_day(rng)
        orderly = TornStore()
        assert not function(orderly).apply(day).failed
        troubled = TornStore()
        source = EventSource(rng, troubled.environment, troubled.fail_after, troubled.heal)
        source.run(day)
        trouble += source.trouble
        assert outcome_of(troubled) == outcome_of(orderly), f"seed {seed}"
        assert not any(without_pending_correction(state)[1] for _, state in troubled.states.values()), f"seed {seed}"
    assert trouble > len(seeds)


def test_the_rows_are_those_of_the_bars_as_they_ended_up() -> None:
    """Against the plainest way: the processor over the last version of every bar, in the order of time."""
    day = eventful_day(np.random.default_rng(7))
    store = TornStore()
    function(store).apply(day)
    wanted: dict[str, list[Row]] = {}
    for symbol, rows in outcome_of(store).items():
        bars = Bars.of(Bar(symbol, r.timestamp, r.open, r.high, r.low, r.price, r.volume) for r in rows if r.final)
        wanted[symbol] = list(Processor(SPECS, FakeModel()).step(bars).rows)
        assert wanted[symbol] == [row for row in rows if row.final]


def bar(minute: int, close: float = 10.0, *, final: bool = True, symbol: str = "A") -> Bar:
    return Bar(symbol, START + minute * MINUTE, 10.0, 12.0, 9.0, close, 100.0, final)


def test_a_batch_that_comes_again_after_a_correction_does_not_undo_it() -> None:
    store = TornStore()
    first, second = records([bar(0), bar(1), bar(2), bar(1, close=11.0)], 1)[:3], records([bar(1, close=11.0)])
    correction = replace(second[0], position=4)
    function(store).apply(first)
    assert function(store).apply([correction]).corrected == 1
    outcome = function(store).apply(first)
    assert (outcome.repeated, outcome.rows, outcome.corrected) == (3, 0, 0)
    assert [row.price for row in outcome_of(store)["A"]] == [10.0, 11.0, 10.0]


def test_only_the_last_update_of_each_bar_is_written() -> None:
    store = TornStore()
    updates = [bar(0, close, final=False) for close in (10.1, 10.2, 10.3)] + [bar(0), bar(1, 10.4, final=False)]
    assert function(store).apply(records(updates)).rows == 2


def test_final_rows_are_passed_on_before_the_state_says_so() -> None:
    store, passed = TornStore(), list[Row]()
    batch = records([bar(0), bar(1), bar(2, final=False)])

    def fail(_: Rows) -> None:
        raise CrashError

    with pytest.raises(CrashError):
        function(store, copy=fail).apply(batch)
    function(store, copy=passed.extend).apply(batch)
    assert [(row.timestamp, row.final) for row in passed] == [(START, True), (START + MINUTE, True)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a record of bars"),
        (b"{}", "not a record of bars"),
        (encode(Bars.of([bar(0)]))[:-3], "cut short"),
        (encode(Bars.of([replace(bar(0), close=float("nan"))])), "NaN"),
        (encode(Bars.of([replace(bar(0), high=1.0)])), "high is below low"),
        (encode(Bars.of([replace(bar(0), timestamp=NOW + 10**7)])), "in the future"),
        (encode(Bars.of([bar(0, symbol="<script>")])), "characters that no ticker has"),
    ],
)
def test_what_cannot_be_used_is_kept_with_its_reason_and_the_others_go_on(data: bytes, reason: str) -> None:
    store, kept = TornStore(), list[Reject]()
    batch = [replace(record, data=data) if record.position == 2 else record for record in records([bar(0)] * 3)]
    outcome = function(store, refuse=kept.extend).apply(batch)
    assert (outcome.rejects, outcome.rows, outcome.failed) == (1, 1, ())
    assert kept[0].place.startswith("2")
    assert reason in kept[0].reason
    assert kept[0].raw == data


def test_of_a_record_with_many_unusable_bars_each_is_kept_once() -> None:
    """Kept with the whole record every time, a request's worth of such records is gigabytes."""
    store, kept = TornStore(), list[Reject]()
    bars = [bar(minute) for minute in range(300)]
    bad = [replace(one, high=1.0) for one in bars[1:]]
    outcome = function(store, refuse=kept.extend).apply([Record(1, "1", encode(Bars.of([bars[0], *bad])))])
    assert (outcome.rejects, outcome.rows) == (299, 1)
    assert [each for reject in kept for each in decode(reject.raw)] == bad
    assert [reject.place for reject in kept] == [f"1 bar {place}" for place in range(1, 300)]


def test_rejects_that_cannot_be_kept_fail_the_batch_before_anything_is_passed_over() -> None:
    def full(_: Sequence[Reject]) -> None:
        raise CrashError

    store = TornStore()
    batch = [*records([bar(0)]), Record(2, "2", b"poison")]
    with pytest.raises(CrashError):
        function(store, refuse=full).apply(batch)
    assert not store.states


def test_a_symbol_moved_on_by_another_process_is_loaded_and_stepped_again() -> None:
    store = TornStore()
    mine = function(store)
    batch = records([bar(0), bar(1), bar(0, symbol="B")])
    raced: list[int] = []

    def other() -> None:
        if not raced:
            raced.append(1)
            store.before_write = lambda: None
            function(store).apply(batch[:1])

    store.before_write = other
    assert not mine.apply(batch).failed
    assert raced
    assert [row.timestamp for row in outcome_of(store)["A"]] == [START, START + MINUTE]
    assert store.states["A"][1].position == 2


def test_a_forming_bar_is_kept_without_writing_the_state_again() -> None:
    store = TornStore()
    first = [bar(0), bar(1, 10.1, final=False)]
    function(store).apply(records(first))
    version, _ = store.states["A"]
    second = [replace(record, position=9) for record in records([bar(1, 10.7, final=False)])]
    function(store).apply(second)
    assert store.states["A"][0] == version
    third = [replace(record, position=10) for record in records([bar(2, 10.9, final=False)])]
    function(store).apply(third)  # the bar before it never was said to be final
    assert [(row.price, row.final) for row in outcome_of(store)["A"]] == [(10.0, True), (10.7, True), (10.9, False)]


def test_a_symbol_that_never_stands_still_is_given_back_from_its_first_record() -> None:
    store = TornStore()
    mine = function(store)
    tries = 0
    real = TornStore.Connection.commit

    class Restless(TornStore.Connection):
        def commit(self, commit: Commit) -> None:
            nonlocal tries
            others = {symbol: state for symbol, state in commit.states.items() if symbol != "A"}
            real(self, replace(commit, states=others))
            if "A" in commit.states:
                tries += 1
                raise ConflictError(["A"])

    mine._store = Restless(store)
    batch = records([bar(0, symbol="B"), bar(0), bar(1), bar(1, symbol="B")])
    assert mine.apply(batch).failed == ("2",)
    assert tries == ATTEMPTS
    assert store.states["B"][1].position == 4
    assert "A" not in store.states


def test_states_of_another_set_of_indicators_are_computed_anew() -> None:
    store = TornStore()
    day = records(list(random_bars(1, 80)))
    before = Batches(store.opened(), lambda: Processor(("ema_5",), FakeModel()), clock=lambda: NOW)
    before.apply(day[:50])
    function(store).apply(day[50:])
    wanted = TornStore()
    function(wanted).apply(day)
    assert [row.indicator for row in outcome_of(store)["S00"]] == [row.indicator for row in outcome_of(wanted)["S00"]]


def test_an_interrupted_correction_is_finished_even_if_its_record_does_not_come_again() -> None:
    store = TornStore()
    day = records(list(random_bars(1, 40)))
    function(store).apply(day)
    wrong = list(store.items["S00"].values())[20]
    version, state = store.states["S00"]
    store.items["S00"][wrong.timestamp] = replace(wrong, volume=1.0, indicator={})
    store.states["S00"] = version, with_pending_correction(state, wrong.timestamp)
    function(store).apply([replace(records([bar(100, symbol="S00")])[0], position=41)])
    rows = outcome_of(store)["S00"]
    bars = Bars.of(Bar("S00", r.timestamp, r.open, r.high, r.low, r.price, r.volume) for r in rows)
    assert rows == list(Processor(SPECS, FakeModel()).step(bars).rows)
    assert without_pending_correction(store.states["S00"][1])[1] is None
