"""Rejects are bounded where they are written: by number, by bytes, and by how many are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapeline.backends.sqlite import reject_table
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import Bars, Reject
from tapeline.core.messages import Commit, Delivery
from tapeline.core.rejects import KEPT_ALIKE, RAW_BYTES, REPEATED
from tapeline.core.rows import Rows

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")


def reasons(count: int) -> list[str]:
    """Return reasons that are all of another kind."""
    return [" ".join(WORDS[int(digit)] for digit in f"{i:04d}") for i in range(count)]


def wrong_close(row: int) -> Reject:
    return Reject("a", f"f:row {row}", f"close '{row}' is not a number", b"x")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(tmp_path / "tapeline.db")
    yield found
    found.close()


Write = Callable[[list[Reject]], object]


@pytest.fixture(params=["stream", "store"])
def write(request: pytest.FixtureRequest, database: Database) -> Write:
    if request.param == "stream":
        stream = SqliteStream(database)
        return lambda rejects: stream.append("a", Delivery(Bars.of(()), rejects))
    store = SqliteStore(database)
    return lambda rejects: store.commit(Commit(Rows.of([]), {}, 0, rejects=rejects))


def stored(database: Database) -> list[Reject]:
    """Return what is kept; whatever was written before, the totals in the file have to be those of all of it."""
    store = SqliteStore(database)
    found = list(store.rejects())
    assert not store.damaged
    return found


def size(database: Database) -> int:
    return sum(len((r.source + r.place + r.reason).encode()) + len(r.raw) for r in stored(database))


def noted(database: Database) -> int:
    return database.reader.execute("SELECT value FROM meta WHERE name = 'reject_bytes'").fetchone()[0]


def test_rejects_of_one_kind_are_counted_after_the_first_thousand(write: Write, database: Database) -> None:
    for first in range(0, 5000, 500):
        write([wrong_close(row) for row in range(first, first + 500)])
    found = stored(database)
    assert len(found) == KEPT_ALIKE + 1
    assert found[:KEPT_ALIKE] == [wrong_close(row) for row in range(KEPT_ALIKE)]
    assert found[-1] == Reject("a", REPEATED, "close … is not a number", b"", 5000 - KEPT_ALIKE)


def test_there_are_never_more_rejects_than_the_cap(
    write: Write, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject_table, "KEPT_REJECTS", 100)
    for part in range(0, 3000, 250):
        write([Reject("a", "f:row", reason, b"x") for reason in reasons(3000)[part : part + 250]])
        assert len(stored(database)) <= 100
        assert noted(database) == size(database)
    assert [reject.reason for reject in stored(database)] == reasons(3000)[-100:]


def test_rejects_never_have_more_bytes_than_the_cap(
    write: Write, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject_table, "KEPT_REJECT_BYTES", 100_000)
    for part in range(0, 1000, 10):
        write([Reject("a", "f:row", reason, b"x" * 3000) for reason in reasons(1000)[part : part + 10]])
        assert size(database) <= 100_000
        assert noted(database) == size(database)
    assert stored(database)[-1].reason == reasons(1000)[-1]


@pytest.mark.parametrize("change", ["DELETE FROM rejects WHERE id = 2", "UPDATE rejects SET id = 99 WHERE id = 2"])
def test_a_reject_that_vanished_or_changed_its_place_is_missed(write: Write, database: Database, change: str) -> None:
    write([wrong_close(row) for row in range(4)])
    with database.transaction() as connection:
        connection.execute(change)
    store = SqliteStore(database)
    list(store.rejects())
    assert "rejected records are missing" in store.damaged[0]
    assert [part.text for part in damaged_parts(database)] == ["rejected records are missing"]


def test_of_a_long_record_the_first_bytes_are_kept(write: Write, database: Database) -> None:
    write([Reject("a", "p" * 9000, "r" * 9000, bytes(range(256)) * 1_000_000)])
    (found,) = stored(database)
    assert len(found.raw) == RAW_BYTES
    assert "(the first 4,096 of 256,000,000 bytes are kept)" in found.reason
    assert size(database) < 8000


def test_counts_add_up_over_processes(tmp_path: Path) -> None:
    for _ in range(3):
        database = Database(tmp_path / "tapeline.db")
        SqliteStream(database).append("a", Delivery(Bars.of(()), [Reject("a", REPEATED, "high is below low", b"", 7)]))
        assert stored(database)[-1].count % 7 == 0
        last = stored(database)
        database.close()
    assert last == [Reject("a", REPEATED, "high is below low", b"", 21)]


def test_a_file_of_an_earlier_version_gets_its_column_and_its_bytes_are_counted_once(tmp_path: Path) -> None:
    database = Database(tmp_path / "tapeline.db")
    with database.transaction() as connection:
        connection.execute("UPDATE meta SET value = 2 WHERE name = 'schema_version'")
        connection.execute("ALTER TABLE meta DROP COLUMN crc")
        connection.execute("ALTER TABLE rejects DROP COLUMN count")
        connection.execute("INSERT INTO rejects (source, place, reason, raw) VALUES ('a', 'b', 'c', x'0102')")
    database.close()
    database = Database(tmp_path / "tapeline.db")
    assert stored(database) == [Reject("a", "b", "c", b"\x01\x02")]
    SqliteStream(database).append("a", Delivery(Bars.of(()), [Reject("a", "d", "é", b"")]))
    assert noted(database) == size(database) == 9
    database.close()
