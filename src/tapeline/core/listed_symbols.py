"""Name what a venue lists, and find the symbol that somebody means.

A venue's own search is a port: `feeds/yahoo/symbol_search.py` asks Yahoo.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ListedSymbol:
    """Hold a symbol with the name of its company or instrument, its exchange, and its kind, such as `equity`.

    A text that the venue did not give is ''.
    """

    symbol: str
    name: str = ""
    exchange: str = ""
    kind: str = ""


class SymbolSearch(Protocol):
    """Search what a venue lists. Blocking; each call is one or two requests."""

    venue: str

    def find(self, text: str) -> Sequence[ListedSymbol]:
        """Return what the venue finds for a text, such as the beginning of a name, best first. Raises `FeedError`."""
        ...

    def lists(self, symbol: str) -> bool:
        """Return whether the venue has prices under exactly this symbol. Raises `FeedError`."""
        ...


def nearest(symbol: str, known: Iterable[ListedSymbol]) -> list[ListedSymbol]:
    """Return the three of these symbols, at most, that are written most like this one, the nearest first."""
    by_name = {listed.symbol: listed for listed in known}
    near = difflib.get_close_matches(symbol, by_name, 3, cutoff=0.5)
    near.sort(key=lambda name: name[:1] != symbol[:1])  # a slip is seldom in the first letter
    return [by_name[name] for name in near]
