"""Fuzz whatever brings bars: charts, frames, files, records, archives; and the answers of a webhook."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.webhook import Webhook
from tapeline.backends.aws.s3_archive import S3Archive
from tapeline.core import codec
from tapeline.core.bar_faults import FAULTS, faults
from tapeline.core.market import OHLCV, Bar, Bars
from tapeline.core.rejects import count_of
from tapeline.core.sessions import calendar_of
from tapeline.errors import DecodeError, DeliveryError, FeedError, StorageError
from tapeline.feeds.files import FileSource
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.streamed_bars import StreamedBars
from tapeline.feeds.live.tracked_bars import TrackedBars
from tapeline.feeds.yahoo import INTERVALS
from tapeline.feeds.yahoo.chart import decode
from tapeline.feeds.yahoo.stream_frames import quote
from tapeline.feeds.yahoo.transport import _answer
from tapeline.runtime.batch_records import Record
from tapeline.runtime.batches import Batches
from tapeline.runtime.processor import Processor
from tests.archived import series
from tests.fakes.stores import MemoryStore
from tests.fuzz_values import Target, anything, assert_line, assert_rejects, damaged, or_anything, scalars, varied
from tests.local_yahoo.clock import SimClock
from tests.local_yahoo.market import Tick
from tests.local_yahoo.server import HOSTILE, frame

RECORDED = Path(__file__).parent / "data" / "yahoo"
OPEN = 1_549_895_400_000  # 2019-02-11 14:30 UTC, the open in New York
MINUTE = 60_000
NOW = OPEN + 60 * MINUTE


# -- charts ------------------------------------------------------------------------------------------------------------

minutes = st.integers(-5, 400).map(lambda minute: OPEN // 1000 + 60 * minute)
times = or_anything(minutes | st.sampled_from((0, -1, 10**11, 10**15, 2**63)))
price = or_anything(st.floats(0.01, 1000) | st.none())


@st.composite
def results(draw: st.DrawFn) -> Any:
    count = draw(st.integers(0, 12))
    column = or_anything(st.lists(price, min_size=count, max_size=count))
    session = st.fixed_dictionaries({"start": times, "end": times})
    dividend = st.fixed_dictionaries({"date": times, "amount": price}, optional={"currency": scalars})
    split = st.fixed_dictionaries({"date": times, "numerator": price, "denominator": price})
    meta = st.fixed_dictionaries({}, optional={
        "currency": scalars | st.just("USD"), "exchangeTimezoneName": scalars | st.just("America/New_York"),
        "tradingPeriods": or_anything(st.lists(st.lists(session, max_size=2), max_size=2)),
    })  # fmt: skip
    events = st.fixed_dictionaries({}, optional={
        "dividends": or_anything(st.dictionaries(st.text(max_size=3), or_anything(dividend), max_size=3)),
        "splits": or_anything(st.dictionaries(st.text(max_size=3), or_anything(split), max_size=3)),
    })  # fmt: skip
    quotes = st.fixed_dictionaries({}, optional=dict.fromkeys((*OHLCV, "extra"), column))
    return draw(st.fixed_dictionaries({}, optional={
        "meta": or_anything(meta), "events": or_anything(events),
        "timestamp": or_anything(st.lists(times, min_size=count, max_size=count)),
        "indicators": or_anything(st.fixed_dictionaries({"quote": or_anything(st.lists(quotes, max_size=2))})),
    }))  # fmt: skip


def wrapped(result: Any) -> bytes:
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


recorded = st.sampled_from(sorted(path.name for path in RECORDED.glob("chart-*.json"))).map(
    lambda name: (RECORDED / name).read_bytes()
)
charts = st.tuples(
    st.one_of(
        results().map(wrapped), damaged(recorded), damaged(results().map(wrapped)),
        anything.map(lambda value: json.dumps({"chart": value}).encode()), st.binary(max_size=60),
        st.sampled_from(sorted(HOSTILE)).map(lambda name: HOSTILE[name].encode()),
    ),
    st.sampled_from(sorted(INTERVALS)), st.sampled_from(("TSLA", "BTC-USD", "OCDO.L", "7203.T")),
)  # fmt: skip


def check_chart(value: tuple[bytes, str, str]) -> None:
    content, name, symbol = value
    interval = INTERVALS[name]
    try:
        found = decode(content.decode("utf-8", "replace"), symbol, interval, calendar_of(symbol), NOW)
    except FeedError as error:
        assert_line(error)
        return
    bars = found.bars
    assert set(bars.symbols) <= {symbol}
    assert (np.diff(bars.timestamp) > 0).all()
    wrong = faults(bars, NOW)
    assert not wrong.any(), FAULTS[wrong.max()]
    assert_rejects(found.rejects)
    for action in found.actions:
        assert 0 < action.value < float("inf")
        action.currency.encode("ascii")
    assert found.currency.isascii()
    assert len(found.currency) <= 8


# -- frames ------------------------------------------------------------------------------------------------------------


def message(**values: Any) -> bytes:
    from yfinance.pricing_pb2 import PricingData

    return bytes(PricingData(**values).SerializeToString())


messages = st.builds(
    message,
    id=st.sampled_from(("TSLA", "AAPL", "BTC-USD", "", "x" * 50, "a b")) | st.text(max_size=5),
    price=st.floats(width=32), time=st.integers(-(2**63), 2**63 - 1) | st.integers(NOW - MINUTE, NOW + 10 * MINUTE),
    day_volume=st.integers(-(2**63), 2**63 - 1), price_hint=st.integers(-(2**63), 2**63 - 1),
    market_hours=st.sampled_from((0, 1, 2, 3)), quote_type=st.sampled_from((0, 8, 41)),
)  # fmt: skip
frames = st.one_of(
    messages.map(base64.b64encode), damaged(messages).map(base64.b64encode), damaged(messages.map(base64.b64encode)),
    damaged(messages.map(lambda m: json.dumps({"type": "pricing", "message": base64.b64encode(m).decode()}).encode())),
    anything.map(lambda value: json.dumps({"type": "pricing", "message": value}).encode()),
    st.dictionaries(st.text(max_size=8), anything, max_size=4).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=80), st.just(frame(Tick("TSLA", NOW, 170.0, 100)).encode()),
)  # fmt: skip


def check_frames(value: list[tuple[bytes, bool]]) -> None:
    """Check frames as text or bytes, one after the other, and what the collector makes of their prices."""
    clock, outbox = SimClock(NOW), Outbox()
    tracked = {name: TrackedBars(name, calendar_of(name), ready=True) for name in ("TSLA", "BTC-USD")}
    streamed = StreamedBars("yahoo", INTERVALS["1m"], clock, outbox, tracked, 1000)
    for one in tracked.values():
        streamed.follow(one.calendar)
    for content, as_text in value:
        try:
            found = quote(content.decode("utf-8", "replace") if as_text else content)
        except DecodeError as error:
            assert_line(error)
            continue
        if found is not None:
            assert 0 < found.price < float("inf")
            streamed.add(found)
            clock.advance(clock.now() + 700)
            streamed.flush()
    outbox.note(notices=["the end"])
    delivery = outbox.take()
    assert delivery is not None
    assert set(delivery.bars.symbols) <= set(tracked)
    wrong = faults(delivery.bars, clock.now() + 6 * MINUTE)
    assert not wrong.any(), FAULTS[wrong.max()]


# -- headers -----------------------------------------------------------------------------------------------------------


def check_headers(value: tuple[str, str]) -> None:
    headers = {"date": value[0], "retry-after": value[1]}
    found = _answer(SimpleNamespace(status_code=200, text="", headers=headers))
    assert found.date is None or isinstance(found.date, int)


headers = st.tuples(
    st.one_of(
        st.text(max_size=40), st.just("Mon, 11 Feb 2019 14:30:00 GMT"),
        damaged(st.just(b"Mon, 11 Feb 2019 14:30:00 +0100")).map(lambda data: data.decode("latin-1")),
    ),
    st.text(max_size=10) | st.floats().map(str) | st.integers().map(str),
)  # fmt: skip


# -- files -------------------------------------------------------------------------------------------------------------

cells = st.one_of(
    st.sampled_from(("", "1", "1.5", "-1", "nan", "inf", "1e999", "0", '"1,234.5"', '"', "x", "1549895400", "2019")),
    st.text(max_size=6), st.integers().map(str), st.floats().map(str),
)  # fmt: skip
good_cells = st.sampled_from(("1", "1.5", "2", "100"))
row_times = st.integers(0, 50).map(lambda minute: str(OPEN // 1000 + 60 * minute)) | st.sampled_from(
    ("2019-02-11T14:30:00Z", "2019-02-11 14:31", "20190211", "1549895400000", "9" * 30)
)


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    names = ["symbol", "timestamp", *OHLCV]
    if draw(st.booleans()):
        names = draw(st.permutations([*names, *draw(st.lists(st.text(max_size=5), max_size=3))]))
    lines = [",".join(names)]
    for _ in range(draw(st.integers(0, 15))):
        usual = {"symbol": draw(st.sampled_from(("A", "B", "", "a b", "C" * 40))), "timestamp": draw(row_times)}
        good = draw(st.booleans())
        row = [usual.get(name) or draw(good_cells if good else cells) for name in names]
        lines.append(",".join(row))
    ending = draw(st.sampled_from(("\n", "\r\n", "\r", "\n\n")))
    return ending.join(lines).encode("utf-8", "surrogatepass")


files = st.one_of(
    csv_files(), damaged(csv_files()), csv_files().map(gzip.compress), damaged(csv_files().map(gzip.compress)),
    st.binary(max_size=200),
)  # fmt: skip


def check_csv(content: bytes) -> None:
    check_file(content, "A.csv")


def check_file(content: bytes, name: str) -> tuple[int, int] | None:
    """Return how many bars and rejects a file has, None when it has a problem as a whole."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            source = FileSource([path])
            found = list(source.deliveries(""))
        except FeedError as error:
            assert_line(error)
            return None
        for problem in source.problems:
            assert "\n" not in problem
    bars = Bars.concat([delivery.bars for delivery in found])
    rejects = [reject for delivery in found for reject in delivery.rejects]
    wrong = faults(bars)
    assert not wrong.any(), FAULTS[wrong.max()]
    assert (np.diff(bars.timestamp) >= 0).all()
    assert_rejects(rejects)
    return None if source.problems else (len(bars), count_of(rejects))


