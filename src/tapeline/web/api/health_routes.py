"""Answer `/health` and `/rejects`: how the parts of the system are doing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel

from tapeline.core.iso_text import texts_of, timed
from tapeline.core.market import Reject
from tapeline.core.troubles import lines_of
from tapeline.errors import line_with_kind
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.page import Page
from tapeline.web.page_data import ReplayProgress

_RAW_BYTES = 2000

routes = api_router("health")


class EventAnswer(BaseModel):
    """Say what happened to the feed, and when: `timestamp` is UTC epoch ms, `time` the same as ISO text."""

    timestamp: int
    time: str
    text: str


class CollectorHealth(BaseModel):
    """Describe the connection to the feed: `streaming`, `polling` or `not connected`, and when it was last heard of.

    `last_message` is UTC epoch ms, and `last_message_time` the same as ISO text; `markets` has a line of text for each
    exchange. `events` are the last things that happened, the newest last; `problems` maps symbols to why they bring
    nothing.
    """

    state: str
    last_message: int | None
    last_message_time: str | None
    symbols: int
    markets: list[str]
    events: list[EventAnswer]
    problems: dict[str, str]


class FeedAnswer(BaseModel):
    """Say how a live feed in this process is doing: `streaming`, `polling` or `not connected`.

    `heard` is when the last price came, or while polling the last answer (UTC epoch ms, null: never), and `heard_time`
    the same as ISO text. `problems` maps symbols to why they bring nothing.
    """

    state: str
    heard: int | None
    heard_time: str | None
    problems: dict[str, str]


class LagHealth(BaseModel):
    """Measure the time from a message's arrival to its row in the store.

    `p50` and `p99` are in ms, over the last `count` deliveries. `counts` are those of all deliveries since the start
    that took at most as many seconds as the bound of the same place in `bounds`, and more than the one before it; the
    last one is of the rest. `seconds` is the sum of all times.
    """

    p50: float
    p99: float
    count: int
    bounds: list[float]
    counts: list[int]
    seconds: float


class TroubleAnswer(BaseModel):
    """Say one thing that is wrong with the system itself: its kind, a title of a few words, and a line of details.

    The kinds are `feed`, `official`, `clock`, `collector`, `disk`, `model`, `late` and `blocks`.
    """

    kind: str
    title: str
    text: str


class HealthAnswer(BaseModel):
    """Say what is known of the parts; null where nobody in this process knows.

    `status` is `ok`, or `trouble` when the store cannot be read (`error` says why) or `errors` is not empty. `depth` is
    how many bars wait in the stream, `last` the open time of the newest bar (UTC epoch ms, `last_time` the same as ISO
    text). `feed` is how the live feed is doing, `horizon` how many bars ahead the models in use look, `trained` until
    when they were trained. `errors` are the last things that went wrong, the newest last; among them a line for each of
    the `troubles`, and for each answer of 500 in the last hour, of which `internal_errors` counts all since the start.
    `clients` are open pages, `connections` all connections of this server.
    """

    status: str
    error: str | None
    collector: CollectorHealth | None
    lag: LagHealth | None
    depth: int | None
    rows: int | None
    symbols: int
    last: int | None
    last_time: str | None
    rejects: int | None
    errors: list[str]
    troubles: list[TroubleAnswer]
    disk_free: int | None
    disk_total: int | None
    replay: ReplayProgress | None
    feed: FeedAnswer | None
    horizon: int | None
    models: list[str]
    trained: int | None
    trained_time: str | None
    no_model: str
    clients: int
    connections: int
    internal_errors: int


class RejectAnswer(BaseModel):
    """Hold a refused record: where it came from, the place in there, why, and the start of its bytes as text.

    One with a `count` above 1 stands for that many records of the same kind, which were counted and not kept.
    """

    source: str
    place: str
    reason: str
    raw: str
    count: int


class RejectsAnswer(BaseModel):
    """List the newest refused records, oldest first."""

    rejects: list[RejectAnswer]


@routes.get("/health", response_model=HealthAnswer, responses=problems(), summary="How the system is doing")
async def health(page: CurrentPage) -> Response:
    """Answer with 200 also when the store cannot be read: `status` says so."""
    return json_answer(await gather_health(page))


@routes.get("/rejects", responses=problems(), summary="Refused records")
async def rejects(
    page: CurrentPage,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many, the newest.")] = 100,
) -> RejectsAnswer:
    """Answer with the records as they came; bytes that are no UTF-8 are written as escapes."""
    found = await page.read(lambda: list(page.data.rejects(limit)))
    return RejectsAnswer(rejects=[reject_answer(reject) for reject in found])


def reject_answer(reject: Reject) -> RejectAnswer:
    """Return a refused record as JSON types, of a long one the start."""
    return RejectAnswer(
        source=reject.source, place=reject.place, reason=reject.reason,
        raw=reject.raw[:_RAW_BYTES].decode("utf-8", "backslashreplace"), count=reject.count,
    )  # fmt: skip


async def gather_health(page: Page) -> dict[str, Any]:
    """Return the health document. A part that cannot be read is null, and the error says why."""
    status = await page.broadcast.status()

    def parts() -> dict[str, Any]:
        known = {"errors": (), **page.data.health()}
        if (collector := known.get("collector")) is not None:
            texts = texts_of(collector, "last_message")
            known["collector"] = {**collector, **texts, "events": timed(collector["events"])}
        errors = dict.fromkeys([*known["errors"], *lines_of(page.data.troubles()), *page.versions.faults()])
        return known | {"rejects": page.rejected.count(), "errors": list(errors)}

    try:
        known = await page.read(parts)
    except Exception as error:  # noqa: BLE001 - this is where trouble is reported, whatever it is
        known = {}
        status["error"] = status["error"] or line_with_kind(error)
    whole: dict[str, Any] = dict.fromkeys(HealthAnswer.model_fields)
    whole |= {
        "errors": [],
        "troubles": [],
        "symbols": 0,
        "models": [],
        "no_model": page.data.no_model,
        **status,
        **known,
    }
    whole["errors"] = [*whole["errors"], *page.defects.recent()]
    whole["clients"] = page.broadcast.clients
    whole["connections"] = len(page.connections)
    whole["internal_errors"] = page.defects.count
    whole["status"] = "trouble" if whole["error"] or whole["errors"] else "ok"
    return whole
