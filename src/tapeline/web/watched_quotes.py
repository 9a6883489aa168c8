"""The watch-list as pages show it: quotes with the state of their markets and their currencies, and what is new."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable
from typing import Any

from tapeline.runtime.clock import now_ms
from tapeline.web.markets import Markets, currency_of, zone_of
from tapeline.web.quote_table import Quote, QuoteTable
from tapeline.web.view import View

_BOARD_SECONDS = 0.25
_CURRENCIES_AT_ONCE = 20  # each may take the reading of a file
_CURRENCIES_SECONDS = 300.0  # after which those not found are looked for again


class WatchedQuotes:
    """What `refresh` read last; that raises what the store raises."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._board = QuoteTable(view.store, zone_of)
        self._markets = Markets()
        self._changed: dict[str, None] = {}  # symbols of which `news` has not told yet
        self._phases: dict[str, Any] = {}
        self._currencies: dict[str, str] = {}
        self._currencies_until = 0.0
        self._read_at = -math.inf

    @property
    def age(self) -> float:
        """Seconds since it was read; infinite before the first time."""
        return time.monotonic() - self._read_at

    @property
    def quotes(self) -> Collection[Quote]:
        """The quotes of all symbols."""
        return self._board.quotes.values()

    def as_json(self) -> list[dict[str, Any]]:
        """All of it for the browser."""
        return self._shown(self.quotes)

    def news(self) -> list[dict[str, Any]]:
        """What has changed since this was asked last, whoever called `refresh`."""
        changed = [self._board.quotes[symbol] for symbol in self._changed if symbol in self._board.quotes]
        self.seen()
        return self._shown(changed)

    def seen(self) -> None:
        """What has changed so far is no news any more."""
        self._changed.clear()

    def refresh(self) -> None:
        """Reads the store. A market that opened or closed changes its quotes, too."""
        self._changed.update(dict.fromkeys(quote.symbol for quote in self._board.refresh(_BOARD_SECONDS)))
        self._read_at = time.monotonic()
        now = self._now()
        if self._read_at >= self._currencies_until:  # the history that tells one may have come since
            self._currencies_until = self._read_at + _CURRENCIES_SECONDS
            self._currencies = {symbol: known for symbol, known in self._currencies.items() if known}
        unknown = [symbol for symbol in self._board.quotes if symbol not in self._currencies]
        for symbol in unknown[:_CURRENCIES_AT_ONCE]:
            self._currencies[symbol] = self._view.currency(symbol)
            if self._currencies[symbol]:
                self._changed[symbol] = None
        for symbol in self._board.quotes:
            phase = self._markets.of(symbol, now)
            if self._phases.get(symbol) != phase:
                self._phases[symbol] = phase
                self._changed[symbol] = None

    def _now(self) -> int:
        """The time that markets are judged by: in a replay, that of the newest bar."""
        if self._view.replay() is not None:
            return max((quote.timestamp for quote in self.quotes), default=0)
        return now_ms()

    def _shown(self, quotes: Iterable[Quote]) -> list[dict[str, Any]]:
        return [
            quote.as_json()
            | {
                "market": self._phases.get(quote.symbol),
                "currency": self._currencies.get(quote.symbol) or currency_of(quote.symbol) or None,
            }
            for quote in quotes
        ]