columns = {
    "text": st.one_of(st.none(), st.text(max_size=8), st.just("1.5"), st.just("A"), st.just("9" * 500)),
    "float": st.floats() | st.none() | st.just(1.5), "int": st.integers(-(2**63), 2**63 - 1) | st.none() | st.just(7),
}  # fmt: skip
types = {"text": pa.string(), "float": pa.float64(), "int": pa.int64()}


@st.composite
def parquet_files(draw: st.DrawFn) -> tuple[bytes, int]:
    """Draw a Parquet file, and how many rows it has; -1 when it was damaged."""
    count = draw(st.integers(0, 30))
    made: dict[str, Any] = {}
    for name in ("symbol", "timestamp", *OHLCV):
        usual = {"symbol": "text", "timestamp": "int"}.get(name, "float")
        kind = draw(st.sampled_from((usual, usual, usual, "text", "float", "int")))
        column = pa.array(draw(st.lists(columns[kind], min_size=count, max_size=count)), types[kind])
        if name == "timestamp" and kind == "int" and draw(st.booleans()):
            column = pa.array([OPEN + 60_000 * draw(st.integers(0, 20)) for _ in range(count)], pa.int64())
        if kind == "text" and draw(st.booleans()):
            column = column.dictionary_encode()
        made[name] = column
    file = io.BytesIO()
    pq.write_table(
        pa.table(made), file, compression=draw(st.sampled_from(("none", "zstd", "snappy"))),
        use_dictionary=draw(st.booleans()), row_group_size=draw(st.integers(1, 40)),
        store_schema=draw(st.booleans()), data_page_version=draw(st.sampled_from(("1.0", "2.0"))),
    )  # fmt: skip
    content = file.getvalue()
    if draw(st.booleans()):
        return draw(damaged(st.just(content))), -1
    return content, count


