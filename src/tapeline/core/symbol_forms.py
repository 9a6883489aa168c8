"""Know what the form of a symbol says: how it is spelt here, and whether its prices may be negative.

Every door at which symbols come in (files, frames, feeds, commands, the API, alert rules) spells them by this module.
"""

from __future__ import annotations

import difflib
import heapq
import itertools
import re
from collections.abc import Container, Sequence

from tapeline.core.series import split_series, symbol_of

#: Longest symbol accepted anywhere. Yahoo's longest (option contracts) have 21 characters.
MAX_SYMBOL_LENGTH = 32

#: How many symbols a wrong one is compared with, at most: of 20,000 that takes 4 ms in place of 67.
_COMPARED = 500

#: Yahoo's American treasury yields.
_YIELDS = frozenset({"^IRX", "^FVX", "^TNX", "^TYX"})

#: Exchanges of futures, as they stand before a symbol (`NYMEX:CL1!`).
FUTURES_EXCHANGES = ("CBOT", "CME", "CME_MINI", "COMEX", "NYMEX")

#: Yahoo's futures (`CL=F`), and TradingView's contracts that roll over (`CL1!`).
_FUTURE = re.compile(rf".+=F|({'|'.join(FUTURES_EXCHANGES)}):.+|[A-Z0-9]+[0-9]!", re.IGNORECASE)
_KEPT = re.compile(r"[A-Z0-9.^=-]+")  # as nearly all symbols are
_PREFERRED = re.compile(r"[A-Z]{1,5}p[A-Z]?")
_PAIR = re.compile(r"(?<=[A-Za-z0-9])/(?=[A-Za-z0-9])")


def is_future(symbol: str) -> bool:
    """Return whether this is a future, by its form."""
    return _FUTURE.fullmatch(symbol) is not None


def may_be_negative(symbol: str) -> bool:
    """Return whether prices of this instrument can be negative: those of futures (oil, 2020-04-20) and of yields.

    The name of a series stands for its symbol.
    """
    symbol = symbol_of(symbol)
    return is_future(symbol) or symbol in _YIELDS


def canonical_symbol(symbol: str) -> str:
    """Return a symbol as it is kept: upper case, and `-` for `/` (BTC/USDT is BTC-USDT).

    A preferred share that an exchange writes with a small p (`BACpL`) stays as it is, and so does the interval of a
    series (`TSLA@1d`).
    """
    if _KEPT.fullmatch(symbol):
        return symbol
    symbol = symbol.strip()
    base, interval = split_series(symbol)
    if interval is not None:
        return canonical_symbol(base) + symbol[len(base) :]
    if not _PREFERRED.fullmatch(symbol):
        symbol = symbol.upper()
    return _PAIR.sub("-", symbol)


def meant_symbol(symbol: str, stored: Container[str]) -> str:
    """Return the symbol that a person means: as written where that is stored, otherwise as symbols are kept.

    Data directories of earlier versions may have symbols in lower case.
    """
    return symbol if symbol in stored else canonical_symbol(symbol)


def nearest_symbol(symbol: str, known: Sequence[str]) -> str:
    """Return the symbol of these that may have been meant by one that is not among them, '' where none is near.

    Of many only `_COMPARED` are compared, as anybody may ask for wrong symbols of a server.
    """
    symbol = symbol.upper()
    near = difflib.get_close_matches(symbol, _alike(symbol, known), 5, cutoff=0.5)
    near.sort(key=lambda name: name[:1] != symbol[:1])  # a slip is seldom in the first letter
    return near[0] if near else ""


def _alike(symbol: str, known: Sequence[str]) -> list[str]:
    """Return those to compare: of the same first letter and about that length, or longer; then some of the others."""
    first, length, letters = symbol[:1], len(symbol), set(symbol)
    alike = [name for name in known if name[:1] == first and (abs(len(name) - length) <= 2 or name.startswith(symbol))]
    if len(alike) >= _COMPARED:
        return heapq.nlargest(_COMPARED, alike, key=lambda name: len(letters.intersection(name)))
    others = (name for name in known if name[:1] != first and abs(len(name) - length) <= 2)
    return [*alike, *itertools.islice(others, _COMPARED - len(alike))]


def collected_fault(symbol: str) -> str:
    """Why this text names nothing to collect ('' when it does): it is no symbol, or a series of one."""
    base = symbol_of(symbol)
    if base != symbol:
        return f"{symbol} is a series: name the symbol alone, {base}; --interval says the length of the bars"
    return symbol_fault(symbol)


def symbol_fault(symbol: str) -> str:
    """Why this text cannot be a symbol ('' when it can): printable, no spaces, at most 32 characters.

    Of the name of a series, its symbol is judged.
    """
    symbol = symbol_of(symbol)
    if not symbol:
        return "the symbol is empty"
    if len(symbol) > MAX_SYMBOL_LENGTH:
        return f"the symbol has {len(symbol)} characters, at most {MAX_SYMBOL_LENGTH} are allowed"
    if " " in symbol:
        return f"the symbol {symbol!r} has a blank, which no symbol may have here: write {symbol.replace(' ', '-')!r}"
    wrong = [char for char in symbol if not char.isprintable() or char in "\"'<>&\\/"]
    return f"the symbol {symbol!r} has the character {wrong[0]!r}, which no symbol may have here" if wrong else ""
