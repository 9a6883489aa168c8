"""Whatever arrives, in whatever order and however it is cut into batches, ends as the plainest program says it must.

`truth` is that program: a dictionary of bars, each forecast made from the bars that were known when its bar was. Both
drivers are held to it, row by row and bit by bit: `Pipeline` over the embedded store and `Batches` over one that writes
piece by piece, with crashes at any write and redelivery from the committed position.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE, START
from tests.event_source import records as one_bar_records
from tests.fakes import CrashError
from tests.fakes.models import FakeModel
from tests.fakes.sources import ListSource
from tests.fakes.stores import MemoryTables

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import OHLCV, Bar, Bars
from tapeline.core.messages import Commit, Delivery
from tapeline.core.rows import Row
from tapeline.forecast.features import FeatureSet
from tapeline.runtime.batches import Batches
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor

SPECS = ("sma_2", "ema_3", "obv")
FEATURES = FeatureSet(("ema_2", "obv"), ("ema_2", "obv"), ("sum",), lambda bars, values: (
    bars.close + values.sum(axis=1)
)[:, None] / 7)  # fmt: skip
MOST = 40  # records of an example
NEVER = START - MINUTE


def processor() -> Processor:
    return Processor(SPECS, FakeModel(), FEATURES, checkpoint_bars=3)


# -- the plainest program ----------------------------------------------------------------------------------------------


def evaluated(history: dict[int, Bar], bar: Bar) -> Row:
    """Return the row of this bar after the bars of `history` that are before it."""
    before = [history[time] for time in sorted(history) if time < bar.timestamp]
    return list(processor().step(Bars.of([*before, bar])).rows)[-1]


def truth(records: Sequence[Bar]) -> dict[str, list[Row]]:
    """Return every symbol's rows after these records."""
    found = {}
    for symbol in sorted({record.symbol for record in records}):
        bars: dict[int, Bar] = {}
        first: dict[int, Bar] = {}
        said: dict[int, Row] = {}
        forming: Bar | None = None
        for record in records:
            if record.symbol != symbol:
                continue
            closed = []
            if record.timestamp > max(bars, default=NEVER):
                if forming is not None and forming.timestamp < record.timestamp:
                    closed.append(forming)
                    forming = None
                if record.final or (forming is not None and forming.timestamp > record.timestamp):
                    closed.append(record)
                    if forming is not None and forming.timestamp == record.timestamp:
                        forming = None
                else:
                    forming = record
            elif record.final:
                bars[record.timestamp] = record
                first.setdefault(record.timestamp, record)
            for bar in closed:
                bars[bar.timestamp] = first[bar.timestamp] = replace(bar, final=True)
                said[bar.timestamp] = evaluated(bars, bars[bar.timestamp])
        rows = []
        for time in sorted(bars):
            row = evaluated(bars, bars[time])
            was = said.get(time, replace(row, prediction=None, probability=None, model=None))
            known = {name: getattr(first[time], name) for name in OHLCV} if first[time] != bars[time] else None
            rows.append(
                replace(row, prediction=was.prediction, probability=was.probability, model=was.model, as_known=known)
            )
        if forming is not None:
            rows.append(evaluated(bars, forming))
        found[symbol] = rows
    return found


def bar_of(symbol: str, minute: int, price: int, final: bool) -> Bar:
    return Bar(symbol, START + minute * MINUTE, price, price + 1.0, price - 0.5, price + 0.25, price * 10.0, final)


def walked(steps: Sequence[tuple[str, int, int, bool, Sequence[int]]]) -> list[Bar]:
    minute = dict.fromkeys("AB", 0)
    bars = []
    for symbol, move, price, final, again in steps:
        at = max(0, minute[symbol] + move)
        minute[symbol] = max(minute[symbol], at)
        bars.append(bar_of(symbol, at, price, final or move < 0))
        bars += [bar_of(symbol, at, price + change, True) for change in again]
    return bars


