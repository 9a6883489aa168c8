"""Answer `/events`: everything that changes, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.types import Receive, Scope, Send

from tapeline.web.api.bar_routes import Indicators, Interval, chart_request
from tapeline.web.api.parameters import SYMBOL_PATTERN, AnySymbolQuery, CurrentPage, checked
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.broadcast import Broadcast
from tapeline.web.client_address import client_group
from tapeline.web.event_client import Client
from tapeline.web.security import credentials

#: A chart: a symbol, an at sign and an interval.
Also = Annotated[str, Field(max_length=44, pattern=SYMBOL_PATTERN[:-2] + r"+@[1-9][0-9]{0,8}(ms|s|m|h|d|w|mo)$")]

routes = api_router("events")


class EventStream(StreamingResponse):
    """Stream to one client, which has a place among the open pages for exactly as long as its answer lasts."""

    media_type = "text/event-stream"

    def __init__(self, broadcast: Broadcast, client: Client) -> None:
        super().__init__((), headers={"X-Accel-Buffering": "no"})
        self._broadcast = broadcast
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.body_iterator = self._broadcast.stream(self._client)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._broadcast.leave(self._client)  # also where it went before the first message


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
    symbol: AnySymbolQuery,
    interval: Interval = None,
    indicators: Indicators = None,
    also: Annotated[list[Also], Query(max_length=3, description="Further charts, such as `MSFT@5m`.")] = [],  # noqa: B006
    last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
) -> StreamingResponse:
    """Stream until the client goes, its session ends or the server does.

    `X-Accel-Buffering` keeps nginx from holding events back.
    """
    chart = None if symbol is None else chart_request(symbol, interval, indicators)
    others = [each.rpartition("@") for each in also]
    further = tuple(chart_request(checked(name), length, indicators) for name, _, length in others)
    session, bearer = credentials(request.scope)

    def is_alive() -> bool:
        return page.access.identify(session, bearer, is_use=False) is not None

    address = client_group(page.access.proxies.client(request.scope))
    return EventStream(page.broadcast, Client(chart, is_alive, last_event_id, address, further))
