"""Answer `/scores`: what the stored predictions and ranges were worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.core.iso_text import iso_times
from tapeline.forecast.estimates import Bin
from tapeline.forecast.range_words import verdict
from tapeline.runtime.stored_grades import NEWEST_GRADED
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import AnySymbolQuery, CurrentPage, StoredInterval, require_known
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.page import Page

routes = api_router("models")


Last = Annotated[int, Query(ge=50, le=20_000, description="How many of the newest rows of each symbol.")]


class Ahead(IntEnum):
    """Name a horizon of the range forecast, in bars."""

    ONE = 1
    FIVE = 5
    TWENTY = 20


class EstimateAnswer(BaseModel):
    """Hold a value and its 95% confidence interval; null where it cannot be measured."""

    value: float | None
    low: float | None
    high: float | None


class GradeAnswer(BaseModel):
    """Grade a group of rows; `symbol` and `model` are '' where it holds several.

    `hit_rate` is that of the `answered` rows (UP or DOWN), `base_rate` that of always calling the more frequent side of
    the same rows. `brier` is over all `graded` rows, `brier_base` that of their share of rises. Every `predicted` row
    is `graded`, `held` (it stayed inside the no-trade band), `pending`, or `undecidable`: a session ended within the
    horizon. `called` rows say UP or DOWN, whatever came of it.
    """

    symbol: str
    model: str
    predicted: int
    pending: int
    undecidable: int
    held: int
    graded: int
    called: int
    answered: int
    hit_rate: EstimateAnswer
    base_rate: float | None
    brier: EstimateAnswer
    brier_base: float | None


class RollingAnswer(BaseModel):
    """Hold hit rate, base rate and Brier score over the last `window` graded rows, at each time (UTC epoch ms, ISO)."""

    window: int
    timestamp: list[int]
    time: list[str]
    hit_rate: list[float | None]
    base_rate: list[float | None]
    brier: list[float | None]


class ScoresAnswer(BaseModel):
    """Grade the newest `per_symbol` rows of each symbol: all together, per model, per symbol and model."""

    rows: int
    symbols: int
    per_symbol: int
    grades: list[GradeAnswer]
    calibration: list[Bin]
    rolling: RollingAnswer


class RangeGradeAnswer(BaseModel):
    """Grade the ranges of a group of rows; `symbol`, `model` and `tercile` are '' where it holds several.

    Every row that was `said` something of is `decided`, `waiting` or `undecidable`. `held` counts the closes that each
    band held, by its coverage in percent, `coverage` is their share and `ewma_coverage` that of EWMA's bands. `qlike`
    (of the variance), `winkler` (of the 95% band) and `brier` (of the odds of a big move) are the shares of EWMA's loss
    on the same rows that were saved; `qlike_adjusted` is after EWMA was given the level of the variance. Of a stop and
    a target one usual sigma away, `touched` is the share that was touched within the horizon, `touch_odds` the mean of
    the chances given to that, and `touch_brier` what their Brier score saves over a walk of EWMA's sigma.
    """

    horizon: int
    symbol: str
    model: str
    tercile: str
    said: int
    decided: int
    waiting: int
    undecidable: int
    held: dict[str, int]
    coverage: dict[str, EstimateAnswer]
    ewma_coverage: dict[str, float | None]
    winkler: EstimateAnswer
    qlike: EstimateAnswer
    qlike_adjusted: EstimateAnswer
    brier: EstimateAnswer
    brier_score: float | None
    ewma_brier: float | None
    big_moves: int
    touched: EstimateAnswer
    touch_odds: float | None
    touch_brier: EstimateAnswer
    touch_brier_score: float | None
    ewma_touch_brier: float | None


class RollingCoverageAnswer(BaseModel):
    """Hold the share of the last `window` closes that each band held, at each time (UTC epoch ms, ISO)."""

    model_config = ConfigDict(populate_by_name=True)

    window: int
    timestamp: list[int]
    time: list[str]
    band_50: list[float] = Field([], alias="50")
    band_80: list[float] = Field([], alias="80")
    band_95: list[float] = Field([], alias="95")


class RangeScoresAnswer(BaseModel):
    """Grade what was said of the newest `per_symbol` rows of each symbol over one horizon.

    All together come first, then by third of volatility, by model, by symbol and model. `ranks` counts closes by tenth
    of the chance that was given to a lower one; they are even where what is said is right. `words` is the verdict.
    """

    horizon: int
    symbols: int
    per_symbol: int
    words: str | None
    grades: list[RangeGradeAnswer]
    ranks: list[int]
    rolling: RollingCoverageAnswer


@routes.get("/scores", response_model=ScoresAnswer, responses=problems(404), summary="Stored predictions, graded")
async def scores(
    page: CurrentPage,
    symbol: AnySymbolQuery,
    last: Last = NEWEST_GRADED,
    interval: StoredInterval = None,
) -> Response:
    """Answer from memory for a minute: grading reads thousands of rows. Without a symbol all series are graded."""
    series = await _series(page, symbol, interval)
    found = await page.judge(lambda: page.scores.judge(page.models(), series, last))
    answer = {name: getattr(found, name) for name in ScoresAnswer.model_fields} | {"rolling": _timed(found.rolling)}
    return json_answer(answer | {"grades": [grade.as_dict() for grade in found.grades]})


@routes.get(
    "/scores/ranges", response_model=RangeScoresAnswer, responses=problems(404, 422), summary="Stored ranges, graded"
)
async def range_scores(
    page: CurrentPage,
    symbol: AnySymbolQuery,
    last: Last = NEWEST_GRADED,
    horizon: Annotated[Ahead, Query(description="How many bars ahead.")] = Ahead.FIVE,
    interval: StoredInterval = None,
) -> Response:
    """Answer from memory for a minute. Without a symbol all series are graded."""
    series = await _series(page, symbol, interval)
    found = await page.judge(lambda: page.scores.judge_ranges(page.range_models(), int(horizon), series, last))
    answer = {each.name: getattr(found, each.name) for each in dataclasses.fields(found)}
    answer["rolling"] = _timed(found.rolling)
    whole = found.grades[0] if found.grades and found.grades[0].decided else None
    words = verdict(whole.qlike, whole.coverage[80]) if whole else None
    return json_answer(answer | {"words": words, "grades": [grade.as_dict() for grade in found.grades]})


def _timed(rolling: Mapping[str, Any]) -> dict[str, Any]:
    return {**rolling, "time": iso_times(rolling["timestamp"])}


async def _series(page: Page, symbol: str | None, interval: str | None) -> str:
    """Return the stored series to grade, '' for all. Raises `NotFoundError`."""
    if symbol is None:
        return ""
    await require_known(page, symbol)
    return await page.read(lambda: page.data.candles.series.stored(symbol, interval))
