"""Answer `/symbols/{symbol}/ranges`: what was expected at each bar, and which band held."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request, Response
from pydantic import BaseModel

from tapeline.core.candle_intervals import stored_interval
from tapeline.core.iso_text import iso_times
from tapeline.core.rows import Rows
from tapeline.core.times import interval_name
from tapeline.forecast.horizons import horizon_columns
from tapeline.forecast.labels import label_reach
from tapeline.forecast.range_grading import grade_ranges
from tapeline.forecast.range_layout import HORIZONS
from tapeline.runtime.stored_series import TELLING_ROWS
from tapeline.web.api.formats import THREE_FORMATS, Format, Wanted, json_answer, table_answer
from tapeline.web.api.parameters import (
    CurrentPage,
    End,
    Start,
    StoredInterval,
    Symbol,
    Times,
    earliest,
    next_page,
    require_known,
)
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.api.row_routes import MOST_ROWS, Cursor
from tapeline.web.page import Page

routes = api_router("forecast")


class RangesAnswer(BaseModel):
    """Hold what was said of each bar as columns of one length, in the order of time; null where nothing was.

    `columns` are `t` (open time, UTC epoch ms), with `times` also `time` (the same as ISO text), `close` (as it was
    known), what was said over each horizon, such as `low_80_5`, and `held_1`, `held_5` and `held_20`: the coverage of
    the narrowest band that held the close, 0 where none did, null where it is not known. `next` is the `cursor` for
    older ones, null when there are none.
    """

    symbol: str
    interval: str
    columns: dict[str, list[float | int | str | None]]
    next: int | None


@routes.get(
    "/symbols/{symbol}/ranges", response_model=RangesAnswer, responses={**problems(404, 406), **THREE_FORMATS},
    summary="What was expected at each bar, and which band held",
)  # fmt: skip
async def ranges(
    request: Request, page: CurrentPage, symbol: Symbol, kind: Wanted, start: Start = None, end: End = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many bars, the newest first.")] = 500,
    cursor: Cursor = None, interval: StoredInterval = None, times: Times = False,
) -> Response:  # fmt: skip
    """Answer with the newest final bars of the range; whether a band held may be known by bars after it."""

    def read() -> tuple[dict[str, Any], int | None, int]:
        series = page.data.candles.series.stored(symbol, interval)
        return _ranges(page, series, start, earliest(end, cursor), limit)

    table, older, length = await page.read(read)
    if not len(table["t"]):
        await require_known(page, symbol)
    headers = next_page(request, cursor=older)
    texts = {"time": iso_times(table["t"])} if times else {}
    if kind != Format.JSON:
        return table_answer(kind, {"timestamp": table.pop("t"), **table, **texts}, f"{symbol}-ranges", headers)
    columns = table | texts
    document = {"symbol": symbol, "interval": interval_name(length), "columns": columns, "next": older}
    return json_answer(document, headers=headers)


def _ranges(
    page: Page, series: str, start: int | None, end: int | None, limit: int
) -> tuple[dict[str, Any], int | None, int]:
    """Return the columns, the cursor for older bars, and the length of the bars (ms)."""
    store, models = page.data.store, page.range_models()
    rows = store.rows(series, start, end, limit + 1)
    older = int(rows.bars.timestamp[-limit]) if len(rows) > limit else None
    rows = rows[-limit:]
    rows = rows[np.flatnonzero(rows.bars.final)]
    times = rows.bars.timestamp
    interval = stored_interval(store.rows(series, limit=TELLING_ROWS).bars.timestamp)
    table: dict[str, Any] = {"t": times, "close": rows.as_known().bars.close} | horizon_columns(rows, models)
    graded = rows
    if len(rows):
        last = int(times[-1])
        after = store.rows(series, last + 1, last + label_reach(interval, HORIZONS[-1]) + 1)
        graded = Rows.concat([rows, after[: HORIZONS[-1]]])
    for horizon in HORIZONS:
        held = np.full(len(rows), np.nan)
        if len(rows):
            grades = grade_ranges(graded, models, horizon, interval)
            grades = grades[(grades.timestamp <= times[-1]) & grades.known]
            held[np.searchsorted(times, grades.timestamp)] = grades.narrowest
        table[f"held_{horizon}"] = held
    return table, older, interval
