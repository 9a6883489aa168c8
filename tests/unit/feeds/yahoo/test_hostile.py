"""What a hostile Yahoo may send: nothing but a `FeedError` comes of it, in bounded time and memory."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.local_yahoo.cookies import keep_no_cookies
from tests.local_yahoo.market import Market
from tests.local_yahoo.server import HOSTILE, LocalYahoo

from tapeline.core.sessions import calendar_of
from tapeline.errors import DecodeError, FeedError, UnreachableError, UnusableAnswerError
from tapeline.feeds.yahoo import INTERVALS, YFinanceTransport
from tapeline.feeds.yahoo.chart import BOUNDS, decode
from tapeline.feeds.yahoo.stream_frames import FRAME, quote
from tapeline.feeds.yahoo.transport import ANSWER

OPEN = 1_549_895_400_000  # 2019-02-11 14:30 UTC, the open in New York
MINUTE = 60_000


@pytest.fixture(scope="module", autouse=True)
def _cookies() -> None:
    keep_no_cookies()


def answer(result: Any) -> str:
    return json.dumps({"chart": {"result": [result], "error": None}}, separators=(",", ":"))


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("interval", ["1m", "30m", "1d"])
def test_a_hostile_chart_is_an_error_about_its_symbol(name: str, interval: str) -> None:
    line = "TSLA: "
    with contextlib.suppress(FeedError):
        try:
            found = decode(HOSTILE[name], "TSLA", INTERVALS[interval], calendar_of("TSLA"), OPEN + 60 * MINUTE)
            assert not len(found.bars)
            assert not found.actions
        except FeedError as error:
            line = str(error)
            raise
    assert line.startswith("TSLA: ")
    assert len(line) < 300
    assert "\n" not in line


@pytest.mark.parametrize(
    "text",
    [
        "[" * (BOUNDS.size + 1),
        '"' + "é" * (BOUNDS.size // 2) + '"',
        '{"a":' * 13 + "1" + "}" * 13,
        "[" + "{}," * 60_000,
        "[" + "1," * 600_000,
    ],
    ids=["long", "long in UTF-8", "deep", "parts", "values"],
)
def test_a_chart_out_of_bounds_is_refused_before_it_is_parsed(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(UnusableAnswerError, match=r"longer than|deeper than|more than"):
        decode(text, "TSLA", INTERVALS["1m"], calendar_of("TSLA"), OPEN)
    assert time.monotonic() - began < 1


def test_a_chart_with_more_rows_than_any_is_refused() -> None:
    text = answer({"timestamp": [1549895400] * 100_001})
    with pytest.raises(UnusableAnswerError, match="100,000 rows"):
        decode(text, "TSLA", INTERVALS["1d"], calendar_of("TSLA"), OPEN)


def test_of_refused_rows_the_first_are_kept_and_the_others_counted() -> None:
    rows = 50_000
    quote = {name: [-1] * rows for name in ("open", "high", "low", "close", "volume")}
    times = [OPEN // 1000 + 60 * i for i in range(rows)]
    text = answer({"timestamp": times, "indicators": {"quote": [quote]}})
    found = decode(text, "BTC-USD", INTERVALS["1m"], calendar_of("BTC-USD"), OPEN + rows * MINUTE)
    assert len(found.rejects) <= 1001
    assert sum(reject.count for reject in found.rejects) == rows
    assert sum(len(reject.raw) for reject in found.rejects) < 1_000_000


@pytest.mark.parametrize("ratio", [1e-300, 1e300, 0.000001])
def test_a_split_that_no_split_is_changes_no_history(ratio: float) -> None:
    event = {"date": OPEN // 1000, "numerator": ratio, "denominator": 1}
    text = answer({"timestamp": [], "events": {"splits": {"1": event}}})
    found = decode(text, "TSLA", INTERVALS["1m"], calendar_of("TSLA"), OPEN)
    assert found.actions == ()
    assert [reject.place for reject in found.rejects] == [f"TSLA split {OPEN // 1000}"]


@pytest.mark.parametrize(
    "frame",
    [
        '{"a":' * 100_000,
        "{" + "[" * 10_000,
        '{"type":"pricing","message":' + "9" * 5000 + "}",
        "A" * (FRAME.size + 1),
        b"\xff" * 1000,
        '{"type":"pricing","message":"\\ud800"}',
    ],
    ids=["deep", "brackets", "a long number", "long", "bytes", "half a pair"],
)
def test_a_hostile_frame_cannot_be_decoded(frame: str | bytes) -> None:
    with pytest.raises(DecodeError):
        quote(frame)


# -- over the network --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve connections with `talk`, each in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def one(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                connection.recv(65536)
                talk(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def fails(url: str, kind: type[FeedError], match: str, seconds: float) -> None:
    transport = YFinanceTransport(url)
    began = time.monotonic()
    with pytest.raises(kind, match=match):
        transport.get("TSLA", {})
    assert time.monotonic() - began < seconds
    transport.close()


@pytest.mark.parametrize("fault", ["endless", "bomb"])
def test_an_answer_without_an_end_is_cut_off(fault: str) -> None:
    market = Market([(OPEN, OPEN + 60 * MINUTE)], ["TSLA"])
    with LocalYahoo(market, lambda: OPEN) as yahoo:
        yahoo.chart_faults.extend([fault] * 9)
        fails(yahoo.url, UnusableAnswerError, f"longer than {ANSWER.size:,} bytes", 9)


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b"[")
            time.sleep(0.2)

    with raw_server(drip) as url:
        fails(url, UnreachableError, "no answer within 7 s", 15)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200_000,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        b"\x00" * 100_000,
        b"HTTP/1.1 999999 \xff\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["headers", "no gzip", "a length", "zeros", "a status", "a circle", "a file"],
)
def test_what_is_no_http_is_an_answer_or_a_failure_in_time(answer: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(answer)) as url:
        transport = YFinanceTransport(url)
        began = time.monotonic()
        with contextlib.suppress(FeedError):
            assert len(transport.get("TSLA", {}).text) < 100
        assert time.monotonic() - began < 15
        transport.close()


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "zlib_codec", "nonsense", "unicode_escape"])
def test_the_character_set_that_an_answer_names_is_not_used(charset: str) -> None:
    body = b'{"chart":{}}' + b"-" * 300_000
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset={charset}\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with raw_server(lambda connection: connection.sendall(head.encode() + body)) as url:
        transport = YFinanceTransport(url)
        began = time.monotonic()
        assert transport.get("TSLA", {}).text == body.decode()
        assert time.monotonic() - began < 5
        transport.close()


@pytest.mark.parametrize(
    "header", ["Date: Mon, 99 Feb 99999 14:30:00 +9999", "Date: " + "9" * 5000, "Retry-After: 1e999"]
)
def test_hostile_headers_are_ignored(header: str) -> None:
    head = f"HTTP/1.1 503 No\r\n{header}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with raw_server(lambda connection: connection.sendall(head.encode())) as url:
        transport = YFinanceTransport(url)
        found = transport.get("TSLA", {})
        assert found.status == 503
        assert found.date is None
        transport.close()


def test_hostile_answers_take_less_than_100_mb() -> None:
    """The largest answers that pass the bounds, of every shape, in a process whose memory is measured."""
    code = Path(__file__).with_name("hostile_memory.py")
    done = subprocess.run([sys.executable, str(code)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 100
