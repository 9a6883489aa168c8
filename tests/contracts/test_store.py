"""What every `Store` promises, run against each backend and each fake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import OHLCV, Bars, Floats
from tapeline.core.messages import Commit, SymbolState
from tapeline.core.ports import KEPT_CHECKPOINTS, Store
from tapeline.core.rows import Row
from tests.aws import second_imitation
from tests.aws.conftest import ROWS, STATE, create_tables
from tests.conftest import random_bars
from tests.fakes.dynamodb import FakeDynamo
from tests.fakes.stores import MemoryTables
from tests.rows import random_rows, rows_of_symbol


class SqliteBackend:
    """The embedded store."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tapeline.db"
        self.database = Database(self.path)
        self.store: Store = SqliteStore(self.database)

    def reopen(self) -> Store:
        """Return what a restarted process would see."""
        self.database.close()
        self.database = Database(self.path)
        return SqliteStore(self.database)

    @contextmanager
    def reader(self) -> Iterator[Store]:
        """Yield what another process sees at the same time."""
        with closing(Database(self.path, create=False)) as database:
            yield SqliteStore(database)

    def position(self, committed: int) -> int:
        """Return what `load` answers after a commit at this position."""
        return committed


class DynamoBackend:
    """The store on AWS, over moto or over the fake; its states have positions of their own."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.store: Store = self.reopen()

    def reopen(self) -> Store:
        return DynamoStore(self.client, ROWS, STATE)

    @contextmanager
    def reader(self) -> Iterator[Store]:
        yield self.reopen()

    def position(self, _: int) -> int:
        return 0


class MemoryBackend:
    """The fake."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.store: Store = self.reopen()

    def reopen(self) -> Store:
        return self.tables.opened()

    @contextmanager
    def reader(self) -> Iterator[Store]:
        yield self.reopen()

    def position(self, committed: int) -> int:
        return committed


Backend = SqliteBackend | DynamoBackend | MemoryBackend


@pytest.fixture(scope="module")
def dynalite() -> Iterator[str]:
    with second_imitation.running("dynalite", "--createTableMs", "0", "--deleteTableMs", "0") as url:
        yield url


BACKENDS = ["sqlite", "dynamodb", "fake_dynamodb", "memory"]
BACKENDS += ["dynalite"] if second_imitation.available("dynalite") else []


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    match request.param:
        case "dynamodb":
            yield DynamoBackend(request.getfixturevalue("dynamodb"))
        case "fake_dynamodb":
            yield DynamoBackend(FakeDynamo().client())
        case "memory":
            yield MemoryBackend()
        case "dynalite":
            client = second_imitation.client("dynamodb", request.getfixturevalue("dynalite"))
            create_tables(client)
            for table in (ROWS, STATE):
                client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
            yield DynamoBackend(client)
            for table in (ROWS, STATE):
                client.delete_table(TableName=table)
                client.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
        case _:
            made = SqliteBackend(tmp_path)
            yield made
            made.database.close()


def values_of(bars: Bars) -> Floats:
    return np.stack([getattr(bars, name) for name in OHLCV], axis=1)


def kept(backend: Backend, rows: list[Row]) -> list[Row]:
    """Return these rows as the store gives them back: one that keeps no indicators has none."""
    return rows if backend.store.keeps_indicators else [replace(row, indicator={}) for row in rows]


def test_rows_are_read_back_exactly_and_in_time_order(backend: Backend, bars: Bars) -> None:
    rows = random_rows(bars)
    shuffled = rows[np.random.default_rng(1).permutation(len(rows))]
    backend.store.commit(Commit(shuffled, {}, 1))
    store = backend.reopen()
    for symbol in bars.symbols:
        assert list(store.rows(symbol)) == kept(backend, rows_of_symbol(rows, symbol))
    assert list(store.rows("NONE")) == []


