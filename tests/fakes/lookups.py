"""A venue that lists Tesla only, for what looks symbols up."""

from __future__ import annotations

from tapeline.core.listed_symbols import ListedSymbol
from tapeline.errors import NotFoundError, ServerError

TESLA = ListedSymbol("TSLA", "Tesla, Inc.", "NASDAQ", "equity")


class TeslaLookup:
    """Find Tesla, by symbol or name; nothing while `down`."""

    venue = "Venue"
    down = False

    def find(self, text: str) -> list[ListedSymbol]:
        if self.down:
            raise ServerError("Venue is down")
        return [TESLA] if text in "TSLA TESLA" else []

    def check(self, symbol: str) -> ListedSymbol:
        if not self.find(symbol):
            raise NotFoundError(f"Venue lists no {symbol}; did you mean TSLA?")
        return TESLA

    def names(self) -> dict[str, ListedSymbol]:
        return {"TSLA": TESLA}
