"""Batches through a store that writes piece by piece, with every kind of trouble: rows are those of an orderly day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.event_source import EventSource, eventful_day, records
from tests.fakes import CrashError
from tests.fakes.models import FakeModel
from tests.fakes.stores import MemoryStore, MemoryTables

from tapeline.core.codec import decode, encode
from tapeline.core.market import Bar, Bars, Reject
from tapeline.core.messages import Commit
from tapeline.core.rows import Row
from tapeline.errors import ConflictError, StorageError
from tapeline.runtime.batch_records import Record
from tapeline.runtime.batches import ATTEMPTS, Batches
from tapeline.runtime.corrections import with_pending_correction, without_pending_correction
from tapeline.runtime.processor import Processor

SPECS = ("sma_3", "rsi_14")
NOW = START + 10**9


#: The model has seen the first 20 minutes.
TRAINED_UNTIL = START + 20 * MINUTE


def function(store: MemoryTables, **how: Any) -> Batches:
    """A fresh execution environment."""
    return Batches(
        store.opened(), lambda: Processor(SPECS, FakeModel(trained_until=TRAINED_UNTIL)), clock=lambda: NOW, **how
    )


def environment(store: MemoryTables) -> Callable[[Sequence[Record]], Sequence[str]]:
    """Return a fresh execution environment as Lambda sees it: records in, places that failed out."""
    made = function(store)
    return lambda batch: made.apply(batch).failed


def outcome_of(store: MemoryTables) -> dict[str, list[Row]]:
    return {symbol: [row for _, row in sorted(rows.items())] for symbol, rows in sorted(store.items.items())}


@pytest.mark.parametrize("seeds", [range(start, start + 50) for start in range(0, 100, 50)], ids=str)
def test_rows_do_not_depend_on_what_went_wrong(seeds: range) -> None:
    trouble = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        day = eventful_day(rng)
        orderly = MemoryTables()
        assert not function(orderly).apply(day).failed
        troubled = MemoryTables()
        source = EventSource(rng, partial(environment, troubled), troubled.fail_after, troubled.heal)
        source.run(day)
        trouble += source.trouble
        assert outcome_of(troubled) == outcome_of(orderly), f"seed {seed}"
        assert not any(without_pending_correction(state)[1] for _, state in troubled.states.values()), f"seed {seed}"
        assert source.given_back == 0
    assert trouble > len(seeds)


def test_the_rows_are_those_of_the_bars_as_they_ended_up() -> None:
    """Against the plainest way: the processor over the last version of every bar, in the order of time."""
    day = eventful_day(np.random.default_rng(7))
    store = MemoryTables()
    function(store).apply(day)
    wanted: dict[str, list[Row]] = {}
    for symbol, rows in outcome_of(store).items():
        bars = Bars.of(Bar(symbol, r.timestamp, r.open, r.high, r.low, r.price, r.volume) for r in rows if r.final)
        wanted[symbol] = [without_what_was_said(row) for row in Processor(SPECS).step(bars).rows]
        assert wanted[symbol] == [without_what_was_said(row) for row in rows if row.final]


def without_what_was_said(row: Row) -> Row:
    """Return the row without what depends on when its bar and the bars before it arrived."""
    return replace(row, prediction=None, probability=None, model=None, as_known=None)


def bar(minute: int, close: float = 10.0, *, final: bool = True, symbol: str = "A") -> Bar:
    return Bar(symbol, START + minute * MINUTE, 10.0, 12.0, 9.0, close, 100.0, final)


def test_a_batch_that_comes_again_after_a_correction_does_not_undo_it() -> None:
    store = MemoryTables()
    first, second = records([bar(0), bar(1), bar(2), bar(1, close=11.0)], 1)[:3], records([bar(1, close=11.0)])
    correction = replace(second[0], position=4)
    function(store).apply(first)
    assert function(store).apply([correction]).corrected == 1
    outcome = function(store).apply(first)
    assert (outcome.repeated, outcome.rows, outcome.corrected) == (3, 0, 0)
    assert [row.price for row in outcome_of(store)["A"]] == [10.0, 11.0, 10.0]


def test_a_correction_that_cannot_be_made_is_set_aside_and_the_symbol_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise MemoryError

    store, kept = MemoryTables(), list[Reject]()
    monkeypatch.setattr(Processor, "rebuild", fails)
    batch = records([bar(0), bar(1), bar(0, close=11.0), bar(2), bar(1), bar(3)])
    outcome = function(store, refuse=kept.extend).apply(batch)
    assert (outcome.corrected, outcome.rejects, outcome.failed) == (0, 1, ())
    assert kept[0].raw == f"A,{START},10.0,12.0,9.0,11.0,100.0".encode()
    assert [row.price for row in outcome_of(store)["A"]] == [10.0] * 4
    assert function(store).apply(batch).rows == 0


def test_only_the_last_update_of_each_bar_is_written() -> None:
    store = MemoryTables()
    updates = [bar(0, close, final=False) for close in (10.1, 10.2, 10.3)] + [bar(0), bar(1, 10.4, final=False)]
    assert function(store).apply(records(updates)).rows == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a record of bars"),
        (b"{}", "not a record of bars"),
        (encode(Bars.of([bar(0)]))[:-3], "cut short"),
        (encode(Bars.of([replace(bar(0), close=float("nan"))])), "NaN"),
        (encode(Bars.of([replace(bar(0), high=1.0)])), "high is below low"),
        (encode(Bars.of([replace(bar(0), timestamp=NOW + 10**7)])), "in the future"),
        (encode(Bars.of([bar(0, symbol="<script>")])), "which no symbol may have"),
    ],
)
def test_what_cannot_be_used_is_kept_with_its_reason_and_the_others_go_on(data: bytes, reason: str) -> None:
    store, kept = MemoryTables(), list[Reject]()
    batch = [replace(record, data=data) if record.position == 2 else record for record in records([bar(0)] * 3)]
    outcome = function(store, refuse=kept.extend).apply(batch)
    assert (outcome.rejects, outcome.rows, outcome.failed) == (1, 1, ())
    assert kept[0].place.startswith("2")
    assert reason in kept[0].reason
    assert kept[0].raw == data


def test_of_a_record_with_many_unusable_bars_each_is_kept_once() -> None:
    """Kept with the whole record every time, a request's worth of such records is gigabytes."""
    store, kept = MemoryTables(), list[Reject]()
    bars = [bar(minute) for minute in range(300)]
    bad = [replace(one, high=1.0) for one in bars[1:]]
    outcome = function(store, refuse=kept.extend).apply([Record(1, "1", encode(Bars.of([bars[0], *bad])))])
    assert (outcome.rejects, outcome.rows) == (299, 1)
    assert [each for reject in kept for each in decode(reject.raw)] == bad
    assert [reject.place for reject in kept] == [f"1 bar {place}" for place in range(1, 300)]


