"""Answer `/symbols/{symbol}/bars`: candles of any interval with indicators and predictions, as columns."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict

from tapeline.core.candle_intervals import INTERVALS, choices
from tapeline.core.iso_text import iso_times
from tapeline.core.times import DAY, interval_name
from tapeline.errors import InputError, SpecError
from tapeline.forecast.horizons import horizon_columns
from tapeline.indicators import parse
from tapeline.indicators.spec import spec_of_output
from tapeline.indicators.spelling import separated
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
    INTERVAL_PATTERN,
    CurrentPage,
    End,
    Start,
    Symbol,
    Time,
    Times,
    earliest,
    next_page,
    require_known,
)
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.candles import MOST_INDICATORS, Candles, ChartRequest
from tapeline.web.markets import zone_of
from tapeline.web.page import Page

#: The most candles in one answer.
MOST_BARS = 20_000

Interval = Annotated[
    str | None,
    Query(
        pattern=INTERVAL_PATTERN, examples=["5m"],
        description=f"Length of a candle: {', '.join(INTERVALS)}, or a stored one. Left out: the shortest stored "
        "one that has not ended.",
    ),
]  # fmt: skip
Indicators = Annotated[
    str | None,
    Query(
        max_length=1000, examples=["sma_20,rsi_14"], pattern=r"^[A-Za-z0-9_., ]*$",
        description="Specs, separated by commas; the stored ones when left out, none when empty.",
    ),
]  # fmt: skip

_NAMES = {
    "t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "f": "final",
    "s": "prediction", "p": "probability", "y": "outcome", "x": "hours",
}  # fmt: skip

_HOURS = np.array(["regular", "pre", "post"])

routes = api_router("bars")


class OutputAnswer(BaseModel):
    """Say which indicator a column belongs to: its spec, its name in the catalogue, its numbers, and which output."""

    spec: str
    indicator: str
    parameters: list[float]
    suffix: str


class BarsAnswer(BaseModel):
    """Hold candles as columns of one length, in the order of time.

    `columns` are `t` (open time, UTC epoch ms), `o h l c v`, `f` (1 final, 0 forming), on the stored interval `s`
    (prediction: 0 none, 1 UP, 2 DOWN, 3 HOLD), `p` (probability of UP) and `y` (what happened, coded the same), for
    candles shorter than a day `x` (0 in regular hours, 1 pre-market, 2 after hours), and one for each of `names`; with
    `ranges` on the stored interval also what was expected, such as `low_80_5`; null where there is no value. With
    `times` there is `time`, which is `t` as ISO text. `stored_interval` is that of the stored bars that the candles are
    made of, and `intervals` are all that the symbol can be shown at. `outputs` says what each of `names` is, except for
    stored columns that no spec gives. `next` is the `before` to ask for older candles with.
    """

    model_config = ConfigDict(extra="forbid")

    symbol: str
    interval: str
    stored_interval: str
    intervals: list[str]
    names: list[str]
    outputs: dict[str, OutputAnswer]
    decimals: int
    daily: bool
    zone: str
    columns: dict[str, list[float | int | str | None]]
    next: int | None


def chart_request(symbol: str, interval: str | None, indicators: str | None) -> ChartRequest:
    """Return what was asked for, its specs in canonical spelling and each once.

    Raises `SpecError` for an unknown indicator and `InputError` for too many of them.
    """
    if indicators is None:
        return ChartRequest(symbol, interval)
    texts = list(dict.fromkeys(separated(indicators)))
    if len(texts) > MOST_INDICATORS:
        raise InputError(f"{len(texts)} indicators at once; at most {MOST_INDICATORS} are possible")
    return ChartRequest(symbol, interval, tuple(dict.fromkeys(parse(text).text for text in texts)))


@routes.get(
    "/symbols/{symbol}/bars", response_model=BarsAnswer, responses={**problems(404, 406, 409), **THREE_FORMATS},
    summary="Candles with indicators and predictions",
)  # fmt: skip
async def bars(
    request: Request,
    page: CurrentPage,
    symbol: Symbol,
    kind: Wanted,
    interval: Interval = None,
    start: Start = None,
    end: End = None,
    before: Annotated[Time | None, Query(description="Before this candle: the `next` of an answer.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_BARS, description="How many candles, the newest first.")] = 500,
    indicators: Indicators = None,
    ranges: Annotated[bool, Query(description="Add what was expected over each horizon, such as `low_80_5`.")] = False,
    times: Times = False,
) -> Response:
    """Answer with the newest candles of the range. 409 for an interval that the stored bars cannot be shown at."""
    chart = chart_request(symbol, interval, indicators)
    until = earliest(end, before)
    reader = page.data.candles
    found, older = await page.read(lambda: reader.read(chart, page.models(), until, limit, start))
    intervals = await page.read(lambda: reader.series.intervals(symbol))
    if not len(found):
        await require_known(page, symbol)
    headers = next_page(request, before=older)
    texts = {"time": iso_times(found.columns["t"])} if times else {}
    if kind != Format.JSON:
        table = _table(found) | (_ranges(page, found) if ranges else {}) | texts
        return table_answer(kind, table, f"{symbol}-{interval_name(found.interval)}", headers)
    document = {
        "symbol": symbol,
        "interval": interval_name(found.interval),
        "stored_interval": interval_name(found.stored),
        "intervals": intervals or choices(found.stored),
        "names": list(found.names),
        "outputs": _outputs(found.names),
        "decimals": found.decimals,
        "daily": found.interval >= DAY,
        "zone": zone_of(symbol),
        "columns": found.columns | (_expected(page, found) if ranges else {}) | texts,
        "next": older,
    }
    # Of many candles this takes as long as reading them, and other requests get their turn between its columns.
    return await page.read(lambda: json_answer(document, headers=headers))


def _expected(page: Page, found: Candles) -> dict[str, Any]:
    """Return what was expected at each candle, nothing where these are not the stored bars."""
    return {} if found.rows is None else dict(horizon_columns(found.rows, page.range_models()))


def _ranges(page: Page, found: Candles) -> dict[str, Any]:
    """Return the same with the versions that said it."""
    if found.rows is None:
        return {}
    return _expected(page, found) | {"range_model": versions(found.rows, found.rows.said_ranges[1])}


def _outputs(names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return what each column is, so that the page needs no rule of its own for names."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        with contextlib.suppress(SpecError):
            spec, column = spec_of_output(name)
            found[name] = {
                "spec": spec.text, "indicator": spec.indicator.name, "parameters": spec.parameters,
                "suffix": column.removeprefix(spec.text),
            }  # fmt: skip
    return found


def _table(found: Candles) -> dict[str, Any]:
    columns: dict[str, Any] = {_NAMES.get(name, name): column for name, column in found.columns.items()}
    columns["final"] = columns["final"].astype(np.bool_)
    if "hours" in columns:
        columns["hours"] = _HOURS[columns["hours"]]
    for name in ("prediction", "outcome"):
        if name in columns:
            columns[name] = DIRECTION_NAMES[columns[name]]
    return columns
