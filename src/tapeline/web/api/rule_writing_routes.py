"""Answer what helps to write a rule: the names it may read, how a text is read, and when it would have fired."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel

from tapeline.alerts.grammar import LONGEST_RULE, parse_rule
from tapeline.alerts.readable_names import readable_names
from tapeline.alerts.stored_rehearsal import rehearse, unknown_symbols
from tapeline.core.iso_text import texts_of, timed
from tapeline.core.times import DAY
from tapeline.errors import RuleError
from tapeline.web.api.alert_routes import MOST_ALERTS, RuleFault, RuleProblem
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router

routes = api_router("alerts")


class RuleName(BaseModel):
    """Hold a name that a rule may read, and what it stands for."""

    name: str
    about: str


class RuleNamesAnswer(BaseModel):
    """List the names that rules may read, indicators with their usual numbers."""

    names: list[RuleName]


class ReadingAnswer(BaseModel):
    """Hold the canonical spelling of a text that is a rule, or what is wrong with one that is none.

    `unknown` are symbols that the rule names and that have no bars.
    """

    rule: str | None
    fault: RuleFault | None
    unknown: list[str]


class RehearsedAlert(BaseModel):
    """Hold one time that a rule would have fired: the bar's open time (UTC epoch ms, and as text) and its values."""

    timestamp: int
    time: str
    symbol: str
    price: float | None
    text: str


class RehearsalAnswer(BaseModel):
    """Say how many `times` a rule would have fired in since <= t <= until, and the newest of them.

    `since` and `until` are UTC epoch ms, and beside them ISO text.

    `bars` were judged; where there were too many `complete` is false, and some symbols were left out. `unknown` are
    symbols that the rule names and that have no bars.
    """

    rule: str
    times: int
    fired: list[RehearsedAlert]
    since: int | None
    since_time: str | None
    until: int | None
    until_time: str | None
    bars: int
    complete: bool
    unknown: list[str]


RuleText = Annotated[str, Query(min_length=1, max_length=LONGEST_RULE, examples=["rsi_14 < 30 for TSLA"])]


@routes.get("/alerts/names", response_model=RuleNamesAnswer, responses=problems(), summary="The names rules may read")
async def names() -> dict[str, Any]:
    """Answer with the same document for as long as the server runs."""
    return {"names": [{"name": name, "about": about} for name, about in readable_names().items()]}


@routes.get("/alerts/reading", response_model=ReadingAnswer, responses=problems(), summary="How a text is read")
def reading(page: CurrentPage, rule: RuleText) -> dict[str, Any]:
    """Answer while somebody types: a text that is no rule yet is no error."""
    try:
        parsed = parse_rule(rule)
    except RuleError as error:
        fault = {"message": str(error), "place": error.place, "length": error.length}
        return {"rule": None, "fault": fault, "unknown": []}
    return {"rule": parsed.text, "fault": None, "unknown": list(unknown_symbols(parsed, page.data.store))}


@routes.get(
    "/alerts/rehearsal", response_model=RehearsalAnswer, summary="When a rule would have fired",
    responses={**problems(), 422: {"model": RuleProblem, "description": "The text is not a rule."}},
)  # fmt: skip
async def rehearsal(
    page: CurrentPage,
    rule: RuleText,
    days: Annotated[int, Query(ge=1, le=31, description="How many days before the newest bar are judged.")] = 7,
) -> Response:
    """Answer for stored final bars, with the forecasts that were made on them."""
    parsed = parse_rule(rule)
    found = await page.judge(lambda: rehearse(parsed, page.data.store, days * DAY, page.range_models()))
    fired = timed(found.fired[-MOST_ALERTS:])
    known = asdict(found)
    document = {
        **known,
        **texts_of(known, "since", "until"),
        "rule": parsed.text,
        "times": len(found.fired),
        "fired": fired,
    }
    return json_answer(document)
