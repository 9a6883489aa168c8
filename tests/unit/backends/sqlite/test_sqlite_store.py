"""The embedded store as a whole: what a day takes on disk, what readers see meanwhile, and how many rows there are."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE, START, random_bars
from tests.rows import random_rows, row

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.name_table import NameTable
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.errors import StorageError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "tapeline.db")) as made:
        yield made


def forming(rows: Rows) -> Rows:
    """Return the rows as they look while their bars are forming."""
    return replace(rows, bars=replace(rows.bars, final=np.zeros(len(rows), np.bool_)))


def bytes_used(database: Database) -> int:
    pages, size = (database.reader.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)


def test_a_live_day_takes_at_most_twice_what_its_bars_take_at_once(tmp_path: Path) -> None:
    """An update each second, instead of three a minute, was measured to make the same file: rows are overwritten."""
    symbols, minutes = 20, 390
    rows = random_rows(random_bars(symbols, minutes))
    with closing(Database(tmp_path / "live.db")) as live, closing(Database(tmp_path / "bulk.db")) as bulk:
        store = SqliteStore(live)
        for start in range(0, len(rows), symbols):
            now = rows[start : start + symbols]
            for _ in range(3):
                store.commit(Commit(forming(now), {}, start))
            store.commit(Commit(now, {}, start + symbols))
        SqliteStore(bulk).commit(Commit(rows, {}, len(rows)))
        assert bytes_used(live) <= 2 * bytes_used(bulk)
        assert store.count() == len(rows)


READER = """
import sys
from pathlib import Path
import numpy as np
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.sqlite_store import SqliteStore

path, start, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
database = Database(path, create=False)
store, seen, reads = SqliteStore(database), 0, 0
print("ready", flush=True)
while seen < last:
    rows = store.rows("AAPL")
    bars = rows.bars
    assert (bars.timestamp == start + 60_000 * np.arange(len(rows))).all(), "a bar is missing or twice"
    minute = (bars.timestamp - start) // 60_000
    assert (bars.close == minute + 1).all() and (rows.probability == (minute + 1) / 10_000).all()
    assert len(rows) >= seen, "a bar is gone"
    part = store.rows("AAPL", limit=100)
    assert (np.diff(part.bars.timestamp) == 60_000).all() and len(part) >= min(len(rows), 100)
    count, seen, reads = store.count(), len(rows), reads + 1
    assert count >= seen, "fewer rows than were read before"
assert not store.damaged, store.damaged
print(reads)
"""


def test_a_symbol_whose_first_rows_are_still_to_be_committed_is_not_damaged(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "tapeline.db")) as database:
        with database.transaction() as connection:
            NameTable(database.damage).numbers(connection, "symbols", ["AAPL"])
        store = SqliteStore(database)
        assert len(store.rows("AAPL")) == 0
        assert not store.damaged


class InterruptedConnection:
    """Be a connection on which, after its next query, something else happens first."""

    def __init__(self, connection: sqlite3.Connection, meanwhile: Callable[[], object]) -> None:
        self._connection = connection
        self._meanwhile: list[Callable[[], object]] = [meanwhile]

    def execute(self, query: str) -> sqlite3.Cursor:
        found = self._connection.execute(query)
        while self._meanwhile:
            self._meanwhile.pop()()
        return found


def test_a_thread_that_began_earlier_takes_no_names_from_one_that_began_later(database: Database) -> None:
    names = NameTable(database.damage)
    with database.reading() as earlier, closing(sqlite3.connect(database.path)) as later:
        assert names.all(earlier, "symbols") == {}
        with database.transaction() as connection:
            names.numbers(connection, "symbols", ["AAPL"])
        assert names.all(later, "symbols") == {1: "AAPL"}
        interrupted = InterruptedConnection(later, lambda: names.all(earlier, "symbols"))
        assert names.all(interrupted, "symbols") == {1: "AAPL"}  # type: ignore[arg-type]


def test_readers_in_other_processes_see_whole_rows_during_merges(tmp_path: Path) -> None:
    bars = 1500
    with closing(Database(tmp_path / "tapeline.db")) as database:
        store = SqliteStore(database)
        arguments = [sys.executable, "-c", READER, str(database.path), str(START), str(bars)]
        readers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        try:
            for reader in readers:
                assert reader.stdout is not None
                assert reader.stdout.readline() == b"ready\n"
            for i in range(bars):
                price = i + 1.0
                said = {"prediction": "UP", "probability": price / 10_000, "model": "m"}
                store.commit(Commit(Rows.of([row("AAPL", START + MINUTE * i, price, **said)]), {}, i))
            for reader in readers:
                out, error = reader.communicate(timeout=60)
                assert reader.returncode == 0, error.decode()
                assert int(out) > 5
        finally:
            for reader in readers:
                reader.kill()
                reader.communicate()


steps = st.lists(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=12
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(commits=steps, shown=st.lists(st.booleans(), min_size=12, max_size=12))
def test_the_count_is_exact_after_corrections(
    commits: list[list[tuple[str, int, int]]], shown: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`shown` says after which commits a bar that is still forming comes."""
    with closing(Database(tmp_path_factory.mktemp("count") / "tapeline.db")) as database:
        store = SqliteStore(database)
        wanted: dict[tuple[str, int], float] = {}
        for number, commit in enumerate(commits):
            store.commit(
                Commit(Rows.of([row(symbol, START + MINUTE * m, price) for symbol, m, price in commit]), {}, 1)
            )
            wanted |= {(symbol, START + MINUTE * m): float(price) for symbol, m, price in commit}
            if shown[number]:
                at = max(time for _, time in wanted) + MINUTE
                store.commit(Commit(Rows.of([row("A", at, 5.0, final=False)]), {}, 1))
                assert store.count() == len(wanted) + 1
                store.commit(Commit(Rows.of([row("A", at, 6.0)]), {}, 1))
                wanted["A", at] = 6.0
            assert store.count() == len(wanted)
        for each in (store, SqliteStore(database)):
            found = {(r.stock_symbol, r.timestamp): r.price for symbol in "AB" for r in each.rows(symbol)}
            assert found == wanted
            assert each.count() == len(wanted)
            newest = {r.stock_symbol: (r.timestamp, r.price) for r in each.latest()}
            assert newest == {s: max((t, p) for (o, t), p in wanted.items() if o == s) for s in {s for s, _ in wanted}}


