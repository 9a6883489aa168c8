"""What every `RejectLog` promises, run against the backend and the fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import Reject
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tests.fakes.stores import MemoryStore

REJECTS = [Reject("feed", f"line {number}", "high is below low", b"\xff,%d" % number) for number in range(5)]


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore | MemoryStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    database = Database(tmp_path / "tapeline.db")
    yield SqliteStore(database)
    database.close()


def test_rejects_come_back_oldest_first(store: SqliteStore | MemoryStore) -> None:
    assert list(store.rejects()) == []
    store.commit(Commit(Rows.of([]), {}, 1, rejects=REJECTS[:2]))
    store.commit(Commit(Rows.of([]), {}, 2, rejects=REJECTS[2:]))
    assert list(store.rejects()) == REJECTS


def test_a_limit_keeps_the_newest(store: SqliteStore | MemoryStore) -> None:
    store.commit(Commit(Rows.of([]), {}, 1, rejects=REJECTS))
    assert list(store.rejects(limit=2)) == REJECTS[-2:]
    assert list(store.rejects(limit=0)) == []
    assert list(store.rejects(limit=99)) == REJECTS


def test_a_repeated_commit_keeps_each_reject_once(store: SqliteStore | MemoryStore) -> None:
    for _ in range(2):
        store.commit(Commit(Rows.of([]), {}, 1, rejects=REJECTS))
    assert list(store.rejects()) == REJECTS


def test_rejects_of_one_kind_are_counted_after_the_first_thousand(store: SqliteStore | MemoryStore) -> None:
    alike = [Reject("feed", f"line {number}", "high is below low", b"") for number in range(1500)]
    store.commit(Commit(Rows.of([]), {}, 1, rejects=alike))
    found = list(store.rejects())
    assert found[:1000] == alike[:1000]
    assert [(reject.place, reject.count) for reject in found[1000:]] == [("repeated", 500)]


def test_of_a_long_record_the_first_bytes_are_kept(store: SqliteStore | MemoryStore) -> None:
    store.commit(Commit(Rows.of([]), {}, 1, rejects=[Reject("feed", "line 1", "no bar", b"x" * 10_000_000)]))
    (found,) = store.rejects()
    assert found.raw == b"x" * 4096
    assert found.reason == "no bar (the first 4,096 of 10,000,000 bytes are kept)"
