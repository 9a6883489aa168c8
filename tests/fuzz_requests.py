"""Fuzz what comes over HTTP: requests for page and API, bodies for the model's container, and an endpoint's answers."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import io
import json
import logging
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import numpy as np
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from tapeline.alerts.journal import JOURNAL_FILE, Journal
from tapeline.alerts.service import Alerts
from tapeline.backends.aws.sagemaker_predictor import SageMakerPredictor
from tapeline.core.market import LATEST_TIMESTAMP
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.npy import packed
from tapeline.forecast.registry import Registry
from tapeline.lambdas.model_serving import Service, description
from tapeline.web import Access, PageData, serve
from tapeline.web.api.application import create_app
from tapeline.web.page import Page
from tests.conftest import START
from tests.fakes.models import FakeModel
from tests.fakes.watchlists import MemoryWatchlist
from tests.fuzz_documents import MemoryFolder, arrays, model, registered, specs
from tests.fuzz_values import Target, anything, damaged, or_anything
from tests.web_site import filled, sample_bars

TOKEN = "a-token-of-more-than-24-characters"

Answer = tuple[int, dict[str, str], bytes]


class Driver:
    """Send requests straight into applications, one after the other, as any bytes that a server would pass on."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __call__(
        self, app: ASGIApp, method: str, path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        return self._runner.run(self._send(app, method, path, query, headers, body))

    async def _send(
        self, app: ASGIApp, method: str, path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode("utf-8", "surrogatepass"), "root_path": "", "query_string": query,
            "headers": list(headers), "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if waiting:
                return waiting.pop()
            if not path.endswith("/events"):  # whose answer ends with its client
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await asyncio.wait_for(app(scope, receive, send), 20)
        if not sent:
            return 0, {}, b""  # the client had left
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:])


@cache
def driver() -> Driver:
    return Driver()


#: Holds what is kept as long as the process runs.
_kept = contextlib.ExitStack()
atexit.register(_kept.close)


# -- page and API ------------------------------------------------------------------------------------------------------


@cache
def page_data() -> PageData:
    """Return all that a page can be made of, over a small store with predictions, models, rules and rejects."""
    folder = Path(tempfile.mkdtemp(prefix="tapeline-fuzz-"))
    models = MemoryFolder()
    models.files.update(registered())
    store = _kept.enter_context(filled(folder, sample_bars(2, 120), predictor=FakeModel()))
    return PageData(
        store, registry=Registry(models),
        watchlist=MemoryWatchlist("A"), alerts=Alerts(Journal(folder / JOURNAL_FILE, create=True)),
        indicators=("sma_5", "rsi_7"),
    )  # fmt: skip


@cache
def application() -> ASGIApp:
    access = Access(TOKEN)
    access.bind("127.0.0.1")
    return create_app(Page(page_data(), access))


SYMBOLS = ("S0", "S1", "A", "nobody", "..", "%00", "A/B", "\x00", "é", "A" * 500, "' OR 1=1 --", "<script>", "\u202e")
NUMBERS = ("0", "-1", "1", "1e9", "nan", "", "true", "9" * 30, "9" * 5000, "٣", " 7 ", str(START), str(2**63), "0x10")
symbols = st.sampled_from(SYMBOLS) | st.text(max_size=12)
numbers = st.sampled_from(NUMBERS) | st.integers().map(str)
paths = st.one_of(
    st.sampled_from((
        "/", "/metrics", "/js/main.js", "/nothing", "/api/v1/session", "/api/v1/symbols", "/api/v1/latest",
        "/api/v1/predictions", "/api/v1/indicators", "/api/v1/scores", "/api/v1/models", "/api/v1/health",
        "/api/v1/rejects", "/api/v1/events", "/api/v1/alerts", "/api/v1/alerts/rules", "/api/v1/openapi.json",
        "/api/v1/models/rollback",
    )),
    symbols.map(lambda symbol: f"/api/v1/symbols/{symbol}/bars"),
    symbols.map(lambda symbol: f"/api/v1/symbols/{symbol}/rows"),
    symbols.map(lambda symbol: f"/api/v1/symbols/{symbol}"), symbols.map(lambda name: f"/api/v1/models/{name}/promote"),
    symbols.map(lambda name: f"/api/v1/alerts/rules/{name}"), st.text(max_size=20).map(lambda text: f"/{text}"),
)  # fmt: skip
names = st.sampled_from((
    "symbol", "interval", "indicators", "start", "end", "before", "cursor", "limit", "format", "name", "model", "extra",
))  # fmt: skip
query_values = st.one_of(
    symbols, numbers, specs, st.lists(specs, max_size=40).map(",".join),
    st.sampled_from(("1m", "5m", "1d", "1mo", "999999999d", "0m", "csv", "arrow", "json", "xml")),
)  # fmt: skip
queries = st.one_of(
    st.lists(st.tuples(names, query_values), max_size=4).map(
        lambda pairs: urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in pairs]).encode()
    ),
    st.binary(max_size=40), st.just(b"limit=1&" * 2000),
)  # fmt: skip
header_names = st.sampled_from((
    "host", "origin", "cookie", "accept", "content-type", "content-length", "sec-fetch-site", "x-csrf-token", "range",
    "x-forwarded-for", "via", "if-none-match", "if-modified-since", "last-event-id", "x-unattended", "accept-encoding",
    "content-encoding", "transfer-encoding", "authorization",
))  # fmt: skip
header_values = st.one_of(
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40), numbers,
    st.sampled_from((
        "127.0.0.1", "application/json", "text/csv", "application/vnd.apache.arrow.stream", "*/*;q=0", "bytes=0-,5-1",
        "bytes=-99999999999999999999", "tapeline=x; tapeline=y", "gzip;q=nan", "Thu, 99 Foo 0000 99:99:99 GMT", "[::1",
    )),
)  # fmt: skip
headers = st.lists(st.tuples(header_names, header_values), max_size=4)
documents = st.one_of(
    anything, st.fixed_dictionaries({}, optional={
        "symbol": or_anything(symbols), "text": or_anything(st.text(max_size=60)), "name": or_anything(symbols),
        "token": or_anything(st.text(max_size=30)), "force": or_anything(st.booleans()),
    }),
)  # fmt: skip
bodies = st.one_of(
    st.just(b""), documents.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.binary(max_size=60), st.integers(1, 60_000).map(lambda depth: b"[" * depth),
    damaged(documents.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))),
)  # fmt: skip
methods = st.sampled_from(("GET", "GET", "GET", "GET", "POST", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "BREW"))
requests = st.tuples(methods, paths, queries, headers, bodies, st.integers(0, 5).map(bool))