def test_ranges_and_limits(backend: Backend, bars: Bars) -> None:
    rows = random_rows(bars)
    backend.store.commit(Commit(rows, {}, 1))
    own = kept(backend, rows_of_symbol(rows, "S01"))
    times = [row.timestamp for row in own]
    assert list(backend.store.rows("S01", times[10], times[20])) == own[10:20]
    assert list(backend.store.rows("S01", limit=7)) == own[-7:]
    assert list(backend.store.rows("S01", end=times[50], limit=3)) == own[47:50]
    assert list(backend.store.rows("S01", start=times[98], limit=30)) == own[98:]


def test_a_row_replaces_an_earlier_row_of_the_same_bar(backend: Backend, bars: Bars) -> None:
    backend.store.commit(Commit(random_rows(bars), {}, 1))
    again = random_rows(bars[:30], model="m2", seed=7)
    backend.store.commit(Commit(again, {}, 2))
    own = list(backend.store.rows("S00"))
    assert len(own) == 100
    assert own[:10] == kept(backend, rows_of_symbol(again, "S00"))


def test_rows_of_different_indicator_sets_share_the_union_of_their_names(backend: Backend, bars: Bars) -> None:
    first, second = random_rows(bars[:150], ("a", "b")), random_rows(bars[150:240], ("c", "b"), seed=2)
    third = random_rows(bars[240:], ())
    for position, rows in enumerate((first, second, third)):
        backend.store.commit(Commit(rows, {}, position))
    found = backend.store.rows("S02")
    assert set(found.names) == ({"a", "b", "c"} if backend.store.keeps_indicators else set())
    whole = [row for rows in (first, second, third) for row in rows_of_symbol(rows, "S02")]
    assert list(found) == kept(backend, whole)


def test_a_revised_bar_is_read_back_with_the_values_it_was_first_stored_with(backend: Backend, bars: Bars) -> None:
    rows = random_rows(bars)
    backend.store.commit(Commit(rows, {}, 1))
    revised = replace(rows[:30], bars=replace(bars[:30], volume=bars.volume[:30] + 1), known=values_of(bars[:30]))
    backend.store.commit(Commit(revised, {}, 2))
    found = backend.reopen().rows("S01")
    assert list(found)[:10] == kept(backend, rows_of_symbol(revised, "S01"))
    assert [row.as_known["volume"] for row in found if row.as_known] == [r.volume for r in rows_of_symbol(rows, "S01")][
        :10
    ]
    assert (found.as_known().bars.volume == bars.volume[bars.code == 1]).all()
    assert len(found) == 100


def test_every_cut_into_commits_gives_the_same_rows(backend: Backend) -> None:
    """Forming rows, corrections and bars that were missing, one commit at a time, against one commit of all."""
    rng = np.random.default_rng(3)
    bars = random_bars(symbols=2, count=400)
    rows = random_rows(bars)
    late = np.sort(rng.choice(len(bars), 40, replace=False))
    early = np.setdiff1d(np.arange(len(bars)), late)
    start = 0
    while start < len(early):
        stop = start + int(rng.integers(1, 60))
        part = rows[early[start:stop]]
        newest = replace(part[-1:], bars=replace(part.bars[-1:], final=np.zeros(1, np.bool_)))
        backend.store.commit(Commit(newest, {}, 1))
        symbol = newest.bars.symbols[newest.bars.code[0]]
        assert [row.final for row in backend.store.rows(symbol, limit=1)] == [False]
        backend.store.commit(Commit(part, {}, 1))
        start = stop
    for index in rng.permutation(late):
        backend.store.commit(Commit(rows[index : index + 1], {}, 2))
    store = backend.reopen()
    for symbol in bars.symbols:
        own = kept(backend, rows_of_symbol(rows, symbol))
        assert list(store.rows(symbol)) == own
        assert list(store.rows(symbol, own[100].timestamp, own[300].timestamp, limit=150)) == own[150:300]


def test_latest_is_the_newest_row_of_every_symbol(backend: Backend, bars: Bars) -> None:
    assert len(backend.store.latest()) == 0
    rows = random_rows(bars)
    backend.store.commit(Commit(rows, {}, 1))
    latest = backend.store.latest()
    assert latest.names == ()
    for row, last in zip(latest, rows[-3:], strict=True):
        assert (row.stock_symbol, row.timestamp, row.price, row.prediction, row.model) == (
            last.stock_symbol, last.timestamp, last.price, last.prediction, last.model,
        )  # fmt: skip