def test_a_commit_that_fails_late_leaves_nothing_of_its_blocks(database: Database) -> None:
    store = SqliteStore(database)
    rows = random_rows(random_bars(2, 600))
    store.commit(Commit(rows[:800], {}, 1))
    before = [list(store.rows(symbol)) for symbol in ("S00", "S01")]
    (pages,) = database.reader.execute("PRAGMA page_count").fetchone()
    database._writer.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(StorageError, match="disk is full"):
        store.commit(Commit(rows[800:], {}, 2))
    assert [list(store.rows(symbol)) for symbol in ("S00", "S01")] == before
    database._writer.execute("PRAGMA max_page_count=1000000")
    store.commit(Commit(rows[801:][rows.bars.code[801:] == 1], {}, 2))
    store.commit(Commit(rows[800:], {}, 3))
    wanted = [replace(each, indicator={}) for each in rows]
    for number, symbol in enumerate(("S00", "S01")):
        assert list(store.rows(symbol)) == wanted[number::2]
    assert store.load() == ({}, 3)


def test_a_damaged_block_is_told_once_and_the_rows_around_it_are_read(tmp_path: Path) -> None:
    rows = random_rows(random_bars(1, 3 * 4096))
    told: list[str] = []
    with closing(Database(tmp_path / "tapeline.db")) as database:
        writer = SqliteStore(database)
        writer.commit(Commit(rows, {}, 1))
        with database.transaction() as connection:
            connection.execute("UPDATE blocks SET payload = zeroblob(length(payload)) WHERE id = 2")
        store = SqliteStore(database, told.append)
        for _ in range(2):
            found = list(store.rows("S00"))
            assert len(found) == 2 * 4096
            assert found[4095].timestamp == START + MINUTE * 4095
            assert found[4096].timestamp == START + MINUTE * 8192
            assert len(store.rows("S00", limit=5000)) == 5000
            [(page, _)] = store.bar_pages("S00", START + MINUTE * 4000)
            assert page.timestamp.tolist() == [row.timestamp for row in found[4000:]]
            assert page.close.tolist() == [row.price for row in found[4000:]]
        assert store.damaged == tuple(told)
        assert len(told) == 1
        assert told[0].startswith("S00: 4,096 bars from 2019-02-14 10:46 to 2019-02-17 07:01 UTC cannot be read")
        assert [part.text in told[0] for part in damaged_parts(database) if part.table == "blocks"] == [True]
        store.commit(Commit(rows[5000:5001], {}, 2))
        assert list(store.rows("S00", start=START + MINUTE * 5000, limit=1)) != []
        assert len(store.rows("S00")) == 2 * 4096 + 1


def test_series_that_are_whole_are_read_together_and_the_others_are_left_to_be_read_alone(database: Database) -> None:
    rows = random_rows(random_bars(5, 40))
    store = SqliteStore(database)
    store.commit(Commit(rows, {}, 1))
    revised = row("S01", START + MINUTE, 7.0)
    store.commit(Commit(Rows.of([revised]), {}, 2))
    with database.transaction() as connection:
        of = "WHERE symbol = (SELECT id FROM symbols WHERE symbol = ?)"
        connection.execute(f"UPDATE blocks SET payload = zeroblob(9) {of}", ("S02",))
        connection.execute(f"DELETE FROM blocks {of}", ("S03",))
    later = START + 30 * MINUTE
    found = store.final_rows({"S04": later, "S03": 0, "S02": 0, "S01": 0, "S00": 0, "UNKNOWN": 0})
    assert sorted(found.bars.symbols) == ["S00", "S04"]
    for name, start in (("S00", 0), ("S04", later)):
        own = found[np.flatnonzero(found.bars.code == found.bars.symbols.index(name))]
        assert list(own) == list(store.rows(name, start))
    assert not len(store.final_rows({"S00": START + 40 * MINUTE}))
