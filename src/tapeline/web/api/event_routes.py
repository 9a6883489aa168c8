"""Answer `/events`: everything that changes, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import StreamingResponse

from tapeline.web.api.bar_routes import Indicators, Interval, chart_request
from tapeline.web.api.parameters import CurrentPage, SymbolQuery
from tapeline.web.api.problems import problems
from tapeline.web.broadcast import Client
from tapeline.web.security import credentials

routes = APIRouter(tags=["events"])


@routes.get(
    "/events", response_class=StreamingResponse, summary="Server-sent events: quotes, bars, status, alert",
    responses={
        **problems(404),
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The events."},
    },
)  # fmt: skip
async def events(
    request: Request,
    page: CurrentPage,
    symbol: SymbolQuery | None = None,
    interval: Interval = None,
    indicators: Indicators = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
) -> StreamingResponse:
    """Stream until the client goes, its session ends or the server does.

    `X-Accel-Buffering` keeps nginx from holding events back.
    """
    chart = None if symbol is None else chart_request(symbol, interval, indicators)
    session, bearer = credentials(request.scope)
    client = Client(chart, lambda: page.access.identify(session, bearer) is not None, last_event_id)
    if page.broadcast.full:
        raise HTTPException(503, f"{page.broadcast.clients} pages are open; that is as many as are served")
    return StreamingResponse(
        page.broadcast.stream(client), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
