"""`/health`, `/rejects` and `/metrics`: how it goes, for people and for Prometheus."""

from __future__ import annotations

import itertools
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from tapeline.web.api.context import Context, problems
from tapeline.web.api.formats import json_answer
from tapeline.web.view import View

_COUNTED = 100_000  # rejects are counted up to here
_COUNT_SECONDS = 10.0  # for which a count holds


class CollectorHealth(BaseModel):
    """The connection to the source: `streaming`, `polling` or `not connected`, and when it was last heard of.

    `last_message` is UTC epoch ms; `markets` has a line of text for each exchange.
    """

    state: str
    last_message: int | None
    symbols: int
    markets: list[str]


class LagHealth(BaseModel):
    """From a message's arrival to its row in the store, ms, over the last rows."""

    p50: float
    p99: float
    count: int


class ReplayAnswer(BaseModel):
    """How far a replay has come."""

    done: int
    total: int | None
    ended: bool


class HealthAnswer(BaseModel):
    """What is known of the parts; null where nobody in this process can tell.

    `status` is `ok`, or `trouble` when the store cannot be read (`error` says why) or `errors` is not empty. `depth` is
    how many bars wait in the stream. `errors` are the last things that went wrong, the newest last.
    """

    status: str
    error: str | None
    collector: CollectorHealth | None
    lag: LagHealth | None
    depth: int | None
    rows: int | None
    symbols: int
    last: int | None
    rejects: int | None
    errors: list[str]
    disk_free: int | None
    disk_total: int | None
    replay: ReplayAnswer | None
    models: list[str]
    trained: int | None
    no_model: str
    clients: int


class RejectAnswer(BaseModel):
    """A refused record: where it came from, where in there, why, and what it was."""

    source: str
    place: str
    reason: str
    raw: str


class RejectsAnswer(BaseModel):
    """The newest refused records, oldest first."""

    rejects: list[RejectAnswer]


def router(context: Context) -> APIRouter:
    """The operations under /api/v1."""
    routes = APIRouter(tags=["health"])
    rejected = Rejected(context.view)

    @routes.get("/health", response_model=HealthAnswer, responses=problems(), summary="How it goes")
    async def health() -> Response:
        return json_answer(await gathered(context, rejected))

    @routes.get("/rejects", response_model=RejectsAnswer, responses=problems(), summary="Refused records")
    async def rejects(
        limit: Annotated[int, Query(ge=1, le=1000, description="The newest so many.")] = 100,
    ) -> Response:
        found = await context.call(lambda: list(context.view.rejects(limit)))
        return json_answer(
            {
                "rejects": [
                    {
                        "source": one.source, "place": one.place, "reason": one.reason,
                        "raw": one.raw[:2000].decode("utf-8", "backslashreplace"),
                    }
                    for one in found
                ]
            }
        )  # fmt: skip

    return routes


class Rejected:
    """How many records were refused. Counting reads them all, so a count holds for a while."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._counted_at = -_COUNT_SECONDS
        self._count = 0

    def count(self) -> int:
        """The number, ten seconds old at the most. Raises what the store raises."""
        if time.monotonic() - self._counted_at >= _COUNT_SECONDS:
            self._count = sum(1 for _ in itertools.islice(self._view.rejects(None), _COUNTED))
            self._counted_at = time.monotonic()
        return self._count


async def gathered(context: Context, rejected: Rejected) -> dict[str, Any]:
    """The health document. A part that cannot be asked is null, and the error says why."""
    status = await context.broadcast.status()

    def parts() -> dict[str, Any]:
        return {**context.view.health(), "rejects": rejected.count()}

    try:
        known = await context.reader.call(parts)
    except Exception as error:  # noqa: BLE001 - this is the place where trouble is said
        known = {}
        status["error"] = status["error"] or " ".join(str(error).split())[:300]
    empty: dict[str, Any] = dict.fromkeys(("collector", "lag", "depth", "rejects", "disk_free", "disk_total"))
    whole: dict[str, Any] = {"errors": [], "symbols": 0, "last": None, "rows": None, "replay": None, "models": []}
    whole |= {"trained": None, "no_model": context.view.no_model, **empty, **status, **known}
    whole["clients"] = context.broadcast.clients
    whole["status"] = "trouble" if whole["error"] or whole["errors"] else "ok"
    return whole


def metrics(context: Context) -> APIRouter:
    """The operation that Prometheus asks for, beside the API."""
    routes = APIRouter(tags=["health"])
    rejected = Rejected(context.view)

    @routes.get(
        "/metrics", summary="Metrics for Prometheus",
        responses={
            **problems(),
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The text format."},
        },
        response_class=Response,
    )  # fmt: skip
    async def exposed() -> Response:
        from prometheus_client import CollectorRegistry, Gauge, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

        found = await gathered(context, rejected)
        registry = CollectorRegistry()

        def gauge(name: str, text: str, value: float | None, **labels: str) -> None:
            if value is not None:
                made = Gauge(f"tapeline_{name}", text, list(labels), registry=registry)
                (made.labels(**labels) if labels else made).set(value)

        gauge("up", "1 when the store can be read.", 0 if found["error"] else 1)
        gauge("rows", "Rows in the store.", found["rows"])
        gauge("symbols", "Symbols with rows.", found["symbols"])
        gauge("rejected_records", "Records that were refused and kept.", found["rejects"])
        gauge("stream_depth_bars", "Bars that wait in the stream.", found["depth"])
        gauge("disk_free_bytes", "Free bytes where the data directory is.", found["disk_free"])
        gauge("clients", "Open connections for live updates.", found["clients"])
        gauge("errors", "Things that went wrong lately.", len(found["errors"]))
        gauge("last_bar_timestamp_seconds", "Open time of the newest bar.", _seconds(found["last"]))
        gauge("model_trained_until_seconds", "Last bar that the model in use saw.", _seconds(found["trained"]))
        if found["lag"] is not None:
            for share in ("p50", "p99"):
                gauge(f"lag_{share}_seconds", "From a message to its row.", _seconds(found["lag"][share]))
        if found["collector"] is not None:
            gauge("last_message_timestamp_seconds", "Last message of the source.",
                  _seconds(found["collector"].get("last_message")))  # fmt: skip
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