def test_the_series_of_a_symbol_are_named_and_those_of_others_are_not(backend: Backend, bars: Bars) -> None:
    names = ("T", "T@1d", "T@X")
    backend.store.commit(Commit(random_rows(replace(bars, symbols=names)), {}, 1))
    assert backend.store.series("T") == ("T", "T@1d")
    assert backend.store.series("T@X") == ("T@X",)
    assert backend.store.series("S") == ()
    assert backend.store.latest().bars.symbols == names


def test_states_and_position_are_committed_with_the_rows(backend: Backend, bars: Bars) -> None:
    assert backend.store.load() == ({}, 0)
    backend.store.commit(Commit(random_rows(bars[:3]), {"S00": SymbolState(5, b"x"), "S01": SymbolState(6, b"")}, 3))
    backend.store.commit(Commit(random_rows(bars[3:6]), {"S00": SymbolState(7, b"\0y")}, 6))
    assert backend.reopen().load() == ({"S00": SymbolState(7, b"\0y"), "S01": SymbolState(6, b"")}, backend.position(6))


def test_a_failed_commit_changes_nothing(backend: Backend, bars: Bars) -> None:
    rows = random_rows(bars)
    backend.store.commit(Commit(rows[:3], {"S00": SymbolState(1, b"a")}, 3))
    bad = {"S00": SymbolState(2, b"b"), "NEW": SymbolState("no time", object())}  # type: ignore[arg-type]
    with pytest.raises(Exception, match="type"):
        backend.store.commit(Commit(rows[3:], bad, 300))
    assert backend.store.load() == ({"S00": SymbolState(1, b"a")}, backend.position(3))
    assert len(backend.store.rows("S00")) == 1
    backend.store.commit(Commit(random_rows(random_bars(symbols=5)), {"NEW": SymbolState(2, b"b")}, 300))
    assert len(backend.store.rows("S04")) == 100


def test_the_newest_checkpoints_before_a_time_are_found(backend: Backend, bars: Bars) -> None:
    none = random_rows(bars[:0])
    for time in range(10, 10 * (KEPT_CHECKPOINTS + 5), 10):
        backend.store.commit(Commit(none, {}, time, checkpoints={"S00": SymbolState(time, b"%d" % time)}))
    newest = 10 * (KEPT_CHECKPOINTS + 4)
    for kept in range(KEPT_CHECKPOINTS):
        time = newest - 10 * kept
        assert backend.store.checkpoint("S00", time + 1) == SymbolState(time, b"%d" % time)
    assert backend.store.checkpoint("S00", 10) is None
    assert backend.store.checkpoint("S01", newest) is None


def test_rewinding_a_symbol_drops_its_checkpoints_from_that_time_on(backend: Backend, bars: Bars) -> None:
    none = random_rows(bars[:0])
    for time in (10, 20, 30):
        states = {symbol: SymbolState(time, b"old") for symbol in ("S00", "S01")}
        backend.store.commit(Commit(none, {}, time, checkpoints=states))
    backend.store.commit(Commit(none, {}, 31, checkpoints={"S00": SymbolState(40, b"new")}, rewound={"S00": 20}))
    assert backend.store.checkpoint("S00", 40) == SymbolState(10, b"old")
    assert backend.store.checkpoint("S00", 41) == SymbolState(40, b"new")
    assert backend.store.checkpoint("S01", 40) == SymbolState(30, b"old")


def test_another_process_sees_each_commit(backend: Backend, bars: Bars) -> None:
    with backend.reader() as reader:
        assert len(reader.latest()) == 0
        backend.store.commit(Commit(random_rows(bars), {"S00": SymbolState(1, b"a")}, 300))
        assert len(reader.latest()) == 3
        assert reader.load() == ({"S00": SymbolState(1, b"a")}, backend.position(300))
