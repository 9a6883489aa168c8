"""`/symbols/{symbol}/bars`: candles of any interval with indicators and predictions, as columns."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from tapeline.core.market import Direction
from tapeline.core.times import interval_name
from tapeline.errors import InputError, SpecError
from tapeline.indicators import (
    parse,
)
from tapeline.web.api.context import Context, Symbol, Time, checked, problems
from tapeline.web.api.formats import THREE_FORMATS, Format, Wanted, json_answer, plain, table_answer
from tapeline.web.candle_intervals import (
    INTERVALS,
    choices,
)
from tapeline.web.candles import MOST_INDICATORS, Candles, ChartRequest, read
from tapeline.web.markets import zone_of
from tapeline.web.panes import layout
from tapeline.web.quote_table import is_daily

#: Candles in one answer, at the most.
MOST_BARS = 20_000

Interval = Annotated[
    str | None,
    Query(
        pattern=r"^[1-9][0-9]{0,8}(ms|s|m|h|d)$", examples=["5m"],
        description=f"Length of a candle: {', '.join(INTERVALS)}, or the stored one, which is the default.",
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
    "s": "prediction", "p": "probability", "y": "outcome",
}  # fmt: skip


class BarsAnswer(BaseModel):
    """Candles as columns of one length, in the order of time.

    `columns` are `t` (open time, UTC epoch ms), `o h l c v`, `f` (1 final, 0 forming), on the stored interval `s`
    (prediction: 0 none, 1 UP, 2 DOWN, 3 HOLD), `p` (probability of UP) and `y` (what became of it, coded the same), and
    one for each of `names`; null where there is no value. `next` is the `before` to ask for older candles with.
    """

    model_config = ConfigDict(extra="forbid")

    symbol: str
    interval: str
    stored_interval: str
    intervals: list[str]
    names: list[str]
    layout: list[dict[str, Any]]
    decimals: int
    daily: bool
    zone: str
    columns: dict[str, list[float | int | None]]
    next: int | None


def choice_of(symbol: str, interval: str | None, indicators: str | None) -> ChartRequest:
    """What was asked for. 404 for an indicator that there is not, 422 when there are too many."""
    if indicators is None:
        return ChartRequest(checked(symbol), interval)
    texts = list(dict.fromkeys(part.strip() for part in indicators.split(",") if part.strip()))
    if len(texts) > MOST_INDICATORS:
        raise HTTPException(422, f"{len(texts)} indicators at once; at most {MOST_INDICATORS} are possible")
    try:
        return ChartRequest(checked(symbol), interval, tuple(dict.fromkeys(parse(text).text for text in texts)))
    except SpecError as error:
        raise HTTPException(404, str(error)) from error


def head(choice: ChartRequest, found: Candles) -> dict[str, Any]:
    """What is said about candles beside their columns."""
    return {
        "symbol": choice.symbol,
        "interval": interval_name(found.interval),
        "stored_interval": interval_name(found.stored),
        "intervals": choices(found.stored),
        "names": list(found.names),
        "layout": layout(found.names),
        "decimals": found.decimals,
        "daily": is_daily(found.columns["t"]),
        "zone": zone_of(choice.symbol),
    }


def router(context: Context) -> APIRouter:
    """The operations."""
    routes = APIRouter(tags=["bars"])

    @routes.get(
        "/symbols/{symbol}/bars", response_model=BarsAnswer, responses={**problems(404, 406, 409), **THREE_FORMATS},
        summary="Candles with indicators and predictions",
    )  # fmt: skip
    async def bars(
        request: Request,
        symbol: Symbol,
        kind: Wanted,
        interval: Interval = None,
        start: Annotated[Time | None, Query(description="From this time on, UTC epoch ms.")] = None,
        end: Annotated[Time | None, Query(description="Before this time, UTC epoch ms.")] = None,
        before: Annotated[Time | None, Query(description="Before this candle: the `next` of an answer.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_BARS, description="The newest so many.")] = 500,
        indicators: Indicators = None,
    ) -> Response:
        choice = choice_of(symbol, interval, indicators)
        until = min((time for time in (end, before) if time is not None), default=None)
        try:
            found, older = await context.call(
                lambda: read(context.view.store, choice, context.models(), until, limit, start)
            )
        except InputError as error:
            raise HTTPException(409, str(error)) from error
        if not len(found):
            await known(context, symbol)
        headers = {} if older is None else link(request, before=older)
        if kind != Format.JSON:
            return table_answer(kind, _table(found), f"{symbol}-{interval_name(found.interval)}", headers)
        document = {**head(choice, found), "columns": plain(found.columns), "next": older}
        return json_answer(document, headers=headers)

    return routes


def link(request: Request, **changed: object) -> dict[str, str]:
    """The Link header to the next page: this request with other parameters."""
    query = {**request.query_params, **{name: str(value) for name, value in changed.items()}}
    return {"Link": f'<{request.url.path}?{urlencode(query)}>; rel="next"'}


async def known(context: Context, symbol: str) -> None:
    """404 for a symbol that neither has rows nor is collected."""

    def collected() -> list[str]:
        return [] if context.view.watchlist is None else context.view.watchlist.load()

    def stored() -> bool:
        return len(context.view.store.rows(symbol, limit=1)) > 0

    if not await context.call(stored) and symbol not in await context.call(collected):
        raise HTTPException(404, f"there are no bars of {symbol}, and it is not collected")


def _table(found: Candles) -> dict[str, Any]:
    directions = np.array(["", *(d.name for d in Direction if d)], object)
    directions[0] = None
    columns: dict[str, Any] = {_NAMES.get(name, name): column for name, column in found.columns.items()}
    columns["final"] = columns["final"].astype(np.bool_)
    for name in ("prediction", "outcome"):
        if name in columns:
            columns[name] = directions[columns[name]]
    return columns