def check_request(value: tuple[str, str, bytes, list[tuple[str, str]], bytes, bool]) -> None:
    method, path, query, given, body, is_known = value
    lines = [(b"host", b"127.0.0.1:8000")] if "host" not in dict(given) else []
    lines += [(name.encode(), text.encode("latin-1", "replace")) for name, text in given]
    if is_known and "authorization" not in dict(given):
        lines.append((b"authorization", f"Bearer {TOKEN}".encode()))
    if method in {"POST", "DELETE"} and "content-type" not in dict(given):
        lines.append((b"content-type", b"application/json"))
    defects = application().state.page.defects  # type: ignore[attr-defined]
    status, found, content = driver()(application(), method, path, query, lines, body)
    assert not defects.recent(), defects.recent()[-1]
    assert status < 500, content
    assert status or path.endswith("/events")
    if not is_known and path.startswith("/api/") and path != "/api/v1/session" and "authorization" not in dict(given):
        assert status in {401, 403, 413}, content
    if status >= 400 and path.startswith("/api/v1/") and method != "HEAD" and status not in {404, 405}:
        assert found["content-type"].startswith("application/json")
        assert json.loads(content)["detail"]
    assert b"Traceback" not in content


# -- bytes on the port -------------------------------------------------------------------------------------------------


@cache
def port() -> int:
    """Return the port of a real server, which ends with this process."""
    urls: list[str] = []
    ready = threading.Event()

    def run() -> None:
        serve(page_data(), port=0, on_ready=lambda url: (urls.append(url), ready.set()))  # type: ignore[func-returns-value]

    threading.Thread(target=run, daemon=True).start()
    assert ready.wait(60)
    return int(re.findall(r":(\d+)/", urls[0])[0])


HONEST = b"GET /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
wire_bytes = st.one_of(
    damaged(st.just(HONEST)), st.binary(min_size=1, max_size=80).map(lambda data: data + b"\r\n\r\n"),
    damaged(st.just(b"POST /api/v1/symbols HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
                    b"Content-Type: application/json\r\nConnection: close\r\n\r\n5\r\n[1,2]\r\n0\r\n\r\n")),
    st.sampled_from((
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50,
        UPGRADE, HONEST.replace(b"close", b"keep-alive") * 20 + HONEST,
    )),
)  # fmt: skip


wires = st.tuples(wire_bytes, st.one_of(st.just(b""), st.just(b""), wire_bytes, st.binary(max_size=20)))