def test_rejects_that_cannot_be_kept_fail_the_batch_before_anything_is_passed_over() -> None:
    def full(_: Sequence[Reject]) -> None:
        raise CrashError

    store = MemoryTables()
    batch = [*records([bar(0)]), Record(2, "2", b"poison")]
    with pytest.raises(CrashError):
        function(store, refuse=full).apply(batch)
    assert not store.states


def test_a_symbol_moved_on_by_another_process_is_loaded_and_stepped_again() -> None:
    store = MemoryTables()
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
    store = MemoryTables()
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
    store = MemoryTables()
    mine = function(store)
    tries = 0
    real = MemoryStore.commit

    class Restless(MemoryStore):
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


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapeline.runtime.batches.FIRST_BARS", 4)
    monkeypatch.setattr("tapeline.runtime.batches.MOST_BARS", 4)


def test_what_there_is_no_time_for_is_given_back_and_the_next_call_goes_on(small_chunks: None) -> None:
    store, day = MemoryTables(), records(list(random_bars(2, 10)), per_record=1)
    batch, calls = day, 0
    while batch:
        seconds = iter([9.0, 8.0, 4.0, 4.0, 4.0])  # a chunk takes one, and the next would need five
        outcome = function(store).apply(batch, partial(next, seconds))
        calls += 1
        first = next((n for n, record in enumerate(batch) if record.place in outcome.failed), len(batch))
        assert (first == len(batch)) == (outcome.stopped == "")
        batch = batch[first:]
    orderly = MemoryTables()
    function(orderly).apply(day)
    assert outcome_of(store) == outcome_of(orderly)
    assert calls == 5


