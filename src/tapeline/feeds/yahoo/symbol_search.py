"""Search Yahoo's symbols by their beginning or by the name of a company, and decode the answer.

What comes is foreign: whatever it holds, the outcome is a list or a `FeedError`.
"""

from __future__ import annotations

from typing import Any, Protocol

from tapeline.core.foreign import Bounds, load_json
from tapeline.core.listed_symbols import ListedSymbol
from tapeline.core.symbol_forms import canonical_symbol, collected_fault
from tapeline.error_text import printable
from tapeline.errors import DecodeError, RateLimitedError, ServerError, UnusableAnswerError
from tapeline.feeds.yahoo.chart_intervals import VENUE
from tapeline.feeds.yahoo.transport import Answer

#: What an answer may have: ten entries take 6 KB.
BOUNDS = Bounds(size=256 << 10, depth=8, parts=2_000, values=20_000)

#: Entries asked for.
MOST_FOUND = 10

_LONGEST_NAME = 120


class SearchTransport(Protocol):
    """Send a search and a request for a chart; `YFinanceTransport` does."""

    def search(self, params: dict[str, str]) -> Answer: ...

    def get(self, symbol: str, params: dict[str, str]) -> Answer: ...


class YahooSearch:
    """Implement `SymbolSearch` over Yahoo's search endpoint."""

    venue = VENUE

    def __init__(self, transport: SearchTransport) -> None:
        self._transport = transport

    def find(self, text: str) -> tuple[ListedSymbol, ...]:
        params = {
            "q": text, "quotesCount": str(MOST_FOUND), "newsCount": "0", "listsCount": "0",
            "enableFuzzyQuery": "true", "quotesQueryId": "tss_match_phrase_query",
        }  # fmt: skip
        answer = self._transport.search(params)
        _raise_for(answer, "the search")
        return decode_search(answer.text)

    def lists(self, symbol: str) -> bool:
        """Return whether there is a chart under this symbol: the search does not find every one."""
        answer = self._transport.get(symbol, {"range": "5d", "interval": "1d"})
        if answer.status == 404:
            return False
        _raise_for(answer, symbol)
        return True


def decode_search(text: str) -> tuple[ListedSymbol, ...]:
    """Return the entries that can be collected. Raises `UnusableAnswerError` for what is no answer of the search."""
    try:
        document = load_json(text, BOUNDS)
    except DecodeError as error:
        raise UnusableAnswerError(f"Yahoo's search: the answer cannot be used: {error}") from error
    quotes = document.get("quotes") if isinstance(document, dict) else None
    if not isinstance(quotes, list):
        raise UnusableAnswerError("Yahoo's search: the answer has no quotes")
    found: dict[str, ListedSymbol] = {}
    for quote in quotes:
        symbol = quote.get("symbol") if isinstance(quote, dict) else None
        if not isinstance(symbol, str) or canonical_symbol(symbol) != symbol or collected_fault(symbol):
            continue
        name = _text(quote, "longname") or _text(quote, "shortname")
        kind = _text(quote, "typeDisp") or _text(quote, "quoteType")
        exchange = _text(quote, "exchDisp") or _text(quote, "exchange")
        found.setdefault(symbol, ListedSymbol(symbol, name, exchange, kind.lower()))
    return tuple(found.values())


def _text(quote: dict[str, Any], name: str) -> str:
    value = quote.get(name)
    return printable(" ".join(value.split()))[:_LONGEST_NAME] if isinstance(value, str) else ""


def _raise_for(answer: Answer, what: str) -> None:
    if answer.status == 429:
        raise RateLimitedError(VENUE, answer.retry_after)
    if answer.status != 200:
        raise ServerError(f"{what}: Yahoo answered with status {answer.status}: {answer.text[:60]!r}")
