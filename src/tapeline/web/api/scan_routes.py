"""Answer `/scan` and `/scans`: the series on which a rule holds, and questions that were saved by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.alerts.grammar import LONGEST_RULE
from tapeline.alerts.saved_scans import SCAN_NAME, SavedScan, SavedScans
from tapeline.alerts.screening import PREDICTION, question
from tapeline.core.iso_text import timed
from tapeline.errors import InputError, NotPossibleError
from tapeline.indicators.spelling import separated
from tapeline.web.api.alert_routes import RuleProblem
from tapeline.web.api.formats import THREE_FORMATS, Format, Wanted, json_answer, table_answer
from tapeline.web.api.parameters import INTERVAL_PATTERN, CurrentPage, Time
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router

#: The most matches in one answer.
MOST_MATCHES = 10_000

routes = api_router("screener")

RuleText = Annotated[
    str | None,
    Query(
        max_length=LONGEST_RULE, examples=["rsi_14 < 30 and price > sma_200"],
        description="A rule of the grammar of alerts; or give `name`.",
    ),
]  # fmt: skip
Columns = Annotated[
    str | None,
    Query(
        max_length=1000, examples=["close,bar_change,rsi_14"],
        description="Columns, separated by commas: names as rules have them, `bar_change` and `prediction`; what the "
        "rule reads when left out.",
    ),
]  # fmt: skip
Interval = Annotated[
    str | None,
    Query(pattern=INTERVAL_PATTERN, examples=["1d"], description="Length of the bars; those shown when left out."),
]
Name = Annotated[str, Path(pattern=SCAN_NAME, description="The name of a saved scan.", examples=["oversold"])]


class ScanAnswer(BaseModel):
    """List the series on which the rule holds, in the order asked for, at most `limit` of the `matched`.

    A match has `symbol`, `interval`, `timestamp` (open time of its bar, UTC epoch ms), `time` (the same as ISO text),
    `final` and those of `columns` that are known; `bar_change` is the move from the bar before, as a fraction.
    `looked_at` counts the series, `unknown` those of which it is not known whether the rule holds, because an indicator
    is not warm or no model answered; `why_unknown` says why of the first one where it is so of all, '' otherwise.
    `without_bars` are symbols that the rule names and that have no bars.
    """

    rule: str
    columns: list[str]
    matches: list[dict[str, float | int | bool | str]]
    matched: int
    looked_at: int
    unknown: int
    why_unknown: str
    without_bars: list[str]


class Wording(BaseModel):
    """Hold what a saved scan asks: a rule, columns, an interval ('': as shown), and the column to sort by."""

    model_config = ConfigDict(extra="forbid")

    rule: Annotated[str, Field(min_length=1, max_length=LONGEST_RULE, examples=["rsi_14 < 30 and price > sma_200"])]
    columns: Annotated[list[str], Field(max_length=30)] = []
    interval: Annotated[str, Field(pattern=rf"^$|{INTERVAL_PATTERN}")] = ""
    sort: Annotated[str, Field(max_length=100)] = ""


class SavedScanAnswer(Wording):
    """Hold a saved scan with its name."""

    name: str


class SavedScansAnswer(BaseModel):
    """List the saved scans, in the order they were saved."""

    scans: list[SavedScanAnswer]


@routes.get(
    "/scan", response_model=ScanAnswer,
    responses={
        **problems(404, 406, 409), **THREE_FORMATS, 422: {"model": RuleProblem, "description": "The text is no rule."},
    },
    summary="The series on whose newest bar a rule holds",
)  # fmt: skip
async def scan(
    page: CurrentPage,
    kind: Wanted,
    rule: RuleText = None,
    name: Annotated[str | None, Query(pattern=SCAN_NAME, description="A saved scan, in place of a rule.")] = None,
    columns: Columns = None,
    interval: Interval = None,
    at: Annotated[Time | None, Query(description="The newest bars that had opened by this time, UTC epoch ms.")] = None,
    sort: Annotated[str, Query(max_length=100, description="A column; with `-` before it, the largest first.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_MATCHES, description="How many matches, at most.")] = 500,
) -> Response:  # fmt: skip
    """Answer for every stored symbol. An answer about the newest bars keeps what it computed for the next."""
    if (rule is None) == (name is None):
        raise InputError("give either a rule or the name of a saved scan")
    scans = page.data.scans
    if name is not None:
        asked = (await page.read(lambda: _kept(scans).find(name))).question(at)
    else:
        asked = question(rule or "", separated(columns or ""), interval, at, sort)
    found = await page.judge(lambda: page.screener.answer(asked))
    matches = found.matches[:limit]
    if kind != Format.JSON:
        return table_answer(kind, _table(matches, found.columns), "scan")
    return json_answer(
        {
            "rule": found.rule, "columns": found.columns, "matches": timed(matches), "matched": len(found.matches),
            "looked_at": found.looked_at, "unknown": found.unknown, "why_unknown": found.why_unknown,
            "without_bars": found.without_bars,
        }
    )  # fmt: skip


def _table(matches: list[dict[str, Any]], columns: tuple[str, ...]) -> dict[str, Any]:
    table: dict[str, Any] = {
        "symbol": np.array([record["symbol"] for record in matches], object),
        "interval": np.array([record["interval"] for record in matches], object),
        "timestamp": np.array([record["timestamp"] for record in matches], np.int64),
        "final": np.array([record["final"] for record in matches], np.bool_),
    }
    for name in columns:
        if name == PREDICTION:
            table[name] = np.array([record.get(name) for record in matches], object)
        else:
            table[name] = np.array([record.get(name, np.nan) for record in matches], np.float64)
    return table


@routes.get("/scans", response_model=SavedScansAnswer, responses=problems(), summary="The saved scans")
async def saved(page: CurrentPage) -> dict[str, Any]:
    """Answer with the scans of the data directory; none where there is none."""
    scans = page.data.scans
    found = {} if scans is None else await page.read(scans.load)
    return {"scans": [asdict(each) for each in found.values()]}


@routes.put(
    "/scans/{name}", response_model=SavedScanAnswer, summary="Save a scan",
    responses={**problems(409, 413), 422: {"model": RuleProblem, "description": "The text is no rule."}},
)  # fmt: skip
async def save(name: Name, wording: Wording, page: CurrentPage) -> dict[str, Any]:
    """Keep the scan under this name, in place of what was there."""
    kept = SavedScan(name, wording.rule, tuple(wording.columns), wording.interval, wording.sort)
    await page.read(lambda: _kept(page.data.scans).save(kept))
    return asdict(kept)


@routes.delete("/scans/{name}", status_code=204, responses=problems(404, 409), summary="Forget a saved scan")
async def forget(name: Name, page: CurrentPage) -> Response:
    """Remove the scan from the list."""
    await page.read(lambda: _kept(page.data.scans).remove(name))
    return Response(status_code=204)


def _kept(scans: SavedScans | None) -> SavedScans:
    if scans is None:
        raise NotPossibleError("scans are not kept here: there is no data directory")
    return scans
