"""`/events`: everything that changes, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import StreamingResponse

from tapeline.web.api.bar_routes import Indicators, Interval, choice_of
from tapeline.web.api.context import Context, SymbolQuery, problems
from tapeline.web.broadcast import Client
from tapeline.web.security import credentials


def router(context: Context) -> APIRouter:
    """The operation."""
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
        symbol: SymbolQuery | None = None,
        interval: Interval = None,
        indicators: Indicators = None,
        last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
    ) -> StreamingResponse:
        choice = None if symbol is None else choice_of(symbol, interval, indicators)
        session, bearer = credentials(request.scope)
        client = Client(choice, lambda: context.access.identify(session, bearer) is not None, last_event_id)
        if context.broadcast.full:
            raise HTTPException(503, f"{context.broadcast.clients} pages are open; that is as many as are served")
        return StreamingResponse(
            context.broadcast.stream(client), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    return routes
