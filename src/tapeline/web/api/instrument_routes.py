"""Answer `/symbols/{symbol}/instrument`: what there is to know of an instrument beside its bars."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from tapeline.core.iso_text import timed
from tapeline.core.listed_symbols import ListedSymbol
from tapeline.core.series import symbol_of
from tapeline.web.api.formats import json_answer
from tapeline.web.api.health_routes import RejectAnswer, reject_answer
from tapeline.web.api.parameters import CurrentPage, Symbol, require_known
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.markets import next_session, zone_of
from tapeline.web.page import Page

#: Refused records that are looked through, the newest.
_LOOKED_AT = 1_000

#: Corporate actions and refused records in one answer, the newest.
_MOST_ACTIONS = 100
_MOST_REJECTS = 20

routes = api_router("symbols")


class ActionAnswer(BaseModel):
    """Hold a split (`value` new shares for one old) or a dividend (`value` in `currency` a share), `time` in ISO."""

    timestamp: int
    time: str
    kind: str
    value: float
    currency: str


class TradingSession(BaseModel):
    """Say when regular trading opens and closes, UTC epoch ms and ISO text; `half` marks an early close."""

    opens: int
    opens_time: str
    closes: int
    closes_time: str
    half: bool


class InstrumentAnswer(BaseModel):
    """Hold what is known of an instrument: its company and exchange as listed, its zone, and the next session.

    `session` is null where trading never ends. `actions` are the splits and dividends in the archived history, the
    newest first, and `rejects` the newest refused records that name the symbol.
    """

    symbol: str
    name: str
    exchange: str
    zone: str
    session: TradingSession | None
    actions: list[ActionAnswer]
    rejects: list[RejectAnswer]


@routes.get(
    "/symbols/{symbol}/instrument", response_model=InstrumentAnswer, responses=problems(404),
    summary="Company, next session, splits and dividends, refused records",
)  # fmt: skip
async def instrument(page: CurrentPage, symbol: Symbol) -> Response:
    """Answer for any symbol that is stored or collected."""
    await require_known(page, symbol)
    return json_answer(await page.read(lambda: _gathered(page, symbol_of(symbol))))


def _gathered(page: Page, symbol: str) -> dict[str, Any]:
    lookup = page.data.lookup
    listed = (lookup.names().get(symbol) if lookup is not None else None) or ListedSymbol(symbol)
    named = re.compile(rb"(?<![A-Za-z0-9])" + re.escape(symbol.encode()) + rb"(?![A-Za-z0-9])")
    refused = [each for each in page.data.rejects(_LOOKED_AT) if named.search(each.raw + b" " + each.place.encode())]
    actions = sorted(page.data.actions(symbol), key=lambda action: -action.timestamp)
    return {
        "symbol": symbol,
        "name": listed.name,
        "exchange": listed.exchange,
        "zone": zone_of(symbol),
        "session": next_session(symbol, page.broadcast.now()),
        "actions": timed([asdict(action) for action in actions[:_MOST_ACTIONS]]),
        "rejects": [reject_answer(each).model_dump() for each in refused[-_MOST_REJECTS:][::-1]],
    }
