"""Answer `/forecasts`: what is expected of every symbol, in one table."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import Response
from pydantic import BaseModel

from tapeline.core.iso_text import timed
from tapeline.core.series import symbol_of
from tapeline.core.times import interval_name
from tapeline.forecast.horizons import COLUMNS, last_said
from tapeline.runtime.stored_series import TELLING_ROWS, ShownSeries
from tapeline.web.api.formats import THREE_FORMATS, Format, Wanted, json_answer, table_answer
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.page import Page

routes = api_router("forecast")


class SymbolForecast(BaseModel):
    """Hold what is expected of a symbol after its last closed bar, by horizon in bars.

    `timestamp`, `time` (the same as ISO text) and `close` are those of the bar. After the end of a session `is_newest`
    is false, and the bar is the last one that looked 5 bars ahead.
    """

    symbol: str
    interval: str
    timestamp: int
    time: str
    close: float
    model: str
    is_newest: bool
    horizons: dict[str, dict[str, float]]


class ForecastsAnswer(BaseModel):
    """List the forecasts of all symbols that have one, sorted by symbol."""

    forecasts: list[SymbolForecast]


@routes.get(
    "/forecasts", response_model=ForecastsAnswer, responses={**problems(406), **THREE_FORMATS},
    summary="What is expected of every symbol",
)  # fmt: skip
async def forecasts(page: CurrentPage, kind: Wanted) -> Response:
    """Answer for the series that is shown of each symbol; as a table with a column for each field and horizon."""
    found = await page.judge(lambda: _all(page))
    if kind == Format.JSON:
        return json_answer({"forecasts": timed(found)})
    table: dict[str, Any] = {
        name: np.array([each[name] for each in found], kind_of)
        for name, kind_of in (("symbol", object), ("interval", object), ("timestamp", np.int64), ("close", np.float64))
    }
    table |= {name: np.array([each[name] for each in found], object) for name in ("model", "is_newest")}
    for column in COLUMNS:
        field, _, horizon = column.rpartition("_")
        table[column] = np.array([each["horizons"].get(horizon, {}).get(field, np.nan) for each in found], np.float64)
    return table_answer(kind, table, "forecasts")


def _all(page: Page) -> list[dict[str, Any]]:
    store, models = page.data.store, page.range_models()
    latest = store.latest()
    newest = dict(zip(latest.bars.symbols, latest.bars.timestamp.tolist(), strict=True))
    series = page.data.candles.series
    found = []
    for symbol, name in sorted(ShownSeries(series).of(newest).items()):
        said = last_said(store.rows(name, limit=TELLING_ROWS), models)
        if said is not None:
            found.append(
                {
                    "symbol": symbol_of(symbol), "interval": interval_name(series.length(name)),
                    "timestamp": said.timestamp, "close": said.close, "model": said.model.version,
                    "is_newest": said.is_newest, "horizons": said.horizons,
                }
            )  # fmt: skip
    return found
