"""What every `Sink` and every `Stream` promises, run against each backend and the fake of Kinesis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest

from tapeline.backends.aws.kinesis import KinesisSink
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import Bar, Bars, Reject
from tapeline.core.messages import Delivery
from tapeline.core.ports import Sink, Stream
from tapeline.errors import LogTrimmedError
from tests.aws import second_imitation
from tests.fakes.kinesis import FakeKinesis
from tests.stream_order import assert_in_order, bars_of_stream


class SqliteBackend:
    """The embedded stream."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tapeline.db"
        self.database = Database(self.path)
        self.stream: Stream = SqliteStream(self.database, kept_bars=0)

    def reopen(self) -> Stream:
        """Return what a restarted process would see."""
        self.database.close()
        self.database = Database(self.path)
        self.stream = SqliteStream(self.database, kept_bars=0)
        return self.stream

    def appended(self) -> list[Bar]:
        return list(self.stream.read(0, 1_000_000)[0])

    def rejects(self) -> list[Reject]:
        return list(SqliteStore(self.database).rejects())

    def close(self) -> None:
        self.database.close()


class KinesisBackend:
    """A Kinesis stream filled from the log in the folder; `bars` returns what is on it."""

    def __init__(self, folder: Path, client: Any, bars: Callable[[], list[Bar]]) -> None:
        self.client = client
        self._bars = bars
        self.embedded = SqliteBackend(folder)
        self.stream = KinesisSink(self.embedded.stream, self.client, "bars")

    def reopen(self) -> Sink:
        self.stream.close(0)
        self.stream = KinesisSink(self.embedded.reopen(), self.client, "bars")
        return self.stream

    def appended(self) -> list[Bar]:
        assert self.stream.close(30) == 0
        self.reopen()
        return self._bars()

    def rejects(self) -> list[Reject]:
        return self.embedded.rejects()

    def close(self) -> None:
        self.stream.close(0)
        self.embedded.close()


class SinkBackend(Protocol):
    """A sink and, as no sink can be read, a way to see what is on the stream."""

    @property
    def stream(self) -> Sink: ...

    def reopen(self) -> Sink: ...

    def appended(self) -> list[Bar]: ...

    def rejects(self) -> list[Reject]: ...


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[SqliteBackend]:
    made = SqliteBackend(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def kinesalite() -> Iterator[str]:
    with second_imitation.running("kinesalite", "--createStreamMs", "0", "--deleteStreamMs", "0") as url:
        yield url


SINKS = ["sqlite", "kinesis", "fake_kinesis"]
SINKS += ["kinesalite"] if second_imitation.available("kinesalite") else []


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SinkBackend]:
    made: KinesisBackend | SqliteBackend
    if request.param == "kinesis":
        request.getfixturevalue("aws")
        client = boto3.client("kinesis")
        client.create_stream(StreamName="bars", ShardCount=4)
        made = KinesisBackend(tmp_path, client, partial(bars_of_stream, client, "bars"))
    elif request.param == "kinesalite":
        client = second_imitation.client("kinesis", request.getfixturevalue("kinesalite"))
        client.create_stream(StreamName="bars", ShardCount=4)
        client.get_waiter("stream_exists").wait(StreamName="bars", WaiterConfig={"Delay": 1})
        made = KinesisBackend(tmp_path, client, partial(bars_of_stream, client, "bars"))
    elif request.param == "fake_kinesis":
        fake = FakeKinesis()
        made = KinesisBackend(tmp_path, fake, fake.bars)
    else:
        made = SqliteBackend(tmp_path)
    yield made
    made.close()
    if request.param == "kinesalite":
        client.delete_stream(StreamName="bars")


# -- sinks -------------------------------------------------------------------------------------------------------------


def test_appended_bars_are_on_the_stream_in_each_symbols_order(sink: SinkBackend, bars: Bars) -> None:
    ends = [sink.stream.append("a", Delivery(bars[start : start + 70])) for start in range(0, 300, 70)]
    assert ends == sorted(ends)
    assert_in_order(sink.appended(), list(bars))


def test_a_source_resumes_where_its_last_append_ended(sink: SinkBackend, bars: Bars) -> None:
    assert sink.stream.resume("a") == ""
    sink.stream.append("a", Delivery(bars[:5], resume="five"))
    sink.stream.append("b", Delivery(bars[5:6], resume="other"))
    sink.stream.append("a", Delivery(bars[:0], resume="six"))
    stream = sink.reopen()
    assert stream.resume("a") == "six"
    assert stream.resume("b") == "other"
    assert_in_order(sink.appended(), list(bars[:6]))


def test_a_restart_continues_after_what_was_appended(sink: SinkBackend, bars: Bars) -> None:
    for start in range(0, 300, 20):
        sink.stream.append("a", Delivery(bars[start : start + 20]))
        sink.reopen()
    assert_in_order(sink.appended(), list(bars))


def test_a_retried_append_stores_at_most_two_copies_and_each_reject_once(sink: SinkBackend, bars: Bars) -> None:
    reject = Reject("a", "file:row 3", "high is below low", b"\xff,raw")
    for _ in range(2):
        sink.stream.append("a", Delivery(bars[:1], [reject]))
    assert sink.rejects() == [reject]
    assert 1 <= len(sink.appended()) <= 2


# -- streams -----------------------------------------------------------------------------------------------------------


def test_bars_are_read_back_in_the_order_of_appending(backend: SqliteBackend, bars: Bars) -> None:
    end = 0
    for start in range(0, 300, 70):
        end = backend.stream.append("a", Delivery(bars[start : start + 70]))
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


def test_reading_at_the_end_is_empty_and_does_not_move(backend: SqliteBackend, bars: Bars) -> None:
    assert backend.stream.read(0, 10)[1] == 0
    end = backend.stream.append("a", Delivery(bars))
    part, position = backend.stream.read(end, 10)
    assert len(part) == 0
    assert position == end


def test_trimmed_records_are_refused_and_later_positions_stay(backend: SqliteBackend, bars: Bars) -> None:
    for start in range(0, 300, 100):
        backend.stream.append("a", Delivery(bars[start : start + 100]))
    backend.stream.trim(250)
    with pytest.raises(LogTrimmedError):
        backend.stream.read(50, 1)
    stream = backend.reopen()
    assert list(stream.read(250, 100)[0]) == list(bars[250:])
    stream.trim(300)
    assert stream.append("a", Delivery(bars[:7])) == 307
    assert list(stream.read(300, 100)[0]) == list(bars[:7])


def test_an_append_keeps_only_the_newest_rejects(
    backend: SqliteBackend, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapeline.backends.sqlite.reject_table.KEPT_REJECTS", 3)
    rejects = [Reject("a", f"file:row {row}", "high is below low", b"") for row in range(10)]
    backend.stream.append("a", Delivery(bars[:1], rejects))
    assert backend.rejects() == rejects[-3:]


def test_wait_returns_on_an_append_or_when_the_time_is_up(backend: SqliteBackend, bars: Bars) -> None:
    assert not backend.stream.wait(0, 0.01)
    appending = threading.Thread(target=backend.stream.append, args=("a", Delivery(bars[:1])))
    appending.start()
    assert backend.stream.wait(0, 30)
    appending.join()
