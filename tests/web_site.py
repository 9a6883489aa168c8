"""A site over a small store, and a client that needs no network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import Bars, Reject
from tapeline.core.messages import Commit
from tapeline.runtime.processor import Processor
from tapeline.web import Access, PageData
from tapeline.web.api.application import create_app
from tapeline.web.page import Page
from tests.conftest import random_bars

SPECS = ("sma_5", "rsi_7", "macd_5_8_3")


@contextlib.contextmanager
def filled(folder: Path, bars: Bars, specs: tuple[str, ...] = SPECS, predictor: Any = None) -> Iterator[SqliteStore]:
    """Yield an embedded store with these bars' rows and one reject, whose database is closed at the end."""
    with contextlib.closing(Database(folder / "tapeline.db")) as database:
        store = SqliteStore(database)
        step = Processor(specs, predictor).step(bars)
        rejects = [Reject("feed", "line 7", "a price or the volume is NaN (not a number)", b"AAPL,<script>,\xff")]
        store.commit(Commit(step.rows, step.states, len(bars), rejects=rejects))
        yield store


class Client:
    """Send requests to a site and wait for each answer. Cookies are kept; changes carry the token in `csrf`."""

    def __init__(self, app: FastAPI, base: str = "http://127.0.0.1:8000") -> None:
        self.csrf = ""
        self.app = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 50_000))
        self.http = httpx.AsyncClient(transport=transport, base_url=base)

    def request(self, method: str, path: str, **values: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf} if self.csrf and method != "GET" else {}
        headers |= values.pop("headers", {})
        where = path if path.startswith(("/api", "/metrics", "/js")) or path == "/" else f"/api/v1{path}"
        return self._runner.run(self.http.request(method, where, headers=headers, **values))

    def get(self, path: str, **values: Any) -> httpx.Response:
        return self.request("GET", path, **values)

    def document(self, path: str, status: int = 200, **values: Any) -> Any:
        """Return the JSON answer to a GET, which must have this status, and beside each time its ISO text."""
        answer = self.get(path, **values)
        assert answer.status_code == status, answer.text
        document = answer.json()
        _hold_texts(document)
        return document

    def http_text(self, path: str) -> str:
        """Return a file of the site, by its address without the API's prefix; it must be there."""
        answer = self._runner.run(self.http.get(path))
        assert answer.status_code == 200, path
        return answer.text

    def take_csrf(self) -> None:
        """Ask for the token that changes need, as the page does."""
        self.csrf = self.document("/session")["csrf"]

    def close(self) -> None:
        self._runner.run(self.http.aclose())
        self._runner.close()


def _hold_texts(document: Any) -> None:
    """Hold every number that may be a time of this century, and every list of them, against the ISO text beside it.

    Cursors pass, and the columns of a chart (`t`) unless their texts were asked for.
    """
    for each in document if isinstance(document, list) else ():
        _hold_texts(each)
    for name, value in document.items() if isinstance(document, dict) else ():
        numbers = value if isinstance(value, list) else [value]
        if not (numbers and all(isinstance(each, int) and 10**12 < each < 4 * 10**12 for each in numbers)):
            _hold_texts(value)
        elif (name != "next" or "next_time" in document) and (name != "t" or "time" in document):
            found = document["time" if name in ("timestamp", "t") else f"{name}_time"]
            texts = found if isinstance(value, list) else [found]
            assert [datetime.fromisoformat(each).timestamp() * 1000 for each in texts] == numbers, name


@contextlib.contextmanager
def client_of(
    data: PageData, access: Access | None = None, host: str = "127.0.0.1", base: str = "http://127.0.0.1:8000"
) -> Iterator[Client]:
    """Yield a client of a page over this data, bound to `host`."""
    access = Access() if access is None else access
    access.bind(host)
    page = Page(data, access)
    client = Client(create_app(page, host), base)
    try:
        yield client
    finally:
        client.close()
        page.end()
        page.close()


def sample_bars(symbols: int = 3, count: int = 400) -> Bars:
    """Return minute bars of one New York session and a little more."""
    return random_bars(symbols, count)
