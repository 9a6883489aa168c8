"""Answer `/alerts`: what fired, and the rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.alerts.grammar import LONGEST_RULE
from tapeline.alerts.service import Alerts, KeptRule
from tapeline.alerts.stored_rehearsal import unknown_symbols
from tapeline.errors import NotPossibleError
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.page import Page
from tapeline.web.timed_alerts import TimedAlert, timed_alerts

#: The most alerts in one answer.
MOST_ALERTS = 1_000

# These are not `async`: the journal blocks, so the framework runs them in threads of its own.
routes = api_router("alerts")


class AlertsAnswer(BaseModel):
    """List alerts, newest first."""

    alerts: list[TimedAlert]


class LevelAnswer(BaseModel):
    """Hold the price that a rule waits for, and whether it is crossed upwards."""

    price: float
    above: bool


class RuleAnswer(BaseModel):
    """Hold a rule in its canonical spelling, and for which `symbols` it is (none: all).

    One of the settings is not `removable`, and a `paused` one is not judged. `level` is there for a rule about the
    price and a number alone.
    """

    id: str
    text: str
    source: Literal["settings", "page"]
    removable: bool
    paused: bool
    symbols: list[str]
    level: LevelAnswer | None


class ChangedRuleAnswer(RuleAnswer):
    """Hold a rule that was added or changed; `unknown` are symbols that it names and that have no bars."""

    unknown: list[str]


class RulesAnswer(BaseModel):
    """List the rules in force."""

    rules: list[RuleAnswer]


class NewRule(BaseModel):
    """Carry a rule as text."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_RULE, examples=["rsi_14 < 30 for TSLA"])]


class RuleChange(BaseModel):
    """Carry another text for a rule, or whether it is paused, or both."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str | None, Field(min_length=1, max_length=LONGEST_RULE, examples=["rsi_14 < 25 for TSLA"])] = None
    paused: bool | None = None


class RuleFault(BaseModel):
    """Say what is wrong with a rule: `length` characters from column `place` on, which counts from 0."""

    message: str
    place: int
    length: int


class RuleProblem(BaseModel):
    """Say why a rule was refused."""

    detail: RuleFault | str


RuleId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="The `id` of a rule.", examples=["c1d5196d8465"])]


@routes.get("/alerts", response_model=AlertsAnswer, responses=problems(404), summary="What fired, newest first")
def fired(
    page: CurrentPage,
    limit: Annotated[int, Query(ge=1, le=MOST_ALERTS)] = 200,
    rule: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{12}$", description="Only those of this rule, by its `id`.")
    ] = None,
) -> Response:
    """Answer with the newest alerts and how each channel delivered them."""
    alerts = page.data.alerts
    return json_answer({"alerts": timed_alerts(alerts.newest(limit, rule)) if alerts else []})


@routes.get(
    "/alerts/rules",
    response_model=RulesAnswer,
    responses=problems(),
    summary="The rules in force",
)
def rules(page: CurrentPage) -> dict[str, Any]:
    """Answer with the rules of the settings, then those that were added."""
    alerts = page.data.alerts
    return {"rules": [kept.as_json() for kept in alerts.rules()] if alerts else []}


@routes.post(
    "/alerts/rules", status_code=201, response_model=ChangedRuleAnswer, summary="Add a rule",
    responses={**problems(409, 413), 422: {"model": RuleProblem, "description": "The text is not a rule."}},
)  # fmt: skip
def add(rule: NewRule, page: CurrentPage) -> dict[str, Any]:
    """Add the rule; what runs takes it up within a second."""
    return _with_unknown(_changeable(page.data.alerts).add(rule.text), page)


@routes.patch(
    "/alerts/rules/{rule_id}", response_model=ChangedRuleAnswer, summary="Change or pause a rule",
    responses={**problems(404, 409, 413), 422: {"model": RuleProblem, "description": "The text is not a rule."}},
)  # fmt: skip
def change(rule_id: RuleId, wish: RuleChange, page: CurrentPage) -> dict[str, Any]:
    """Give the rule another text, with which it begins anew under another `id`, or pause it, or let it go on."""
    alerts = _changeable(page.data.alerts)
    if wish.text is not None:
        rule_id = alerts.edit(rule_id, wish.text).rule.id
    paused = wish.paused
    if paused is None:
        paused = any(kept.paused for kept in alerts.rules() if kept.rule.id == rule_id)
    return _with_unknown(alerts.pause(rule_id, paused=paused), page)


@routes.delete("/alerts/rules/{rule_id}", status_code=204, responses=problems(404, 409), summary="Remove a rule")
def remove(rule_id: RuleId, page: CurrentPage) -> Response:
    """Remove the rule. What it fired is kept."""
    _changeable(page.data.alerts).remove(rule_id)
    return Response(status_code=204)


def _with_unknown(kept: KeptRule, page: Page) -> dict[str, Any]:
    return {**kept.as_json(), "unknown": list(unknown_symbols(kept.rule, page.data.store))}


def _changeable(alerts: Alerts | None) -> Alerts:
    if alerts is None:
        raise NotPossibleError("alerts are not kept here: the data directory cannot be written")
    return alerts
