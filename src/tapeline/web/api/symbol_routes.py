"""Answer `/symbols`: the watch-list with its quotes, and which symbols are collected."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.core.symbol_forms import MAX_SYMBOL_LENGTH, collected_fault
from tapeline.errors import InputError, NotFoundError, NotPossibleError
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import SYMBOL_PATTERN, CurrentPage, Symbol, checked
from tapeline.web.api.problems import problems
from tapeline.web.page_data import SymbolList
from tapeline.web.quote_table import Quote

#: The most symbols collected at once; each of them is asked for at the feed again and again.
MOST_SYMBOLS = 1_000

routes = APIRouter(tags=["symbols"])


class SymbolsAnswer(BaseModel):
    """List all quotes; `collected` are the symbols that are collected, null where the list cannot be changed."""

    symbols: list[Quote]
    collected: list[str] | None


class Wish(BaseModel):
    """Name the symbol to collect."""

    model_config = ConfigDict(extra="forbid")

    symbol: Annotated[str, Field(min_length=1, max_length=MAX_SYMBOL_LENGTH, pattern=SYMBOL_PATTERN, examples=["NVDA"])]


class Collected(BaseModel):
    """List the symbols that are collected now."""

    collected: list[str]


@routes.get("/symbols", response_model=SymbolsAnswer, responses=problems(), summary="The watch-list with its quotes")
async def symbols(page: CurrentPage) -> Response:
    """Answer with quotes that are at most a second old."""
    quotes = await page.broadcast.quotes()
    watchlist = page.data.watchlist
    return json_answer({"symbols": quotes, "collected": None if watchlist is None else await page.read(watchlist.load)})


@routes.post("/symbols", responses=problems(404, 409, 413), summary="Collect a symbol")
async def add(wish: Wish, page: CurrentPage) -> Collected:
    """Put the symbol on the list; one that is on it stays where it is."""
    symbol = checked(wish.symbol)
    if fault := collected_fault(symbol):
        raise InputError(fault)

    def added(kept: list[str]) -> list[str]:
        if symbol in kept:
            return kept
        if len(kept) >= MOST_SYMBOLS:
            raise NotPossibleError(f"{len(kept)} symbols are collected already; remove one first")
        return [*kept, symbol]

    return Collected(collected=await page.read(lambda: _changeable(page.data.watchlist).change(added)))


@routes.delete("/symbols/{symbol}", responses=problems(404, 409), summary="Stop collecting a symbol")
async def remove(symbol: Symbol, page: CurrentPage) -> Collected:
    """Take the symbol off the list. Its bars are kept."""
    wanted = checked(symbol)

    def left(kept: list[str]) -> list[str]:
        if wanted not in kept:
            raise NotFoundError(f"{wanted} is not collected")
        return [each for each in kept if each != wanted]

    return Collected(collected=await page.read(lambda: _changeable(page.data.watchlist).change(left)))


def _changeable(watchlist: SymbolList | None) -> SymbolList:
    if watchlist is None:
        raise NotPossibleError("nothing is collected here (a replay): there is no list to change")
    return watchlist
