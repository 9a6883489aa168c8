"""What every `Stream` promises, run against each backend."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapeline.database import Database
from tapeline.market import Bars, Reject
from tapeline.ports import Delivery, LogTrimmedError, Stream
from tapeline.stores.sqlite import SqliteStore
from tapeline.streams.sqlite import SqliteStream


class SqliteBackend:
    """Opens the embedded stream; `reopen` is what a restarted process would see."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tapeline.db"
        self.database = Database(self.path)
        self.stream: Stream = SqliteStream(self.database, kept_bars=0)

    def reopen(self) -> Stream:
        self.database.close()
        self.database = Database(self.path)
        return SqliteStream(self.database, kept_bars=0)

    def rejects(self) -> list[Reject]:
        return list(SqliteStore(self.database).rejects())


@pytest.fixture(params=[SqliteBackend])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteBackend]:
    made = request.param(tmp_path)
    yield made
    made.database.close()


def test_reads_back_what_was_appended_in_order(backend: SqliteBackend, bars: Bars) -> None:
    end = 0
    for at in range(0, 300, 70):
        end = backend.stream.append("a", Delivery(bars[at : at + 70]))
    assert end == 300
    for limit in (1, 64, 70, 1000):
        position, found = 0, []
        while True:
            part, position = backend.stream.read(position, limit)
            if not len(part):
                break
            assert len(part) <= limit
            found += list(part)
        assert found == list(bars)
        assert position == end


def test_reading_at_the_end_is_empty_and_stays_there(backend: SqliteBackend, bars: Bars) -> None:
    assert backend.stream.read(0, 10)[1] == 0
    end = backend.stream.append("a", Delivery(bars))
    part, position = backend.stream.read(end, 10)
    assert len(part) == 0
    assert position == end


def test_the_source_resumes_where_its_last_append_said(backend: SqliteBackend, bars: Bars) -> None:
    assert backend.stream.resume("a") == ""
    backend.stream.append("a", Delivery(bars[:5], resume="five"))
    backend.stream.append("b", Delivery(bars[5:6], resume="other"))
    backend.stream.append("a", Delivery(bars[:0], resume="six"))
    stream = backend.reopen()
    assert stream.resume("a") == "six"
    assert stream.resume("b") == "other"
    assert list(stream.read(0, 100)[0]) == list(bars[:6])


def test_rejects_are_kept_once_however_often_a_delivery_is_retried(backend: SqliteBackend, bars: Bars) -> None:
    reject = Reject("a", "file:row 3", "high is below low", b"\xff,raw")
    for _ in range(2):
        backend.stream.append("a", Delivery(bars[:1], [reject]))
    assert backend.rejects() == [reject]


def test_trimmed_records_are_refused_and_new_ones_keep_their_positions(backend: SqliteBackend, bars: Bars) -> None:
    for at in range(0, 300, 100):
        backend.stream.append("a", Delivery(bars[at : at + 100]))
    backend.stream.trim(250)
    with pytest.raises(LogTrimmedError):
        backend.stream.read(50, 1)
    stream = backend.reopen()
    assert list(stream.read(250, 100)[0]) == list(bars[250:])
    stream.trim(300)
    assert stream.append("a", Delivery(bars[:7])) == 307
    assert list(stream.read(300, 100)[0]) == list(bars[:7])


def test_rejects_do_not_grow_without_bound(backend: SqliteBackend, bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapeline.streams.sqlite.KEPT_REJECTS", 3)
    rejects = [Reject("a", f"file:row {row}", "high is below low", b"") for row in range(10)]
    backend.stream.append("a", Delivery(bars[:1], rejects))
    backend.stream.trim(1)
    assert backend.rejects() == rejects[-3:]


def test_wait_wakes_for_an_append_and_gives_up_in_time(backend: SqliteBackend, bars: Bars) -> None:
    assert not backend.stream.wait(0, 0.01)
    appending = threading.Thread(target=backend.stream.append, args=("a", Delivery(bars[:1])))
    appending.start()
    assert backend.stream.wait(0, 30)
    appending.join()