def test_an_error_after_a_part_was_applied_gives_the_rest_back(small_chunks: None) -> None:
    store, day = MemoryTables(), records(list(random_bars(2, 10)))
    mine = function(store)

    def refuse() -> None:
        if len(store.items.get("S00", ())) == 4:
            raise StorageError("the disk is full")

    store.before_write = refuse
    outcome = mine.apply(day)
    assert (outcome.failed, outcome.stopped) == (("5",), "the disk is full")
    with pytest.raises(StorageError, match="the disk is full"):
        mine.apply(day[4:])
    store.before_write = lambda: None
    assert mine.apply(day[4:]).failed == ()
    assert len(store.items["S00"]) == len(store.items["S01"]) == 10


def test_after_a_symbol_failed_no_later_record_of_it_is_applied(small_chunks: None) -> None:
    """Or its position would say that the one that failed was applied, too."""
    store = MemoryTables()
    mine = function(store)
    real = MemoryStore.commit

    class Restless(MemoryStore):
        def commit(self, commit: Commit) -> None:
            if commit.states.keys() & {"A"}:
                real(self, replace(commit, states={s: v for s, v in commit.states.items() if s != "A"}))
                raise ConflictError(["A"])
            real(self, commit)

    mine._store = Restless(store)
    batch = records([bar(0, symbol="B"), bar(0), bar(1), bar(1, symbol="B"), bar(2), bar(3), bar(2, symbol="B")])
    assert mine.apply(batch).failed == ("2",)
    mine._store = store.opened()
    assert mine.apply(batch[1:]).failed == ()
    assert [row.timestamp for row in outcome_of(store)["A"]] == [START + minute * MINUTE for minute in range(4)]


def test_a_record_is_never_cut_and_chunks_grow_while_they_are_quick() -> None:
    store, sizes = MemoryTables(), list[int]()
    mine = function(store)
    step = mine._step
    mine._step = lambda bars, *rest: (sizes.append(len(bars)), step(bars, *rest))[1]  # type: ignore[method-assign]
    mine.apply(records(list(random_bars(1, 4000)), per_record=400))
    assert sizes == [800, 1200, 2000]


def test_states_of_another_set_of_indicators_are_computed_anew() -> None:
    store = MemoryTables()
    day = records(list(random_bars(1, 80)))
    before = Batches(
        store.opened(), lambda: Processor(("ema_5",), FakeModel(trained_until=TRAINED_UNTIL)), clock=lambda: NOW
    )
    before.apply(day[:50])
    function(store).apply(day[50:])
    wanted = MemoryTables()
    function(wanted).apply(day)
    assert [row.indicator for row in outcome_of(store)["S00"]] == [row.indicator for row in outcome_of(wanted)["S00"]]


def test_an_interrupted_correction_is_finished_even_if_its_record_does_not_come_again() -> None:
    store = MemoryTables()
    day = records(list(random_bars(1, 40)))
    function(store).apply(day)
    wrong = list(store.items["S00"].values())[20]
    version, state = store.states["S00"]
    store.items["S00"][wrong.timestamp] = replace(wrong, volume=1.0, indicator={})
    store.states["S00"] = version, with_pending_correction(state, wrong.timestamp)
    function(store).apply([replace(records([bar(100, symbol="S00")])[0], position=41)])
    rows = outcome_of(store)["S00"]
    bars = Bars.of(Bar("S00", r.timestamp, r.open, r.high, r.low, r.price, r.volume) for r in rows)
    assert list(map(without_what_was_said, rows)) == list(Processor(SPECS).step(bars).rows)
    assert without_pending_correction(store.states["S00"][1])[1] is None
