"""Know what the form of a symbol says: how it is spelt here, and whether its prices may be negative."""

from __future__ import annotations

import re

#: Yahoo's American treasury yields.
_YIELDS = frozenset({"^IRX", "^FVX", "^TNX", "^TYX"})
_PREFERRED = re.compile(r"[A-Z]{1,5}p[A-Z]?")
_PAIR = re.compile(r"(?<=[A-Za-z0-9])/(?=[A-Za-z0-9])")


def may_be_negative(symbol: str) -> bool:
    """Return whether prices of this instrument can be negative: those of futures (oil, 2020-04-20) and of yields."""
    return symbol.endswith("=F") or symbol in _YIELDS


def canonical_symbol(symbol: str) -> str:
    """Return a symbol as it is kept: upper case, and `-` for `/` (BTC/USDT is BTC-USDT).

    A preferred share that an exchange writes with a small p (`BACpL`) stays as it is.
    """
    symbol = symbol.strip()
    if not _PREFERRED.fullmatch(symbol):
        symbol = symbol.upper()
    return _PAIR.sub("-", symbol)
