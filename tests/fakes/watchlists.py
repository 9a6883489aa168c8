"""A watch-list in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class MemoryWatchlist:
    """The symbols to collect, in the order in which they were added."""

    def __init__(self, *symbols: str) -> None:
        self.symbols = list(symbols)

    def load(self) -> list[str]:
        return list(self.symbols)

    def change(self, change: Callable[[list[str]], Iterable[str]]) -> list[str]:
        self.symbols = list(change(self.load()))
        return self.load()
