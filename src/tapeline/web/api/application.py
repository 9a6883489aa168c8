"""Assemble the web application: the page's files, the API, and the guard in front of both."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI

import tapeline
from tapeline.errors import TapelineError
from tapeline.runtime.process_memory import release_freed_memory
from tapeline.web.api import (
    alert_routes,
    bar_routes,
    catalogue_routes,
    desk_routes,
    event_routes,
    forecast_routes,
    forecast_table_routes,
    health_routes,
    history_routes,
    instrument_routes,
    metric_routes,
    model_routes,
    range_routes,
    row_routes,
    rule_writing_routes,
    scan_routes,
    score_routes,
    session_routes,
    symbol_routes,
)
from tapeline.web.api.problems import add_handlers
from tapeline.web.api.routers import PREFIX
from tapeline.web.candles import warm_up
from tapeline.web.compact_answers import CompactAnswers
from tapeline.web.defects import DefectAnswer
from tapeline.web.joined_page import joined_page
from tapeline.web.page import Page
from tapeline.web.page_files import PageFiles
from tapeline.web.security import Guard

T = TypeVar("T")

_ASSETS = Path(__file__).parents[1] / "assets"
_REFERENCE = Path(__file__).parents[1] / "reference"
_COMPLETING_SECONDS = 0.05  # of work at once
_RESTS = 4  # times as long as it works, while that is prepared which nobody waits for
_FIRST_LOOK_SECONDS = 0.5
_ROUTES = (
    session_routes, symbol_routes, bar_routes, row_routes, catalogue_routes, score_routes, model_routes, health_routes,
    event_routes, alert_routes, forecast_routes, forecast_table_routes, range_routes, scan_routes, desk_routes,
    history_routes, instrument_routes, rule_writing_routes,
)  # fmt: skip


def create_app(page: Page, host: str = "127.0.0.1") -> FastAPI:
    """Return the application over this page, for a server that listens on `host`.

    The live loop runs from the application's start to its end. Closing the page is the caller's business, because a
    server may end without ever having started the application.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await page.read(warm_up)
        await page.broadcast.warm_up()
        running = asyncio.create_task(page.broadcast.run())
        preparing = asyncio.create_task(_prepare(page))
        yield
        preparing.cancel()
        running.cancel()

    app = FastAPI(
        title="tapeline", version=tapeline.__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json", redirect_slashes=False,
        description="Bars, indicators, predictions and their grades. Times are UTC epoch milliseconds; parameters may "
        "be ISO dates too.",
    )  # fmt: skip
    app.state.page = page
    for module in (*_ROUTES, metric_routes):
        app.router.routes += module.routes.routes  # included, they would be analysed once more: see `routers`
    app.mount("/reference", PageFiles(_REFERENCE))
    app.mount("/", PageFiles(_ASSETS, joined_page(_ASSETS)))
    add_handlers(app)
    app.add_middleware(CompactAnswers)
    app.add_middleware(Guard, access=page.access, host=host)
    app.add_middleware(DefectAnswer, defects=page.defects)
    return app


async def _prepare(page: Page) -> None:
    """Complete the quotes, and compute the usual indicators of every symbol once: a first look goes on from there.

    Whoever opens the page meanwhile must not wait for it, so it rests for most of the time.
    """
    while await _with_rest(page.broadcast.complete(_COMPLETING_SECONDS)):
        pass
    await asyncio.sleep(_FIRST_LOOK_SECONDS)  # whoever opens the page as soon as that can be done is answered first
    with contextlib.suppress(TapelineError):  # whoever looks is given the reason
        for symbol in (await page.read(page.data.store.latest)).bars.symbols:
            await _with_rest(page.judge(functools.partial(page.data.candles.rows, symbol, limit=1)))
    await page.judge(release_freed_memory)


async def _with_rest(work: Awaitable[T]) -> T:
    began = time.monotonic()
    done = await work
    await asyncio.sleep(_RESTS * (time.monotonic() - began))
    return done