#: Few bars and few prices, so that repeats, corrections (A, B, A), updates and gaps that are filled late are frequent.
some_records = st.lists(
    st.builds(bar_of, st.sampled_from("AAAB"), st.integers(0, 9), st.sampled_from([3, 4, 5]), st.booleans())
    | st.builds(bar_of, st.sampled_from("AAAB"), st.integers(0, 9), st.sampled_from([3, 4, 5]), st.just(True)),
    min_size=1, max_size=MOST,
)  # fmt: skip
#: Times mostly go on, as in a market.
moves = st.sampled_from([1, 1, 1, 0, 0, 2, -1, -3, -6])
#: A bar may be said again at once, and then as it was first: the newest one says so only while the other one waits.
repeats = st.sampled_from([(), (), (), (0,), (1,), (1, 0), (1, 2, 0)])
market_records = st.lists(
    st.tuples(st.sampled_from("AAAB"), moves, st.integers(3, 6), st.booleans(), repeats), min_size=1, max_size=MOST // 2
).map(walked)
records = some_records | market_records
cuts = st.just([*range(1, MOST)]) | st.lists(st.integers(1, MOST), max_size=MOST // 2)


def test_the_plain_program_on_an_example_worked_out_by_hand() -> None:
    """A bar said to be 3, then 4, then 3 again; one that is missing until late; one that never is said to be final."""
    rows = truth([
        bar_of("A", 0, 3, True), bar_of("A", 2, 3, False), bar_of("A", 0, 4, True), bar_of("A", 3, 5, True),
        bar_of("A", 1, 5, True), bar_of("A", 1, 4, True), bar_of("A", 0, 3, True), bar_of("A", 4, 5, False),
    ])["A"]  # fmt: skip
    assert [row.price for row in rows] == [3.25, 4.25, 3.25, 5.25, 5.25]
    assert [row.final for row in rows] == [True, True, True, True, False]
    assert [row.as_known and row.as_known["close"] for row in rows] == [None, 5.25, None, None, None]
    assert [row.indicator["obv"] for row in rows] == [30.0, 30 + 40, 30 + 40 - 30, 90.0, 90.0]
    # minute 2 was said after 4 and 3 (ema_2 3.75, obv 40 - 30), and minute 4 after 3, 4, 3 and 5
    assert rows[2].probability == (3.25 + 3.75 + 10) / 7 * 100 % 1
    assert [bool(row.prediction) for row in rows] == [False, False, True, True, True]


# -- the embedded loop -------------------------------------------------------------------------------------------------


class CutStream(SqliteStream):
    """A stream that gives records only up to the next of these positions."""

    def __init__(self, database: Database, ends: Sequence[int]) -> None:
        super().__init__(database)
        self._ends = sorted(ends)

    def read(self, position: int, limit: int) -> tuple[Bars, int]:
        end = next((end for end in self._ends if end > position), position + limit)
        return super().read(position, min(limit, end - position))


class DyingStore(SqliteStore):
    """A store whose process dies at a commit: before it, or after it."""

    def __init__(self, database: Database, commits: int | None, *, after: bool = False) -> None:
        super().__init__(database)
        self._left = commits
        self._after = after

    def commit(self, commit: Commit) -> None:
        dies = self._left == 0
        if self._left is not None:
            self._left -= 1
        if not dies or self._after:
            super().commit(commit)
        if dies:
            raise CrashError


class Loop:
    """The embedded loop over a file with these records in its log."""

    def __init__(self, path: Path, bars: Sequence[Bar]) -> None:
        self.path = path
        with closing(Database(path)) as database:
            SqliteStream(database).append("test", Delivery(Bars.of(bars)))

    def run(self, ends: Sequence[int], dies: int | None = None, *, after: bool = False) -> bool:
        """Process the records, cut at these positions, in a new process; False where that died."""
        with closing(Database(self.path)) as database:
            store = DyingStore(database, dies, after=after)
            try:
                Pipeline(ListSource([]), CutStream(database, ends), store, processor()).run()
            except CrashError:
                return False
            return True

    def rows(self) -> dict[str, list[Row]]:
        with closing(Database(self.path)) as database:
            store = SqliteStore(database)
            assert not [*damaged_parts(database)]
            view = IndicatorView(store)
            return {row.stock_symbol: list(view.rows(row.stock_symbol, SPECS)) for row in store.latest()}


def limits(patched: pytest.MonkeyPatch, commit_bars: int, late_bars: int) -> None:
    """Let the loop commit after this number of rows, and replay after this number of late bars, not after thousands."""
    patched.setattr("tapeline.runtime.pipeline.COMMIT_BARS", commit_bars)
    patched.setattr("tapeline.runtime.pipeline._LATE_BARS", late_bars)


@settings(max_examples=50, deadline=None)
@given(bars=records, ends=cuts, commit_bars=st.integers(1, 12), late_bars=st.integers(0, 12))
def test_the_loop_ends_with_the_truth_however_records_are_cut(
    bars: list[Bar], ends: list[int], commit_bars: int, late_bars: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        limits(patched, commit_bars, late_bars)
        loop = Loop(tmp_path_factory.mktemp("loop") / "tapeline.db", bars)
        assert loop.run(ends)
        assert loop.rows() == truth(bars)


deaths = st.lists(st.tuples(st.integers(0, 8), st.booleans(), cuts), max_size=4)


@settings(max_examples=50, deadline=None)
@given(bars=records, ends=cuts, commit_bars=st.integers(1, 12), late_bars=st.integers(0, 12), deaths=deaths)
def test_the_loop_ends_with_the_truth_wherever_it_dies(
    bars: list[Bar],
    ends: list[int],
    commit_bars: int,
    late_bars: int,
    deaths: list[tuple[int, bool, list[int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        limits(patched, commit_bars, late_bars)
        loop = Loop(tmp_path_factory.mktemp("loop") / "tapeline.db", bars)
        died = sum(not loop.run(cut, commits, after=after) for commits, after, cut in deaths)
        event(f"died {died} times")
        assert loop.run(ends)
        assert loop.rows() == truth(bars)


# -- batches as a function is given them -------------------------------------------------------------------------------


def function(tables: MemoryTables) -> Batches:
    return Batches(tables.opened(), processor, clock=lambda: START + 10**9)


def stored(tables: MemoryTables) -> dict[str, list[Row]]:
    return {symbol: [rows[time] for time in sorted(rows)] for symbol, rows in sorted(tables.items.items())}


def pieces(bars: Sequence[Bar], ends: Sequence[int]) -> list[tuple[int, int]]:
    edges = sorted({0, len(bars), *(end for end in ends if end < len(bars))})
    return list(itertools.pairwise(edges))


@settings(max_examples=120, deadline=None)
@given(bars=records, ends=cuts, per_record=st.integers(1, 3), fresh=st.booleans())
def test_batches_end_with_the_truth_however_records_are_cut(
    bars: list[Bar], ends: list[int], per_record: int, fresh: bool
) -> None:
    tables = MemoryTables()
    whole = one_bar_records(bars, per_record)
    batches = function(tables)
    for start, end in pieces(whole, ends):
        batches = function(tables) if fresh else batches
        assert not batches.apply(whole[start:end]).failed
    assert stored(tables) == truth(bars)


@settings(max_examples=120, deadline=None)
@given(bars=records, ends=cuts, deaths=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5), st.booleans())))
def test_batches_end_with_the_truth_wherever_they_die(
    bars: list[Bar], ends: list[int], deaths: list[tuple[int, int, bool]]
) -> None:
    """A batch that died comes again, and begins up to five records earlier; in a new process, or in the same."""
    tables = MemoryTables()
    whole = one_bar_records(bars)
    batches, left = function(tables), iter(deaths)
    for start, end in pieces(whole, ends):
        earlier = 0
        while True:
            writes, again, fresh = next(left, (None, 0, True))
            if writes is not None:
                tables.fail_after(writes)
            try:
                assert not batches.apply(whole[max(0, start - earlier) : end]).failed
            except CrashError:
                earlier = again
                batches = function(tables) if fresh else batches
                continue
            finally:
                tables.heal()
            break
    assert stored(tables) == truth(bars)


@pytest.mark.parametrize(
    "bars",
    [
        # rows of minutes 2 and 4 are stored when the state still ends with minute 1, and minute 1 is corrected again
        [bar_of("A", 1, 5, True), bar_of("A", 2, 4, False), bar_of("A", 1, 3, True), bar_of("A", 4, 3, True)],
        # two corrections, and the state moves on between them
        [
            bar_of("A", 1, 3, False), bar_of("A", 2, 4, False), bar_of("A", 1, 4, True), bar_of("A", 3, 3, False),
            bar_of("A", 2, 3, True),
        ],
    ],
    ids=["rows ahead of the state", "two corrections"],
)  # fmt: skip
@pytest.mark.parametrize("fresh", [False, True])
def test_a_batch_with_corrections_may_die_at_any_write(bars: list[Bar], fresh: bool) -> None:
    whole = one_bar_records(bars)
    for writes in range(100):
        tables = MemoryTables()
        batches = function(tables)
        tables.fail_after(writes)
        try:
            batches.apply(whole)
        except CrashError:
            tables.heal()
            (function(tables) if fresh else batches).apply(whole)
        else:
            assert writes >= 10
            return
        assert stored(tables) == truth(bars), f"died at write {writes}"


def by_loop(bars: list[Bar], tmp_path: Path) -> dict[str, list[Row]]:
    loop = Loop(tmp_path / "tapeline.db", bars)
    assert loop.run([])
    return loop.rows()


def by_batches(bars: list[Bar], _: Path) -> dict[str, list[Row]]:
    tables = MemoryTables()
    function(tables).apply(one_bar_records(bars))
    return stored(tables)


@pytest.mark.parametrize("driver", [by_loop, by_batches])
def test_final_values_are_those_of_the_last_final_record_of_each_bar(
    driver: Callable[[list[Bar], Path], dict[str, list[Row]]], tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    bars = [
        bar_of("AB"[int(rng.integers(2))], int(rng.integers(40)), int(rng.integers(3, 9)), bool(rng.random() < 0.7))
        for _ in range(600)
    ]
    last = {(bar.symbol, bar.timestamp): bar for bar in bars if bar.final}
    for symbol, rows in driver(bars, tmp_path).items():
        for row in rows:
            if (bar := last.get((symbol, row.timestamp))) is not None:
                assert (row.open, row.high, row.low, row.price, row.volume, row.final) == (
                    bar.open, bar.high, bar.low, bar.close, bar.volume, True,
                )  # fmt: skip
        assert {row.timestamp for row in rows} >= {time for own, time in last if own == symbol}
