"""The page itself: its elements, and the way of messages between a browser tab and the feed.

All text reaches the browser as data and is put on the page by Vue's text interpolation or drawn on a canvas, never as
HTML, so that nothing in a symbol or a message can become markup.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nicegui.elements.echart  # noqa: F401 - registers the ECharts module that chart.js imports
from fastapi import FastAPI
from nicegui import Client, app, ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from tapeline.dashboard.feed import Feed
from tapeline.dashboard.view import View
from tapeline.market import symbol_fault

_ASSETS = Path(__file__).parent / "assets"
_STYLE_URL = "/assets/style.css"


class Watchlist(Element, component="assets/watchlist.js"):
    """All symbols with price, change and signal. Emits `pick` with a symbol."""


class Chart(Element, component="assets/chart.js", esm={"tapeline": "assets/lib"}):
    """Candles with volume, indicators and predictions of one symbol, drawn with the ECharts that NiceGUI ships.

    `ui.echart` would send the options whole at every bar; this keeps them in the browser and sends the new bars.
    """


class Status(Element, component="assets/status.js"):
    """The line at the foot: what is stored, how far a replay is, which model predicts, what is wrong."""


class Appearance(Element, component="assets/appearance.js"):
    """The switch between dark, light and the system's choice, remembered by the browser."""


class Tab:
    """One open browser tab: a `Screen` of the feed."""

    def __init__(self, view: View, symbol: str | None) -> None:
        self.symbol = symbol
        zone = view.zone
        with Element("header").classes("tl-top"):
            ui.label("tapeline").classes("tl-brand")
            Appearance()
        with Element("main").classes("tl-main"):
            self.watchlist = Watchlist()
            self.watchlist.props["zone"] = zone
            self.chart = Chart()
            self.chart.props["zone"] = zone
        self._status = Status()
        self._status.props["zone"] = zone
        self._quotes: dict[str, dict[str, Any]] = {}

    def quotes(self, changed: list[dict[str, Any]]) -> None:
        self._quotes |= {quote["symbol"]: quote for quote in changed}
        self.watchlist.run_method("update", changed)
        if any(quote["symbol"] == self.symbol for quote in changed):
            self._quote()

    def show(self, snapshot: dict[str, Any]) -> None:
        self.watchlist.run_method("select", snapshot["symbol"])
        self.chart.run_method("show", snapshot)
        self._quote()

    def _quote(self) -> None:
        self.chart.run_method("setQuote", self._quotes.get(self.symbol or ""))

    def change(self, change: dict[str, Any]) -> None:
        self.chart.run_method("change", change)

    def status(self, status: dict[str, Any]) -> None:
        self.chart.run_method("state", status)
        self._status.run_method("update", status)


@contextlib.contextmanager
def mounted(server: FastAPI, view: View) -> Iterator[None]:
    """Puts the page on `server`. On leaving, nothing reads the store any more."""
    feed = Feed(view)

    @ui.page("/", title="tapeline")
    def index(client: Client, symbol: str = "") -> None:
        ui.add_head_html(f'<link rel="stylesheet" href="{_STYLE_URL}">')
        client.content.classes("tl-page")
        tab = Tab(view, None if symbol_fault(symbol) else symbol)

        async def joined() -> None:
            await feed.join(tab)
            if client.is_deleted:  # closed while it was being served
                feed.leave(tab)

        async def picked(event: GenericEventArguments) -> None:
            if isinstance(event.args, str) and not symbol_fault(event.args):
                await feed.pick(tab, event.args)

        tab.watchlist.on("pick", picked)
        client.on_connect(joined)
        client.on_delete(lambda: feed.leave(tab))

    running: list[asyncio.Task[None]] = []
    app.on_startup(lambda: running.append(asyncio.create_task(feed.run())))
    app.on_shutdown(lambda: [task.cancel() for task in running])
    app.add_static_file(local_file=_ASSETS / "style.css", url_path=_STYLE_URL, max_cache_age=0)
    ui.run_with(
        server, title="tapeline", favicon=_ASSETS / "favicon.svg", dark=None, language="en-US", tailwind=False,
        show_welcome_message=False, reconnect_timeout=10.0, binding_refresh_interval=None,
    )  # fmt: skip
    try:
        yield
    finally:
        feed.close()
