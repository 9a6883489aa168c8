"""Keep the watch-list as pages show it: quotes with their markets and currencies, and which of them changed."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection
from typing import Any

from tapeline.core.iso_text import iso_times
from tapeline.runtime.clock import now_ms
from tapeline.web.markets import MarketHours, Markets, currency_of, regular_hours, zone_of
from tapeline.web.page_data import PageData
from tapeline.web.quote_table import Quote, QuoteTable

_TABLE_SECONDS = 0.25
_CURRENCIES_AT_ONCE = 20  # each may need a file to be read
_CURRENCIES_SECONDS = 300.0  # after which those not found are looked for again
_FIELDS = tuple(field.name for field in dataclasses.fields(Quote))


class WatchedQuotes:
    """Hold what `refresh` read last, and which quotes changed since `changes` was last called.

    `refresh` blocks and raises what the store raises; everything else answers from memory.
    """

    def __init__(self, data: PageData) -> None:
        self._data = data
        self._table = QuoteTable(data.store, zone_of, hours_of=regular_hours)
        self._markets = Markets()
        self._changed: dict[str, None] = {}  # symbols that `changes` has not returned yet
        self._told: dict[str, Quote] = {}  # what pages know by it
        self._in_full: set[str] = set()  # symbols of which some page knows another quote
        self._hours: dict[str, MarketHours] = {}
        self._currencies: dict[str, str] = {}
        self._currencies_until = 0.0
        self._read_at = -math.inf

    @property
    def age(self) -> float:
        """Return the seconds since the last refresh; infinite before the first."""
        return time.monotonic() - self._read_at

    @property
    def quotes(self) -> Collection[Quote]:
        """Return the quotes of all symbols, without markets and currencies."""
        return self._table.quotes.values()

    def shown(self) -> list[Quote]:
        """Return the quotes of all symbols with their markets and currencies."""
        return self._complete(self.quotes)

    def changes(self) -> list[dict[str, Any]]:
        """Return the quotes that changed since the last call, whoever called `refresh` in between.

        Of a quote that pages know, only the symbol and the fields that changed: a page of 500 symbols would be sent
        200 KB a second otherwise.
        """
        changed = [self._table.quotes[symbol] for symbol in self._changed if symbol in self._table.quotes]
        found = []
        for quote in self._complete(changed):
            known = None if quote.symbol in self._in_full else self._told.get(quote.symbol)
            self._told[quote.symbol] = quote
            found.append(_difference(known, quote))
        self._changed.clear()
        self._in_full.clear()
        return [each for each in found if len(each) > 1]

    def first(self, *, alone: bool) -> list[Quote]:
        """Return the quotes of all symbols for a page that comes; `alone` where it is the only one."""
        shown = self.shown()
        if alone:
            self._told = {quote.symbol: quote for quote in shown}
            self._changed.clear()
            self._in_full.clear()
        else:
            self._in_full.update(self._changed)  # it knows them already, and the others do not
        return shown

    def refresh(self, seconds: float = _TABLE_SECONDS) -> bool:
        """Read the store, for at most about `seconds`; return whether all quotes are complete.

        A market that opens or closes changes its quotes too.
        """
        self._changed.update(dict.fromkeys(quote.symbol for quote in self._table.refresh(seconds)))
        self._read_at = time.monotonic()
        now = self.now()
        if self._read_at >= self._currencies_until:  # the history that names a currency may have come since
            self._currencies_until = self._read_at + _CURRENCIES_SECONDS
            self._currencies = {symbol: known for symbol, known in self._currencies.items() if known}
        unknown = [symbol for symbol in self._table.quotes if symbol not in self._currencies]
        for symbol in unknown[:_CURRENCIES_AT_ONCE]:
            self._currencies[symbol] = self._data.currency(symbol)
            if self._currencies[symbol]:
                self._changed[symbol] = None
        for symbol in self._table.quotes:
            hours = self._markets.of(symbol, now)
            if self._hours.get(symbol) != hours:
                self._hours[symbol] = hours
                self._changed[symbol] = None
        return self._table.complete

    def now(self) -> int:
        """Return the time that markets are judged by (UTC epoch ms): in a replay, that of the newest bar."""
        if self._data.replay() is not None:
            return max((quote.timestamp for quote in self.quotes), default=0)
        return now_ms()

    def _complete(self, quotes: Collection[Quote]) -> list[Quote]:
        times = {timestamp: iso_times([timestamp])[0] for timestamp in {quote.timestamp for quote in quotes}}
        return [
            dataclasses.replace(
                quote,
                time=times[quote.timestamp],
                market=self._hours.get(quote.symbol),
                currency=self._currencies.get(quote.symbol) or currency_of(quote.symbol) or None,
            )
            for quote in quotes
        ]


def _difference(before: Quote | None, after: Quote) -> dict[str, Any]:
    """Return the symbol and the fields that changed; all of them where nothing is known before."""
    found: dict[str, Any] = {"symbol": after.symbol}
    for name in _FIELDS:
        value = getattr(after, name)
        if before is None or getattr(before, name) != value:
            found[name] = value
    return found
