"""`/symbols/{symbol}/rows`, `/latest` and `/predictions`: the stored rows under the names the store uses."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from tapeline.core.market import Direction, Rows
from tapeline.web.api.bar_routes import known, link
from tapeline.web.api.context import Context, Symbol, SymbolQuery, Time, checked, problems
from tapeline.web.api.formats import THREE_FORMATS, Format, Wanted, json_answer, table_answer
from tapeline.web.candles import Candles, ChartRequest, read

#: Rows in one answer, at the most.
MOST_ROWS = 20_000

_NAMES = np.array([None, *(direction.name for direction in Direction if direction)], object)

Start = Annotated[Time | None, Query(description="From this time on, UTC epoch ms.")]
End = Annotated[Time | None, Query(description="Before this time, UTC epoch ms.")]
Cursor = Annotated[Time | None, Query(description="The `next` of an answer: continues with older rows.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="The newest so many.")]


class RowAnswer(BaseModel):
    """A stored row. Absent values are left out: an indicator that is not warm, a prediction where no model answered."""

    stock_symbol: str
    timestamp: int
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


class RowsAnswer(BaseModel):
    """Rows in the order of time; `next` is the `cursor` for older ones, null when there are none."""

    rows: list[RowAnswer]
    next: int | None = None


class PredictionAnswer(BaseModel):
    """A prediction, and what became of it (null: not decided yet, or not decidable across a gap)."""

    stock_symbol: str
    timestamp: int
    price: float
    prediction: str
    probability: float
    model: str
    outcome: str | None


class PredictionsAnswer(BaseModel):
    """Predictions in the order of time; `next` is the `cursor` for older ones, null when there are none."""

    predictions: list[PredictionAnswer]
    next: int | None


def router(context: Context) -> APIRouter:
    """The operations."""
    routes = APIRouter(tags=["rows"])
    store = context.view.store

    def page(symbol: str, start: int | None, until: int | None, limit: int) -> tuple[Rows, int | None]:
        """The newest `limit` rows of these, and the end to go on with where there are more."""
        found = store.rows(symbol, start, until, limit + 1)
        return found[-limit:], int(found.bars.timestamp[-limit]) if len(found) > limit else None

    @routes.get(
        "/symbols/{symbol}/rows", response_model=RowsAnswer, responses={**problems(404, 406), **THREE_FORMATS},
        summary="Stored rows of a symbol",
    )  # fmt: skip
    async def rows(
        request: Request, symbol: Symbol, kind: Wanted, start: Start = None, end: End = None, limit: Limit = 500,
        cursor: Cursor = None,
    ) -> Response:  # fmt: skip
        checked(symbol)
        found, older = await context.call(lambda: page(symbol, start, earliest(end, cursor), limit))
        if not len(found):
            await known(context, symbol)
        headers = {} if older is None else link(request, cursor=older)
        if kind != Format.JSON:
            return table_answer(kind, columns_of(found), f"{symbol}-rows", headers)
        return json_answer({"rows": [row.as_item() for row in found], "next": older}, headers=headers)

    @routes.get(
        "/latest", response_model=RowsAnswer, response_model_exclude={"next"},
        responses={**problems(406), **THREE_FORMATS}, summary="The newest row of every symbol, without indicators",
    )  # fmt: skip
    async def latest(kind: Wanted) -> Response:
        found = await context.call(store.latest)
        if kind != Format.JSON:
            return table_answer(kind, columns_of(found), "latest")
        return json_answer({"rows": [row.as_item() for row in found]})

    @routes.get(
        "/predictions", response_model=PredictionsAnswer, responses={**problems(404, 406), **THREE_FORMATS},
        summary="Predictions of a symbol, and what became of them",
    )  # fmt: skip
    async def predictions(
        request: Request,
        symbol: SymbolQuery,
        kind: Wanted,
        start: Start = None,
        end: End = None,
        limit: Limit = 500,
        cursor: Cursor = None,
    ) -> Response:
        checked(symbol)
        choice = ChartRequest(symbol, None, ())
        found, older = await context.call(
            lambda: read(store, choice, context.models(), earliest(end, cursor), limit, start)
        )
        if not len(found):
            await known(context, symbol)
        table = _predictions(symbol, found)
        headers = {} if older is None else link(request, cursor=older)
        if kind != Format.JSON:
            return table_answer(kind, table, f"{symbol}-predictions", headers)
        names = tuple(table)
        values = zip(*(column.tolist() for column in table.values()), strict=True)
        return json_answer(
            {"predictions": [dict(zip(names, line, strict=True)) for line in values], "next": older}, headers=headers
        )

    return routes


def earliest(*times: int | None) -> int | None:
    """The earliest of the times that were given."""
    return min((time for time in times if time is not None), default=None)


def columns_of(rows: Rows) -> dict[str, Any]:
    """Rows as columns under the store's names, one for each indicator."""
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
        "prediction": _NAMES[rows.prediction],
        "probability": np.where(rows.prediction > 0, rows.probability, np.nan),
        "model": np.array([*rows.models, None], object)[rows.model],
        **{name: np.ascontiguousarray(rows.indicator[:, place]) for place, name in enumerate(rows.names)},
    }


def _predictions(symbol: str, found: Candles) -> dict[str, Any]:
    """The predicted ones of these candles, as columns."""
    grades, times = found.grades, found.columns["t"]
    where = np.zeros(0, np.intp) if grades is None else np.flatnonzero(np.isin(grades.timestamp, times))
    if grades is None or not len(where):
        return dict.fromkeys(PredictionAnswer.model_fields, np.zeros(0, object))
    grades = grades[where]
    return {
        "stock_symbol": np.full(len(grades), symbol, object),
        "timestamp": grades.timestamp,
        "price": found.columns["c"][np.searchsorted(times, grades.timestamp)],
        "prediction": _NAMES[grades.answer],
        "probability": grades.probability,
        "model": np.array(grades.models, object)[grades.model],
        "outcome": _NAMES[grades.outcome],
    }
