"""`/symbols`: the watch-list with its quotes, and which symbols are collected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.core.market import MAX_SYMBOL_LENGTH
from tapeline.web.api.context import SYMBOL_PATTERN, Context, Symbol, checked, problems
from tapeline.web.api.formats import json_answer

#: Symbols collected at once, at the most; each is asked for at the source again and again.
MOST_SYMBOLS = 1_000


class Market(BaseModel):
    """What the exchange is doing, until when, when regular trading next begins, and its time zone.

    Times are UTC epoch ms, null where trading never ends.
    """

    phase: Literal["open", "pre", "post", "closed", "continuous"]
    next: int | None
    opens: int | None
    zone: str


class QuoteAnswer(BaseModel):
    """One line of the watch-list.

    `timestamp` is the open time of the last bar. `change` is a fraction since `reference`: the previous session's last
    close, or, where none is stored (`first`), this session's first open. `signal` is '' or UP, DOWN, HOLD;
    `probability` that of UP. `spark` are the last closes, scaled to 0..100.
    """

    symbol: str
    timestamp: int
    price: float
    decimals: int
    final: bool
    daily: bool
    signal: str
    probability: float | None
    model: str
    reference: float | None
    first: bool
    change: float | None
    spark: list[int]
    market: Market | None
    currency: str | None


class SymbolsAnswer(BaseModel):
    """All quotes; `collected` are the symbols that are collected, null where the list cannot be changed."""

    symbols: list[QuoteAnswer]
    collected: list[str] | None


class Wish(BaseModel):
    """The symbol to collect."""

    model_config = ConfigDict(extra="forbid")

    symbol: Annotated[str, Field(min_length=1, max_length=MAX_SYMBOL_LENGTH, pattern=SYMBOL_PATTERN, examples=["NVDA"])]


class Collected(BaseModel):
    """The symbols that are collected now."""

    collected: list[str]


def router(context: Context) -> APIRouter:
    """The operations."""
    routes = APIRouter(tags=["symbols"])
    watchlist = context.view.watchlist

    def change(symbol: str, *, add: bool) -> list[str]:
        if watchlist is None:
            raise HTTPException(409, "nothing is collected here (a replay): there is no list to change")
        kept = watchlist.load()
        if add and symbol not in kept:
            if len(kept) >= MOST_SYMBOLS:
                raise HTTPException(409, f"{len(kept)} symbols are collected already; remove one first")
            watchlist.save([*kept, symbol])
        if not add:
            if symbol not in kept:
                raise HTTPException(404, f"{symbol} is not collected")
            watchlist.save(each for each in kept if each != symbol)
        return watchlist.load()

    @routes.get(
        "/symbols", response_model=SymbolsAnswer, responses=problems(), summary="The watch-list with its quotes"
    )
    async def symbols() -> Response:
        quotes: list[dict[str, Any]] = await context.guarded(context.broadcast.quotes())
        collected = None if watchlist is None else await context.call(watchlist.load)
        return json_answer({"symbols": quotes, "collected": collected})

    @routes.post("/symbols", responses=problems(404, 409, 413), summary="Collect a symbol")
    async def add(wish: Wish) -> Collected:
        symbol = checked(wish.symbol).upper()
        return Collected(collected=await context.call(lambda: change(symbol, add=True)))

    @routes.delete("/symbols/{symbol}", responses=problems(404, 409), summary="Collect a symbol no longer")
    async def remove(symbol: Symbol) -> Collected:
        wanted = checked(symbol).upper()
        return Collected(collected=await context.call(lambda: change(wanted, add=False)))

    return routes
