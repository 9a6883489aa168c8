"""Test `KinesisSink` over a stream that fails in every way: order, completeness, limits and notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.parsers import ResponseParserError
from tests.conftest import random_bars
from tests.fakes import CrashError
from tests.fakes.kinesis import FakeKinesis, client_error
from tests.stream_order import assert_in_order

from tapeline.backends.aws import kinesis
from tapeline.backends.aws import kinesis_records as records
from tapeline.backends.aws.kinesis import KinesisSink
from tapeline.backends.aws.kinesis_records import records_of, thin
from tapeline.backends.sqlite.database import (
    Database,
)
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.codec import decode, encode
from tapeline.core.market import Bar, Bars
from tapeline.core.messages import Delivery
from tapeline.errors import LogTrimmedError, StorageError


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinesis, "FIRST_PAUSE", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Callable[[], SqliteStream]]:
    """Return a function that opens the log as a fresh process would."""
    opened: list[Database] = []

    def open_() -> SqliteStream:
        while opened:
            opened.pop().close()
        opened.append(Database(tmp_path / "tapeline.db"))
        return SqliteStream(opened[-1], kept_bars=0)

    yield open_
    opened.pop().close()


def day(rng: np.random.Generator, symbols: int = 4, count: int = 60) -> list[Bar]:
    """Return forming updates, finals and corrections, all different from each other."""
    found = []
    for bar in random_bars(symbols, count, int(rng.integers(1 << 30))):
        found += [replace(bar, volume=bar.volume + share, final=False) for share in range(1, int(rng.integers(1, 4)))]
        if rng.random() < 0.95:
            found.append(bar)
        if rng.random() < 0.05:
            found.append(replace(bar, volume=bar.volume + 0.5))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_under_any_trouble_everything_arrives_in_each_symbols_order(
    seed: int, log: Callable[[], SqliteStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(kinesis, "READ_BARS", int(rng.integers(5, 200)))
    monkeypatch.setattr(records, "RECORD_BARS", int(rng.integers(1, 8)))
    monkeypatch.setattr(records, "REQUEST_RECORDS", int(rng.integers(1, 6)))
    client = FakeKinesis(trouble=0.4, seed=seed, crashes=8)
    bars = day(rng)
    sink = KinesisSink(log(), client, "bars")
    at = crashes = 0
    while True:
        try:
            while at < len(bars):
                part = bars[at : at + int(rng.integers(1, 40))]
                sink.append("yahoo", Delivery(Bars.of(part), resume=str(at + len(part))))
                at += len(part)
            left = sink.close(60)
        except CrashError:
            left = 1
        if not left:
            break
        crashes += 1  # the next process continues after what was appended
        sink.close(0)
        sink = KinesisSink(log(), client, "bars")
        at = int(sink.resume("yahoo") or 0)
    assert_in_order(client.bars(), bars)
    print(f"seed {seed}: {client.requests} requests, {crashes} crashes")


def test_what_was_acknowledged_is_not_sent_again_and_the_log_is_trimmed(log: Callable[[], SqliteStream]) -> None:
    client, bars = FakeKinesis(), random_bars(2, 50)
    sink = KinesisSink(log(), client, "bars")
    for at in range(0, 100, 10):
        sink.append("yahoo", Delivery(bars[at : at + 10]))
    assert sink.close(60) == 0
    assert sink.status().sent == 100
    outbox = log()
    assert KinesisSink(outbox, client, "bars").close(60) == 0
    assert len(client.bars()) == 100
    with pytest.raises(LogTrimmedError):
        outbox.read(0, 1)


def test_a_process_that_dies_between_put_and_trim_sends_the_rest_again(log: Callable[[], SqliteStream]) -> None:
    bars = random_bars(1, 30)

    class Dying(FakeKinesis):
        def put_records(self, **request: Any) -> dict[str, Any]:
            answer = super().put_records(**request)
            if self.requests == 2:
                raise CrashError
            return answer

    client = Dying()
    sink = KinesisSink(log(), client, "bars")
    sink.append("yahoo", Delivery(bars[:10]))
    while sink.status().backlog:
        threading.Event().wait(0.002)
    with pytest.raises(CrashError):  # noqa: PT012 - which append notices it is a matter of time
        while True:
            sink.append("yahoo", Delivery(bars[10:20]))
            sink._thread.join(0.01)
    assert KinesisSink(log(), client, "bars").close(60) == 0
    found = client.bars()
    assert found[:20] == list(bars[:20])
    assert found[20:30] == list(bars[10:20])


def test_a_long_history_is_cut_into_records_within_kinesis_limits(log: Callable[[], SqliteStream]) -> None:
    client = FakeKinesis()
    bars = random_bars(2, 12_000)  # 1.3 MB: more than a record may have, and than is read at once
    sink = KinesisSink(log(), client, "bars")
    sink.append("yahoo", Delivery(bars))
    assert sink.close(60) == 0
    assert len(client.records) >= 2 * 12_000 / records.RECORD_BARS
    assert_in_order(client.bars(), list(bars))
    longest = Bars.of([replace(next(iter(bars)), symbol="\U0001d4d0" * 32)] * records.RECORD_BARS)
    assert len(encode(longest)) <= 25 * 1024


def test_a_request_has_at_most_500_records_and_5_megabytes(
    log: Callable[[], SqliteStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = FakeKinesis()  # asserts it
    sink = KinesisSink(log(), client, "bars")
    sink.append("yahoo", Delivery(random_bars(1200, 2)))
    assert sink.close(60) == 0
    assert len(client.records) == 1200
    monkeypatch.setattr(records, "RECORD_BARS", 10_000)  # 530 kB a record
    monkeypatch.setattr(kinesis, "READ_BARS", 1_000_000)
    client = FakeKinesis()
    sink = KinesisSink(log(), client, "bars")
    sink.append("yahoo", Delivery(random_bars(12, 12_000)))
    assert sink.close(60) == 0
    assert sum(len(data) for _, data in client.records) > 5_000_000


def test_forming_bars_are_thinned_and_final_ones_never() -> None:
    first = Bar("A", 0, 1.0, 1.0, 1.0, 1.0, 1.0)
    forming = replace(first, final=False)
    second = replace(forming, timestamp=60_000)
    other = replace(forming, symbol="B")
    bars = [
        forming,
        replace(forming, volume=2.0),
        other,
        first,
        replace(first, volume=3.0),  # a correction
        second,
        replace(second, volume=2.0),
        replace(second, timestamp=120_000),  # ends the one before, which never became final
    ]
    assert list(thin(Bars.of(bars))) == [bars[2], bars[3], bars[4], bars[6], bars[7]]


def test_records_have_one_symbol_and_keep_its_order() -> None:
    bars = random_bars(3, 40)[10:60]
    found = [(symbol, list(own)) for symbol, own in records_of(bars)]
    assert sorted(symbol for symbol, _ in found) == ["S00", "S01", "S02"]
    for symbol, own in found:
        assert [bar for data in own for bar in decode(data)] == [bar for bar in bars if bar.symbol == symbol]


ADVICE = [
    (client_error("AccessDeniedException", "User is not authorized"), "allow kinesis:PutRecords in the policy"),
    (client_error("ExpiredTokenException", "expired"), "renew"),
    (
        client_error("ResourceNotFoundException", "Stream bars under account 1 not found"),
        "TAPELINE_AWS__KINESIS_STREAM",
    ),
    (client_error("KMSAccessDeniedException", "no"), "kms:GenerateDataKey"),
    (NoCredentialsError(), "give the task a role"),
]


@pytest.mark.parametrize(("error", "advice"), ADVICE, ids=[advice for _, advice in ADVICE])
def test_a_problem_that_a_person_must_fix_is_reported_once_and_bars_are_kept(
    error: Exception, advice: str, log: Callable[[], SqliteStream]
) -> None:
    client, notices = FakeKinesis(errors=[error] * 3), []
    sink = KinesisSink(log(), client, "bars", notices.append)
    sink.append("yahoo", Delivery(random_bars(1, 5)))
    assert sink.close(60) == 0
    assert len(client.bars()) == 5
    assert len(notices) == 2, notices
    assert "stream bars: kinesis:PutRecords failed: " in notices[0]
    assert advice in notices[0]
    assert "kept on the disk" in notices[0]
    assert "takes records again" in notices[1]
    assert not sink.status().problem


def test_a_problem_that_passes_by_itself_is_not_reported(log: Callable[[], SqliteStream]) -> None:
    notices: list[str] = []
    errors = [client_error("ProvisionedThroughputExceededException"), client_error("ServiceUnavailable")] * 2
    client = FakeKinesis(errors=[*errors, ResponseParserError("<html>")])
    sink = KinesisSink(log(), client, "bars", notices.append)
    sink.append("yahoo", Delivery(random_bars(1, 5)))
    assert sink.close(60) == 0
    assert client.requests == 6
    assert notices == []


def test_the_source_pauses_while_too_many_bars_are_unsent(
    log: Callable[[], SqliteStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinesis, "MOST_UNSENT_BARS", 10)
    gate, notices = threading.Event(), []

    class Gated(FakeKinesis):
        def put_records(self, **request: Any) -> dict[str, Any]:
            gate.wait(30)
            return super().put_records(**request)

    client, bars = Gated(), random_bars(1, 30)
    sink = KinesisSink(log(), client, "bars", notices.append)
    sink.append("yahoo", Delivery(bars[:10]))
    appending = threading.Thread(target=sink.append, args=("yahoo", Delivery(bars[10:20])))
    appending.start()
    while not sink.status().paused:
        appending.join(0.002)
    assert sink.status().backlog == 10
    assert "collecting pauses" in notices[0]
    gate.set()
    appending.join(30)
    assert not appending.is_alive()
    assert sink.close(60) == 0
    assert client.bars() == list(bars[:20])


def test_closing_ends_in_time_and_the_next_process_sends_the_rest(
    log: Callable[[], SqliteStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinesis, "MOST_UNSENT_BARS", 10)
    monkeypatch.setattr(kinesis, "FIRST_PAUSE", 0.01)
    client = FakeKinesis(errors=[client_error("AccessDeniedException")] * 1_000_000)
    bars = random_bars(1, 30)
    sink = KinesisSink(log(), client, "bars")
    sink.append("yahoo", Delivery(bars[:10]))
    appending = threading.Thread(target=sink.append, args=("yahoo", Delivery(bars[10:])))  # until `close`
    appending.start()
    while not sink.status().paused:
        appending.join(0.002)
    sink.close(0.1)
    appending.join(30)
    client.errors.clear()
    assert KinesisSink(log(), client, "bars").close(60) == 0
    assert client.bars() == list(bars)


def test_closing_sends_bars_appended_since_the_last_read_of_the_log(
    log: Callable[[], SqliteStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, client, bars = log(), FakeKinesis(), random_bars(1, 10)
    read, looked, go = outbox.read, threading.Event(), threading.Event()

    def slow_read(position: int, count: int) -> tuple[Bars, int]:
        found = read(position, count)
        if not looked.is_set() and threading.current_thread().name == "kinesis":
            looked.set()
            go.wait(30)
        return found

    monkeypatch.setattr(outbox, "read", slow_read)
    sink = KinesisSink(outbox, client, "bars")
    looked.wait(30)
    sink.append("yahoo", Delivery(bars))
    left: list[int] = []
    closing = threading.Thread(target=lambda: left.append(sink.close(60)))
    closing.start()
    sink._closing.wait(30)
    go.set()
    closing.join(30)
    assert left == [0]
    assert client.bars() == list(bars)


def test_a_full_disk_is_reported_and_kept_bars_are_sent(log: Callable[[], SqliteStream]) -> None:
    outbox, client = log(), FakeKinesis()
    database = outbox._database
    sink = KinesisSink(outbox, client, "bars")
    sink.append("yahoo", Delivery(random_bars(1, 5)))
    with database.transaction() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    with database.transaction() as connection:
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageError, match="disk is full"):
        sink.append("yahoo", Delivery(random_bars(1, 50_000)))
    assert sink.close(60) == 0
    assert len(client.bars()) == 5


def test_a_log_that_another_program_trimmed_is_refused(log: Callable[[], SqliteStream]) -> None:
    outbox = log()
    for _ in range(2):
        outbox.append("yahoo", Delivery(random_bars(1, 5)))
    outbox.trim(10)
    with pytest.raises(LogTrimmedError):
        KinesisSink(outbox, FakeKinesis(), "bars")
