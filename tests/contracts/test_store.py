"""What every `Store` promises, run against each backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import Bars, Row, Rows
from tapeline.core.ports import KEPT_CHECKPOINTS, Commit, Store, SymbolState
from tests.aws.conftest import ROWS, STATE
from tests.conftest import random_bars


class SqliteBackend:
    """Opens the embedded store; `reopen` is what a restarted process would see."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tapeline.db"
        self.database = Database(self.path)
        self.store: Store = SqliteStore(self.database)

    def reopen(self) -> Store:
        self.database.close()
        self.database = Database(self.path)
        return SqliteStore(self.database)

    @contextmanager
    def reader(self) -> Iterator[Store]:
        """What another process sees at the same time."""
        with closing(Database(self.path, create=False)) as database:
            yield SqliteStore(database)

    def position(self, committed: int) -> int:
        """What `load` says after a commit at this position."""
        return committed


class DynamoBackend:
    """The store on AWS; states have positions of their own."""

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


Backend = SqliteBackend | DynamoBackend


@pytest.fixture(params=["sqlite", "dynamodb"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    if request.param == "dynamodb":
        yield DynamoBackend(request.getfixturevalue("dynamodb"))
    else:
        made = SqliteBackend(tmp_path)
        yield made
        made.database.close()


def made_rows(bars: Bars, names: tuple[str, ...] = ("sma_20", "rsi_14"), model: str = "m1", seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    indicator = rng.normal(size=(len(bars), len(names)))
    if names:
        indicator[::3, 0] = np.nan
    prediction = rng.integers(0, 4, len(bars)).astype(np.int8)
    probability = np.where(prediction > 0, rng.uniform(size=len(bars)), np.nan)
    return Rows(
        bars, names, indicator, prediction, probability, (model,), np.where(prediction > 0, 0, -1).astype(np.int32)
    )


def of(rows: Rows, symbol: str) -> list[Row]:
    return [row for row in rows if row.stock_symbol == symbol]


def test_rows_come_back_exactly_and_in_the_order_of_time(backend: Backend, bars: Bars) -> None:
    rows = made_rows(bars)
    shuffled = rows[np.random.default_rng(1).permutation(len(rows))]
    backend.store.commit(Commit(shuffled, {}, 1))
    store = backend.reopen()
    for symbol in bars.symbols:
        assert list(store.rows(symbol)) == of(rows, symbol)
    assert list(store.rows("NONE")) == []


def test_ranges_and_limits(backend: Backend, bars: Bars) -> None:
    rows = made_rows(bars)
    backend.store.commit(Commit(rows, {}, 1))
    own = of(rows, "S01")
    times = [row.timestamp for row in own]
    assert list(backend.store.rows("S01", times[10], times[20])) == own[10:20]
    assert list(backend.store.rows("S01", limit=7)) == own[-7:]
    assert list(backend.store.rows("S01", end=times[50], limit=3)) == own[47:50]
    assert list(backend.store.rows("S01", start=times[98], limit=30)) == own[98:]


def test_a_row_replaces_the_one_of_the_same_bar(backend: Backend, bars: Bars) -> None:
    backend.store.commit(Commit(made_rows(bars), {}, 1))
    again = made_rows(bars[:30], model="m2", seed=7)
    backend.store.commit(Commit(again, {}, 2))
    own = list(backend.store.rows("S00"))
    assert len(own) == 100
    assert own[:10] == of(again, "S00")


def test_rows_of_different_indicator_sets_come_under_the_union_of_names(backend: Backend, bars: Bars) -> None:
    first, second = made_rows(bars[:150], ("a", "b")), made_rows(bars[150:240], ("c", "b"), seed=2)
    third = made_rows(bars[240:], ())
    for position, rows in enumerate((first, second, third)):
        backend.store.commit(Commit(rows, {}, position))
    found = backend.store.rows("S02")
    assert set(found.names) == {"a", "b", "c"}
    assert list(found) == of(first, "S02") + of(second, "S02") + of(third, "S02")


def test_latest_is_the_newest_row_of_every_symbol(backend: Backend, bars: Bars) -> None:
    assert len(backend.store.latest()) == 0
    rows = made_rows(bars)
    backend.store.commit(Commit(rows, {}, 1))
    latest = backend.store.latest()
    assert latest.names == ()
    for row, last in zip(latest, rows[-3:], strict=True):
        assert (row.stock_symbol, row.timestamp, row.price, row.prediction, row.model) == (
            last.stock_symbol, last.timestamp, last.price, last.prediction, last.model,
        )  # fmt: skip


def test_states_and_position_belong_to_the_rows(backend: Backend, bars: Bars) -> None:
    assert backend.store.load() == ({}, 0)
    backend.store.commit(Commit(made_rows(bars[:3]), {"S00": SymbolState(5, b"x"), "S01": SymbolState(6, b"")}, 3))
    backend.store.commit(Commit(made_rows(bars[3:6]), {"S00": SymbolState(7, b"\0y")}, 6))
    assert backend.reopen().load() == ({"S00": SymbolState(7, b"\0y"), "S01": SymbolState(6, b"")}, backend.position(6))


def test_a_commit_that_fails_leaves_nothing_behind(backend: Backend, bars: Bars) -> None:
    rows = made_rows(bars)
    backend.store.commit(Commit(rows[:3], {"S00": SymbolState(1, b"a")}, 3))
    bad = {"S00": SymbolState(2, b"b"), "NEW": SymbolState("no time", object())}  # type: ignore[arg-type]
    with pytest.raises(Exception, match="type"):
        backend.store.commit(Commit(rows[3:], bad, 300))
    assert backend.store.load() == ({"S00": SymbolState(1, b"a")}, backend.position(3))
    assert len(backend.store.rows("S00")) == 1
    backend.store.commit(Commit(made_rows(random_bars(symbols=5)), {"NEW": SymbolState(2, b"b")}, 300))
    assert len(backend.store.rows("S04")) == 100


def test_checkpoints_before_a_time_are_found_and_old_ones_dropped(backend: Backend, bars: Bars) -> None:
    none = made_rows(bars[:0])
    for time in range(10, 10 * (KEPT_CHECKPOINTS + 5), 10):
        backend.store.commit(Commit(none, {}, time, checkpoints={"S00": SymbolState(time, b"%d" % time)}))
    newest = 10 * (KEPT_CHECKPOINTS + 4)
    assert backend.store.checkpoint("S00", newest + 1) == SymbolState(newest, b"%d" % newest)
    assert backend.store.checkpoint("S00", newest) == SymbolState(newest - 10, b"%d" % (newest - 10))
    assert backend.store.checkpoint("S00", 20) is None
    assert backend.store.checkpoint("S01", newest) is None


def test_checkpoints_of_a_rewound_symbol_are_dropped_from_there_on(backend: Backend, bars: Bars) -> None:
    none = made_rows(bars[:0])
    for time in (10, 20, 30):
        states = {symbol: SymbolState(time, b"old") for symbol in ("S00", "S01")}
        backend.store.commit(Commit(none, {}, time, checkpoints=states))
    backend.store.commit(Commit(none, {}, 31, checkpoints={"S00": SymbolState(40, b"new")}, rewound={"S00": 20}))
    assert backend.store.checkpoint("S00", 40) == SymbolState(10, b"old")
    assert backend.store.checkpoint("S00", 41) == SymbolState(40, b"new")
    assert backend.store.checkpoint("S01", 40) == SymbolState(30, b"old")


def test_another_process_reads_what_is_committed(backend: Backend, bars: Bars) -> None:
    with backend.reader() as reader:
        assert len(reader.latest()) == 0
        backend.store.commit(Commit(made_rows(bars), {"S00": SymbolState(1, b"a")}, 300))
        assert len(reader.latest()) == 3
        assert reader.load() == ({"S00": SymbolState(1, b"a")}, backend.position(300))