def check_parquet(value: tuple[bytes, int]) -> None:
    content, rows = value
    found = check_file(content, "A.parquet")
    if rows >= 0 and found is not None:
        assert sum(found) == rows


# -- webhooks ----------------------------------------------------------------------------------------------------------

status_lines = st.sampled_from(
    (b"HTTP/1.1 200 OK", b"HTTP/1.0 500 No", b"HTTP/1.1 100 Continue", b"HTTP/9.9 -1 x", b"ICY 200")
)
header_lines = st.one_of(
    st.sampled_from((
        b"Content-Length: 0", b"Content-Length: -5", b"Content-Length: " + b"9" * 60, b"Transfer-Encoding: chunked",
        b"Retry-After: 7", b"Retry-After: " + b"9" * 5000, b"Retry-After: -1", b"Connection: close", b": x", b" folded",
        b"X" * 70_000 + b": y",
    )),
    st.binary(max_size=30),
)  # fmt: skip
answers = st.one_of(
    st.builds(
        lambda status, lines, body: b"\r\n".join([status, *lines]) + b"\r\n\r\n" + body,
        status_lines, st.lists(header_lines, max_size=5), st.binary(max_size=40),
    ),
    damaged(st.just(b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n")), st.binary(max_size=200),
)  # fmt: skip

ALERT = Alert("key", "price > 1", "TSLA", OPEN, OPEN, "price 2", 2.0)


@cache
def answering() -> tuple[int, list[bytes]]:
    """Start a server that answers with the last of a list, and return its port and the list."""
    server = socket.create_server(("127.0.0.1", 0))
    answer: list[bytes] = [b""]

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with contextlib.suppress(OSError), connection:
                connection.recv(65536)
                connection.sendall(answer[-1])

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1], answer


def check_webhook(content: bytes) -> None:
    port, answer = answering()
    answer[:] = [content]
    try:
        Webhook(f"http://127.0.0.1:{port}/SECRET", timeout=2).send([ALERT])
    except DeliveryError as error:
        assert_line(error)
        told, wait = str(error), error.wait
    else:
        told, wait = "", 0.0
        assert b" 2" in content
    assert "SECRET" not in told
    assert wait >= 0


# -- records of the stream ---------------------------------------------------------------------------------------------

bar_values = st.builds(
    Bar, st.sampled_from(("A", "B", "C")), st.integers(0, 20).map(lambda minute: OPEN + MINUTE * minute),
    *[st.floats(1, 100)] * 4, st.floats(0, 1e6), st.booleans(),
)  # fmt: skip
records = st.lists(bar_values, max_size=8).map(lambda bars: codec.encode(Bars.of(bars)))
payloads = st.one_of(records, damaged(records), st.binary(max_size=100))


def check_codec(content: bytes) -> None:
    try:
        bars = codec.decode(content)
    except DecodeError as error:
        assert_line(error)
        return
    again = codec.encode(bars)
    assert again[:3] + again[4:] == content[:3] + content[4:]  # the byte between holds flags that mean nothing yet


def check_batch(contents: list[bytes]) -> None:
    """Check a batch of the stream as the function gets it: it is applied, and what is wrong is kept and counted."""
    store, kept = MemoryStore(), []
    batches = Batches(store, lambda: Processor(()), clock=lambda: NOW, refuse=kept.extend)
    given = [Record(number + 1, f"record {number}", content) for number, content in enumerate(contents)]
    outcome = batches.apply(given)
    assert outcome.rejects == count_of(kept)
    assert not outcome.failed
    assert outcome.bars + outcome.rejects >= 0
    for symbol in store.tables.items:
        wrong = faults(store.rows(symbol).bars, NOW + 5 * MINUTE)
        assert not wrong.any(), FAULTS[wrong.max()]
    before = {symbol: list(store.rows(symbol)) for symbol in store.tables.items}
    batches.apply(given)
    assert {symbol: list(store.rows(symbol)) for symbol in store.tables.items} == before


# -- objects on S3 -----------------------------------------------------------------------------------------------------


class Bucket:
    """A bucket in memory, as far as an archive needs it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "no"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def delete_objects(self, **_: Any) -> dict[str, Any]:
        return {}

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{"Contents": [{"Key": key} for key in self.objects]}])


@cache
def archived() -> dict[str, bytes]:
    bucket = Bucket()
    S3Archive(bucket, "b").save(series(days=2))
    return bucket.objects


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw which object of an archive is another one, and what it is."""
    key = draw(st.sampled_from(sorted(archived())))
    content = archived()[key]
    if key.endswith(".json") and draw(st.booleans()):
        document = json.loads(content) | draw(st.dictionaries(st.sampled_from(sorted(json.loads(content))), anything))
        return key, json.dumps(document).encode()
    return key, draw(damaged(st.just(content)))


def check_archive(value: tuple[str, bytes]) -> None:
    bucket = Bucket()
    bucket.objects = {**archived(), value[0]: value[1]}
    kept = series(days=2)
    try:
        found = S3Archive(bucket, "b").load(kept.symbol, kept.interval)
    except StorageError as error:
        assert_line(error)
        return
    assert found is not None
    assert isinstance(found.start, int)
    assert isinstance(found.currency, str)
    assert all(isinstance(action.timestamp, int) for action in found.actions)


def harmful_charts() -> Iterator[tuple[bytes, str, str]]:
    for name in sorted(HOSTILE):
        for interval in ("1m", "30m", "1d"):
            yield HOSTILE[name].encode(), interval, "TSLA"


MARKET_DATA = (
    Target("charts", charts, check_chart, harmful_charts),
    Target("frames", st.lists(st.tuples(frames, st.booleans()), min_size=1, max_size=12), check_frames),
    Target(
        "answer headers", headers, check_headers, vary=lambda value, rng: tuple(varied(each, rng) for each in value)
    ),
    Target("csv", files, check_csv),
    Target("parquet", parquet_files(), check_parquet, vary=lambda value, rng: (varied(value[0], rng), -1), weight=0.5),
    Target("webhook answers", answers, check_webhook),
    Target("stream records", payloads, check_codec),
    Target("function payloads", st.lists(payloads, max_size=5), check_batch),
    Target("archive", objects(), check_archive),
)
