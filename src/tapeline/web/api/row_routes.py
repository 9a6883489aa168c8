"""Answer `/symbols/{symbol}/rows`, `/latest` and `/predictions`: stored rows under the names the store uses."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request, Response
from pydantic import BaseModel

from tapeline.core.iso_text import timed
from tapeline.core.rows import Rows
from tapeline.forecast.horizons import horizon_columns, with_horizons
from tapeline.web.api.formats import (
    DIRECTION_NAMES,
    THREE_FORMATS,
    Format,
    Wanted,
    json_answer,
    table_answer,
    versions,
)
from tapeline.web.api.parameters import (
    CurrentPage,
    End,
    Start,
    StoredInterval,
    Symbol,
    SymbolQuery,
    Time,
    earliest,
    next_page,
    require_known,
)
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.candles import Candles, ChartRequest

#: The most rows in one answer.
MOST_ROWS = 20_000

Cursor = Annotated[Time | None, Query(description="The `next` of an answer: continues with older rows.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many rows, the newest first.")]

routes = api_router("rows")


class RowAnswer(BaseModel):
    """Hold a stored row. Absent values are left out: a cold indicator, a prediction where no model answered.

    `time` is `timestamp` as ISO text, `horizons` what is expected this many bars ahead: the move in sigmas, bands, odds
    of a big move, and the volume.
    """

    stock_symbol: str
    timestamp: int
    time: str
    price: float
    volume: float
    indicator: dict[str, float]
    prediction: str | None = None
    open: float
    high: float
    low: float
    final: bool
    probability: float | None = None
    model: str | None = None
    horizons: dict[str, dict[str, float]] | None = None
    range_model: str | None = None


class RowsAnswer(BaseModel):
    """List rows in the order of time; `next` is the `cursor` for older ones, null when there are none."""

    rows: list[RowAnswer]
    next: int | None = None


class PredictionAnswer(BaseModel):
    """Hold a prediction and its outcome (null: not decided yet, or not decidable across a gap)."""

    stock_symbol: str
    timestamp: int
    time: str
    price: float
    prediction: str
    probability: float
    model: str
    outcome: str | None


class PredictionsAnswer(BaseModel):
    """List predictions in the order of time; `next` is the `cursor` for older ones, null when there are none."""

    predictions: list[PredictionAnswer]
    next: int | None


@routes.get(
    "/symbols/{symbol}/rows", response_model=RowsAnswer, responses={**problems(404, 406), **THREE_FORMATS},
    summary="Stored rows of a symbol",
)  # fmt: skip
async def rows(
    request: Request, page: CurrentPage, symbol: Symbol, kind: Wanted, start: Start = None, end: End = None,
    limit: Limit = 500, cursor: Cursor = None, interval: StoredInterval = None,
) -> Response:  # fmt: skip
    """Answer with the newest rows of the range. One row more is read, to know whether there are older ones."""
    reader = page.data.candles
    found = await page.read(
        lambda: reader.rows(reader.series.stored(symbol, interval), start, earliest(end, cursor), limit + 1)
    )
    older = int(found.bars.timestamp[-limit]) if len(found) > limit else None
    found = found[-limit:]
    if not len(found):
        await require_known(page, symbol)
    headers = next_page(request, cursor=older)
    if kind != Format.JSON:
        columns = _columns(found) | horizon_columns(found, page.range_models())
        columns["range_model"] = versions(found, found.said_ranges[1])
        return table_answer(kind, columns, f"{symbol}-rows", headers)
    items = with_horizons([row.as_item() for row in found], found, page.range_models())
    return json_answer({"rows": timed(items), "next": older}, headers=headers)


@routes.get(
    "/latest", response_model=RowsAnswer, response_model_exclude={"next"},
    responses={**problems(406), **THREE_FORMATS}, summary="The newest row of every series, without indicators",
)  # fmt: skip
async def latest(page: CurrentPage, kind: Wanted) -> Response:
    """Answer with one row for each symbol, or for each of its series where it has several."""
    found = await page.read(page.data.store.latest)
    if kind != Format.JSON:
        return table_answer(kind, _columns(found), "latest")
    return json_answer({"rows": timed([row.as_item() for row in found])})


@routes.get(
    "/predictions", response_model=PredictionsAnswer, responses={**problems(404, 406), **THREE_FORMATS},
    summary="Predictions of a symbol, and their outcomes",
)  # fmt: skip
async def predictions(
    request: Request, page: CurrentPage, symbol: SymbolQuery, kind: Wanted, start: Start = None, end: End = None,
    limit: Limit = 500, cursor: Cursor = None, interval: StoredInterval = None,
) -> Response:  # fmt: skip
    """Answer with the predictions among the newest `limit` bars of the range."""
    reader, until = page.data.candles, earliest(end, cursor)

    def read() -> tuple[Candles, int | None]:
        reader.series.stored(symbol, interval)
        return reader.read(ChartRequest(symbol, interval, ()), page.models(), until, limit, start)

    found, older = await page.read(read)
    if not len(found):
        await require_known(page, symbol)
    table = _predictions(symbol, found)
    headers = next_page(request, cursor=older)
    if kind != Format.JSON:
        return table_answer(kind, table, f"{symbol}-predictions", headers)
    lines = zip(*(column.tolist() for column in table.values()), strict=True)
    documents = [dict(zip(table, line, strict=True)) for line in lines]
    return json_answer({"predictions": timed(documents), "next": older}, headers=headers)


def _columns(rows: Rows) -> dict[str, Any]:
    """Return rows as columns under the store's names, one for each indicator."""
    bars = rows.bars
    return {
        "stock_symbol": np.array(bars.symbols, object)[bars.code] if len(rows) else np.zeros(0, object),
        "timestamp": bars.timestamp,
        "open": bars.open,
        "high": bars.high,
        "low": bars.low,
        "price": bars.close,
        "volume": bars.volume,
        "final": bars.final,
        "prediction": DIRECTION_NAMES[rows.prediction],
        "probability": np.where(rows.prediction > 0, rows.probability, np.nan),
        "model": versions(rows, rows.model),
        **{name: np.ascontiguousarray(rows.indicator[:, index]) for index, name in enumerate(rows.names)},
    }


def _predictions(symbol: str, found: Candles) -> dict[str, Any]:
    """Return the candles that have a prediction, as columns."""
    grades, times = found.grades, found.columns["t"]
    where = np.zeros(0, np.intp) if grades is None else np.flatnonzero(np.isin(grades.timestamp, times))
    if grades is None or not len(where):
        return dict.fromkeys([name for name in PredictionAnswer.model_fields if name != "time"], np.zeros(0, object))
    grades = grades[where]
    return {
        "stock_symbol": np.full(len(grades), symbol, object),
        "timestamp": grades.timestamp,
        "price": found.columns["c"][np.searchsorted(times, grades.timestamp)],
        "prediction": DIRECTION_NAMES[grades.answer],
        "probability": grades.probability,
        "model": np.array(grades.models, object)[grades.model],
        "outcome": DIRECTION_NAMES[grades.outcome],
    }
