"""Answer `/symbols`: the watch-list with its quotes, and which symbols are collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.core.listed_symbols import ListedSymbol
from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import MAX_SYMBOL_LENGTH, collected_fault
from tapeline.error_text import one_line
from tapeline.errors import FeedError, InputError, NotFoundError, NotPossibleError
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import SYMBOL_PATTERN, CurrentPage, Symbol, checked
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.page_data import SymbolList
from tapeline.web.quote_table import Quote

#: The most symbols collected at once; each of them is asked for at the feed again and again.
MOST_SYMBOLS = 1_000

#: The most symbols that a search answers with.
MOST_FOUND = 30

routes = api_router("symbols")


class SymbolsAnswer(BaseModel):
    """List all quotes; `collected` are the symbols that are collected, null where the list cannot be changed.

    `names` has what is known of the symbols' companies and exchanges, by symbol.
    """

    symbols: list[Quote]
    collected: list[str] | None
    names: dict[str, ListedSymbol]


class FoundSymbol(BaseModel):
    """Hold a symbol that was found. `stored` says that it has bars here, `collected` that it is collected."""

    symbol: str
    name: str
    exchange: str
    kind: str
    stored: bool
    collected: bool


class SearchAnswer(BaseModel):
    """List what was found, stored symbols first. `venue` is where was searched too, null where only here.

    `trouble` says why the venue could not be asked, null where it could.
    """

    symbols: list[FoundSymbol]
    venue: str | None
    trouble: str | None


class Wish(BaseModel):
    """Name the symbol to collect; without `check` the venue is not asked whether it has it."""

    model_config = ConfigDict(extra="forbid")

    symbol: Annotated[str, Field(min_length=1, max_length=MAX_SYMBOL_LENGTH, pattern=SYMBOL_PATTERN, examples=["NVDA"])]
    check: bool = True


class Collected(BaseModel):
    """List the symbols that are collected now. `note` says why a new one could not be checked."""

    collected: list[str]
    note: str | None = None


@routes.get("/symbols", response_model=SymbolsAnswer, responses=problems(), summary="The watch-list with its quotes")
async def symbols(page: CurrentPage) -> Response:
    """Answer with quotes that are at most a second old."""
    quotes = await page.broadcast.quotes()
    watchlist = page.data.watchlist
    lookup = page.data.lookup
    return json_answer(
        {
            "symbols": quotes,
            "collected": None if watchlist is None else await page.read(watchlist.load),
            "names": {} if lookup is None else await page.read(lookup.names),
        }
    )


@routes.get(
    "/search", response_model=SearchAnswer, responses=problems(), summary="Symbols by their beginning, or by name"
)
async def search(
    page: CurrentPage,
    text: Annotated[str, Query(alias="q", min_length=1, max_length=60, pattern=r"\S", examples=["tesla"])],
) -> Response:
    """Answer with stored symbols, and with what the venue finds where symbols are collected."""
    lookup, watchlist = page.data.lookup, page.data.watchlist
    names = {} if lookup is None else await page.read(lookup.names)
    stored = {symbol_of(name) for name in (await page.read(page.data.store.latest)).bars.symbols}
    collected = set() if watchlist is None else set(await page.read(watchlist.load))
    wanted = text.strip().upper()
    own = [
        names.get(symbol) or ListedSymbol(symbol)
        for symbol in sorted(stored | collected)
        if symbol.startswith(wanted) or (symbol in names and wanted in names[symbol].name.upper())
    ]
    found: Sequence[ListedSymbol] = ()
    trouble = None
    if lookup is not None and not page.searches.take():
        trouble = f"{lookup.venue} was searched often; it is asked again in a few seconds"
    elif lookup is not None:
        try:
            found = await page.ask(lambda: lookup.find(wanted))
        except FeedError as error:
            trouble = one_line(error)
    listed = {each.symbol: each for each in (*own, *found)} | {each.symbol: each for each in found}
    symbols = [
        {**asdict(each), "stored": each.symbol in stored, "collected": each.symbol in collected}
        for each in listed.values()
    ]
    venue = None if lookup is None else lookup.venue
    return json_answer({"symbols": symbols[:MOST_FOUND], "venue": venue, "trouble": trouble})


@routes.post(
    "/symbols", response_model_exclude_none=True, responses=problems(404, 409, 413), summary="Collect a symbol"
)  # fmt: skip
async def add(wish: Wish, page: CurrentPage) -> Collected:
    """Put the symbol on the list, once the venue was asked whether it has it; one that is on it stays where it is.

    404 names those that may have been meant. Where the venue cannot be asked, the symbol is added and a note says so.
    """
    symbol = checked(wish.symbol)
    if fault := collected_fault(symbol):
        raise InputError(fault)
    watchlist, lookup = _changeable(page.data.watchlist), page.data.lookup
    note = None
    if wish.check and lookup is not None and symbol not in await page.read(watchlist.load):
        try:
            await page.ask(lambda: lookup.check(symbol))
        except FeedError as error:
            collects = "" if page.data.feed() is not None else "; `tapeline run` collects it"
            note = f"{symbol} was added unchecked ({error.brief}){collects}"

    def added(kept: list[str]) -> list[str]:
        if symbol in kept:
            return kept
        if len(kept) >= MOST_SYMBOLS:
            raise NotPossibleError(f"{len(kept)} symbols are collected already; remove one first")
        return [*kept, symbol]

    return Collected(collected=await page.read(lambda: watchlist.change(added)), note=note)


@routes.delete(
    "/symbols/{symbol}", response_model_exclude_none=True, responses=problems(404, 409),
    summary="Stop collecting a symbol",
)  # fmt: skip
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
