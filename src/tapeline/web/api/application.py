"""The web application: the page's files, the API, and the guard in front of both."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException

import tapeline
from tapeline.web.access import Access
from tapeline.web.api import (
    alert_routes as alerts,
)
from tapeline.web.api import (
    bar_routes as bars,
)
from tapeline.web.api import (
    catalogue_routes as catalogue,
)
from tapeline.web.api import (
    event_routes as events,
)
from tapeline.web.api import (
    health_routes as health,
)
from tapeline.web.api import (
    model_routes as models,
)
from tapeline.web.api import (
    row_routes as rows,
)
from tapeline.web.api import (
    session_routes as session,
)
from tapeline.web.api import (
    symbol_routes as symbols,
)
from tapeline.web.api.context import Context
from tapeline.web.api.formats import json_answer
from tapeline.web.broadcast import Broadcast
from tapeline.web.candles import warm_up
from tapeline.web.security import Guard
from tapeline.web.thread_runner import ThreadRunner
from tapeline.web.versions import Versions
from tapeline.web.view import View

_ASSETS = Path(__file__).parents[1] / "assets"
PREFIX = "/api/v1"


class Site:
    """The application and what runs beside it. `end` ends the open connections, `close` everything."""

    def __init__(self, view: View, access: Access, host: str = "127.0.0.1") -> None:
        self._readers = reader, slow, log_ins = ThreadRunner(), ThreadRunner(1, "judging"), ThreadRunner(1, "log-in")
        models = Versions(view).metadata
        self._context = context = Context(view, reader, slow, log_ins, Broadcast(view, models), access, models)
        self.app = _app(context)
        self.app.add_middleware(Guard, access=access, host=host)

    def end(self) -> None:
        """Ends the connections that would go on by themselves."""
        self._context.broadcast.end()

    def close(self) -> None:
        """Waits for reads under way; afterwards nothing uses the store."""
        self._context.broadcast.close()
        for reader in self._readers:
            reader.close()


def _app(context: Context) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await context.reader.call(warm_up)
        await context.broadcast.warm_up()
        running = asyncio.create_task(context.broadcast.run())
        yield
        running.cancel()

    app = FastAPI(
        title="tapeline", version=tapeline.__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json", redirect_slashes=False,
        description="Bars, indicators, predictions and how they fared. Times are UTC epoch milliseconds.",
    )  # fmt: skip
    for module in (session, symbols, bars, rows, catalogue, models, health, events):
        app.include_router(module.router(context), prefix=PREFIX)
    app.include_router(alerts.router(context.view), prefix=PREFIX)
    app.include_router(health.metrics(context))
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.mount("/", StaticFiles(directory=_ASSETS, html=True))
    return app


async def _wrong_parameter(_: Request, error: Exception) -> Response:
    """The first thing that is wrong, as one line."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return json_answer({"detail": f"{where}: {first['msg']}"}, 422)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - registered for these
    return json_answer({"detail": str(error.detail)}, error.status_code, error.headers)
