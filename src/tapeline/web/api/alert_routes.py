"""`/alerts`: what fired, and the rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.alerts import (
    Alerts,
)
from tapeline.alerts.grammar import LONGEST_RULE
from tapeline.alerts.service import KeptRule
from tapeline.errors import InputError, RuleError, StorageError
from tapeline.web.api.context import problems
from tapeline.web.api.formats import json_answer
from tapeline.web.view import View

#: Alerts in one answer, at the most.
MOST_ALERTS = 1_000

_NONE = "alerts are not kept here: the data directory cannot be written"


class DeliveryAnswer(BaseModel):
    """How an alert fared on one channel; `at` (UTC epoch ms) is when it was delivered or given up."""

    channel: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    error: str
    at: int | None


class AlertAnswer(BaseModel):
    """A rule that fired: `timestamp` is the bar's open time, `at` when it was noticed (UTC epoch ms)."""

    id: int
    key: str
    rule: str
    symbol: str
    timestamp: int
    at: int
    text: str
    price: float | None
    deliveries: list[DeliveryAnswer]


class AlertsAnswer(BaseModel):
    """Alerts, newest first."""

    alerts: list[AlertAnswer]


class RuleAnswer(BaseModel):
    """A rule in its canonical spelling. Only a `removable` one can be removed: those of the settings cannot."""

    id: str
    text: str
    source: Literal["settings", "page"]
    removable: bool


class RulesAnswer(BaseModel):
    """The rules in force."""

    rules: list[RuleAnswer]


class NewRule(BaseModel):
    """A rule as text."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_RULE, examples=["rsi_14 < 30 for TSLA"])]


class RuleFault(BaseModel):
    """What is wrong with a rule: `length` characters from column `place` on, which counts from 0."""

    message: str
    place: int
    length: int


class RuleProblem(BaseModel):
    """Why a rule was refused."""

    detail: RuleFault | str


RuleId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="The `id` of a rule.", examples=["c1d5196d8465"])]


def router(view: View) -> APIRouter:
    """The operations. What needs the admin role is refused to others before it comes here."""
    routes = APIRouter(tags=["alerts"])

    @routes.get("/alerts", responses=problems(), summary="What fired, newest first")
    def fired(limit: Annotated[int, Query(ge=1, le=MOST_ALERTS)] = 200) -> AlertsAnswer:
        with _alerts(view) as alerts:
            return AlertsAnswer.model_validate({"alerts": alerts.newest(limit) if alerts else []})

    @routes.get("/alerts/rules", responses=problems(), summary="The rules in force")
    def rules() -> RulesAnswer:
        with _alerts(view) as alerts:
            return RulesAnswer(rules=[_rule(kept) for kept in alerts.rules()] if alerts else [])

    @routes.post(
        "/alerts/rules", status_code=201, response_model=RuleAnswer, summary="Add a rule",
        responses={**problems(409, 413), 422: {"model": RuleProblem, "description": "The text is not a rule."}},
    )  # fmt: skip
    def add(rule: NewRule) -> RuleAnswer | Response:
        with _alerts(view) as alerts:
            if alerts is None:
                raise HTTPException(409, _NONE)
            try:
                return _rule(alerts.add(rule.text))
            except RuleError as error:
                fault = {"message": str(error), "place": error.place, "length": error.length}
                return json_answer({"detail": fault}, 422)
            except InputError as error:
                raise HTTPException(409, str(error)) from error

    @routes.delete("/alerts/rules/{rule_id}", status_code=204, responses=problems(404, 409), summary="Remove a rule")
    def remove(rule_id: RuleId) -> Response:
        with _alerts(view) as alerts:
            if alerts is None:
                raise HTTPException(409, _NONE)
            try:
                alerts.remove(rule_id)
            except InputError as error:
                raise HTTPException(409, str(error)) from error
            except KeyError as error:
                raise HTTPException(404, f"there is no rule {rule_id}") from error
        return Response(status_code=204)

    return routes


@contextmanager
def _alerts(view: View) -> Iterator[Alerts | None]:
    """The alerts, None where there are none. 503 when they cannot be read."""
    try:
        yield view.rulebook
    except StorageError as error:
        raise HTTPException(503, str(error)) from error


def _rule(kept: KeptRule) -> RuleAnswer:
    return RuleAnswer.model_validate(kept.as_json())
