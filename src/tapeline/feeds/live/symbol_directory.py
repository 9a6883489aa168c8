"""Look symbols up at a venue: search by name, check one before it is collected, and keep what it is called."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tapeline.core.foreign import Bounds, load_json
from tapeline.core.listed_symbols import ListedSymbol, SymbolSearch, nearest
from tapeline.core.symbol_forms import collected_fault
from tapeline.errors import FeedError, InputError, NotFoundError, TapelineError
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import PRIVATE, make_private_folder

LISTINGS_FILE = "listings.json"

#: Seconds between two questions: people type faster than a venue likes to be asked, and the collector asks it too.
SPACING = 0.25

_MOST_REMEMBERED = 256
_SHORTEST = 2  # of the beginnings that are tried for a mistyped symbol
_BOUNDS = Bounds(size=4 << 20, parts=20_000)


class SymbolDirectory:
    """Answer what a venue lists, for any number of threads; one question is sent at a time.

    Answers are remembered, and names of symbols that were checked are kept in the file at `path`.
    """

    def __init__(
        self, search: SymbolSearch, path: Path, sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.venue = search.venue
        self._search = search
        self._path = path
        self._sleep = sleep
        self._clock = clock
        self._last = float("-inf")
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[ListedSymbol, ...]] = OrderedDict()

    def find(self, text: str) -> tuple[ListedSymbol, ...]:
        """Return what the venue finds for a text, best first. Raises `FeedError`."""
        wanted = " ".join(text.split()).upper()
        with self._lock:
            found = self._remembered.get(wanted)
            if found is None:
                self._wait()
                found = tuple(self._search.find(wanted))
                self._remembered[wanted] = found
                while len(self._remembered) > _MOST_REMEMBERED:
                    self._remembered.popitem(last=False)
            return found

    def check(self, symbol: str) -> ListedSymbol:
        """Return the symbol as the venue lists it, and keep its name.

        Raises `NotFoundError` for one that it does not have, with those that may have been meant, `InputError` for a
        text that is none, and `FeedError` where the venue cannot be asked.
        """
        if fault := collected_fault(symbol):
            raise InputError(fault)
        exact = [listed for listed in self.find(symbol) if listed.symbol == symbol]
        if not exact:
            with self._lock:
                self._wait()
                known = self._search.lists(symbol)
            if not known:
                raise NotFoundError(f"{self.venue} lists no {symbol}{self._guess(symbol)}")
        found = exact[0] if exact else ListedSymbol(symbol)
        self._keep(found)
        return found

    def names(self) -> dict[str, ListedSymbol]:
        """Return what is known of symbols that were checked; nothing where that cannot be read."""
        with contextlib.suppress(OSError, TapelineError, TypeError, AttributeError, ValueError):
            entries = load_json(self._path.read_bytes(), _BOUNDS)["symbols"]
            return {str(entry["symbol"]): ListedSymbol(**entry) for entry in entries}
        return {}

    def _guess(self, symbol: str) -> str:
        """Return the end of the line about a symbol that is not there: which ones are written nearly so."""
        with contextlib.suppress(FeedError):
            for end in (len(symbol), len(symbol) - 1, _SHORTEST, 1):
                if end > 0 and (near := nearest(symbol, self.find(symbol[:end]))):
                    shown = ", ".join(f"{each.symbol} ({each.name})" if each.name else each.symbol for each in near)
                    return f"; did you mean {shown}?"
        return ""

    def _keep(self, found: ListedSymbol) -> None:
        """Keep the name; where that is not possible it is looked up again another time."""
        known = self.names()
        if known.get(found.symbol) == found:
            return
        known[found.symbol] = found
        content = json.dumps({"symbols": [asdict(each) for each in known.values()]}, indent=1) + "\n"
        with contextlib.suppress(OSError, TapelineError):
            make_private_folder(self._path.parent)
            write_atomically(self._path, content.encode(), PRIVATE)

    def _wait(self) -> None:
        self._sleep(max(0.0, self._last + SPACING - self._clock()))
        self._last = self._clock()


def checked_symbols(
    directory: SymbolDirectory | None, symbols: Sequence[str], notify: Callable[[str], None]
) -> list[str]:
    """Return the symbols that may be collected: all, once the venue has been asked for each.

    Raises `NotFoundError` for one that the venue does not list. Where it cannot be asked, `notify` is given a line, and
    the symbol is taken as it is.
    """
    if directory is None:
        return list(symbols)
    for symbol in symbols:
        try:
            directory.check(symbol)
        except FeedError as error:
            notify(f"{symbol} was added unchecked ({error.brief})")
    return list(symbols)
