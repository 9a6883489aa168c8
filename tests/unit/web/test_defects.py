"""What nobody foresaw: it has an id that the client, the log and health name, and it is counted."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from tests.conftest import START
from tests.fakes.stores import MemoryStore
from tests.rows import row
from tests.web_site import Client, client_of

from tapeline.errors import TapelineError
from tapeline.web import PageData
from tapeline.web.defects import MOST_SHOWN, SHOWN_SECONDS, Defects


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.put(row("A", START, 5.0))
    return store


@pytest.fixture
def client(store: MemoryStore) -> Iterator[Client]:
    with client_of(PageData(store)) as client:
        yield client


def answer_of(client: Client, endpoint: Callable[[], Any]) -> httpx.Response:
    """Return what the application answers for a route that does this."""
    routes = APIRouter()
    routes.add_api_route("/added", endpoint, response_model=None)
    client.app.router.routes.insert(0, routes.routes[0])
    return client._runner.run(client.http.get("/added"))


def test_the_id_of_a_defect_is_in_the_answer_the_log_health_and_the_metrics(
    client: Client, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.document("/health")["internal_errors"] == 0
    store.error = RuntimeError("a secret of the inside")
    detail = client.document("/latest", 500)["detail"]
    (identifier,) = re.findall(r"^an internal error \(([0-9a-f]{8})\)", detail)
    assert "secret" not in detail
    (record,) = [record for record in caplog.records if identifier in record.getMessage()]
    assert record.exc_info is not None
    assert "a secret of the inside" in caplog.text
    store.error = None
    found = client.document("/health")
    assert (found["status"], found["internal_errors"]) == ("trouble", 1)
    (line,) = [line for line in found["errors"] if identifier in line]
    assert re.fullmatch(r"\d\d:\d\d UTC: GET /api/v1/latest failed, RuntimeError, error [0-9a-f]{8} in the log", line)
    assert "tapeline_internal_errors_total 1.0" in client.get("/metrics").text


def test_an_error_that_is_500_by_its_class_has_an_id_too(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise TapelineError("the whatever is gone: plug it in")

    detail = answer_of(client, fail).json()["detail"]
    (identifier,) = re.findall(r"^the whatever is gone: plug it in \(error ([0-9a-f]{8})\)$", detail)
    assert identifier in caplog.text
    assert client.document("/health")["internal_errors"] == 1


def test_an_answer_that_breaks_in_the_middle_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("in the middle")

    answer_of(client, lambda: StreamingResponse(parts()))
    assert "in the middle" in caplog.text
    assert client.document("/health")["internal_errors"] == 1


def test_what_happens_again_and_again_is_one_line_each_and_a_traceback_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    defects = Defects(clock)
    scope = {"method": "GET", "path": "/a\r\nb\x1b[31m" + "x" * 5000}

    def fail() -> str:
        try:
            raise RuntimeError("y" * 5000)
        except RuntimeError as error:
            return defects.note(scope, error)

    with caplog.at_level(logging.ERROR):
        for _ in range(600):
            fail()
            clock.now += 1
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(set(messages)) == 600, "each has an id of its own"
    assert max(map(len, messages)) < 500
    assert not [message for message in messages if any(ord(sign) < 32 for sign in message)]
    assert sum(record.exc_info is not None for record in caplog.records) == 10
    assert (defects.count, len(defects.recent())) == (600, MOST_SHOWN)
    clock.now += SHOWN_SECONDS
    assert (defects.count, defects.recent()) == (600, [])


def test_a_request_that_would_wait_behind_too_many_is_503(client: Client) -> None:
    page = client.app.state.page
    page._reads._most = 0
    answer = client.get("/latest")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "too many requests wait" in answer.json()["detail"]
    assert client.document("/health")["internal_errors"] == 0