class Errors(logging.Handler):
    """Keep what is logged as an error: nobody outside may fill the log."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(f"{record.name}: {record.getMessage()} {record.exc_info}")


@cache
def errors() -> Errors:
    found = Errors()
    logging.getLogger().addHandler(found)
    return found


def check_wire(value: tuple[bytes, bytes]) -> None:
    """Check that the server answers or hangs up when the other side has said all, and then answers somebody else.

    A second part is sent when something was answered to the first, or after a moment.
    """
    for first, second in (value, (HONEST, b"")):
        received = b""
        with socket.create_connection(("127.0.0.1", port()), 10) as client, contextlib.suppress(OSError):
            client.sendall(first)
            if second:
                client.settimeout(0.02)
                with contextlib.suppress(TimeoutError):
                    received += client.recv(65536)
                client.settimeout(15)
                client.sendall(second)
            client.settimeout(15)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                received += part
        assert b"HTTP/1.1 5" not in received, received[:200]
    assert received.startswith(b"HTTP/1.1 200"), received[:200]
    assert not errors().seen, errors().seen.pop()


# -- the model's container ---------------------------------------------------------------------------------------------


@cache
def container() -> ASGIApp:
    service = Service()
    service.model = model()
    return service.app


row_values = or_anything(st.floats(-10, 10) | st.sampled_from((0, 1, 10**400, True, "1", "nan", None)))
width = st.sampled_from((len(DEFAULT_FEATURES.names), len(DEFAULT_FEATURES.names), 0, 1, 2))
row_lists = width.flatmap(lambda count: st.lists(row_values, min_size=count, max_size=count))
instances = st.lists(or_anything(row_lists), max_size=4)
bodies_for_rows = st.one_of(
    instances.map(lambda rows: json.dumps({"instances": rows}).encode("utf-8", "surrogatepass")), bodies,
    instances.map(lambda rows: "\n".join(map(json.dumps, rows)).encode("utf-8", "surrogatepass")),
    instances.map(lambda rows: "\n".join(",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)
                  .encode("utf-8", "surrogatepass")),
    arrays(), st.just(packed(np.zeros((2, len(DEFAULT_FEATURES.names))))), st.just(b'{"describe": true}'),
)  # fmt: skip
kinds = st.sampled_from(("text/csv", "application/json", "application/jsonlines", "application/x-npy", "text/html", ""))
attributes = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20) | st.just("schema=x")
invocations = st.tuples(bodies_for_rows, kinds, kinds | attributes, st.just("") | st.just("") | attributes)


def check_invocation(value: tuple[bytes, str, str, str]) -> None:
    body, kind, accept, said = value
    given = {"content-type": kind, "accept": accept, "x-amzn-sagemaker-custom-attributes": said}
    lines = [(name.encode(), text.encode("latin-1")) for name, text in given.items() if text]
    status, _, content = driver()(container(), "POST", "/invocations", b"", lines, body)
    assert status in {200, 400, 409, 413, 415}, content
    if status != 200:
        assert 1 < len(content) < 600
        assert content.endswith(b"\n")
        assert content.count(b"\n") == 1


# -- the answers of an endpoint ----------------------------------------------------------------------------------------

ROWS = 5
right_description = st.deferred(lambda: st.just(json.loads(description(model()))))
descriptions = st.one_of(
    right_description.map(lambda value: json.dumps(value).encode()),
    st.tuples(right_description, st.dictionaries(
        st.sampled_from(("version", "features", "feature_hash", "trained_until", "band")),
        anything | st.sampled_from((float("inf"), float("nan"), -1, 2, 10**400, [], {}, "9" * 5000)), max_size=2,
    )).map(lambda pair: json.dumps(pair[0] | pair[1]).encode("utf-8", "surrogatepass")),
    damaged(right_description.map(lambda value: json.dumps(value).encode())),
    st.integers(1, 90_000).map(lambda depth: b"[" * depth),
)  # fmt: skip
predictions = st.one_of(
    st.lists(st.floats(), min_size=ROWS, max_size=ROWS).map(lambda values: packed(np.array(values))), arrays(),
    st.lists(st.floats(0, 1), min_size=ROWS, max_size=ROWS).map(lambda values: packed(np.array(values))),
)  # fmt: skip
said = st.deferred(lambda: st.just(f"model={model().version}")) | st.text(max_size=30)
endpoint_answers = st.lists(st.tuples(descriptions, said, predictions, said), min_size=1, max_size=3)


def check_endpoint(value: list[tuple[bytes, str, bytes, str]]) -> None:
    """Check batches that an endpoint answers as it likes: each row has a probability or none, and nothing is raised."""
    current = 0

    def invoke(**request: Any) -> dict[str, Any]:
        answer = value[current]
        part = answer[:2] if request["ContentType"] == "application/json" else answer[2:]
        return {"Body": io.BytesIO(part[0]), "CustomAttributes": part[1]}

    warned: list[str] = []
    predictor = SageMakerPredictor(
        SimpleNamespace(invoke_endpoint=invoke), "e", clock=lambda: int(time.monotonic() * 1000), warn=warned.append
    )
    for current in range(len(value)):  # noqa: B007 - `invoke` reads it
        predictor.prepare()
        found = predictor.predict(np.zeros((ROWS, len(DEFAULT_FEATURES.names))))
        assert found.shape == (ROWS,)
        known = found[~np.isnan(found)]
        assert ((known >= 0) & (known <= 1)).all()
        assert 0 <= predictor.hold_margin <= 1
        assert abs(predictor.trained_until) <= LATEST_TIMESTAMP
        assert len(predictor.version) <= 100
    for line in warned:
        assert "\n" not in line
        assert len(line) < 1000


REQUESTS = (
    Target("API requests", requests, check_request),
    Target("bytes on the port", wires, check_wire),
    Target("container bodies", invocations, check_invocation),
    Target("endpoint answers", endpoint_answers, check_endpoint),
)
