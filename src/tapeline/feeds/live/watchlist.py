"""Which symbols to collect: a text file, one a line, that a running collector follows."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from tapeline.core.market import symbol_fault
from tapeline.errors import FeedError

_LOOK_SECONDS = 1.0


def symbols_of(text: str) -> list[str]:
    """The symbols in a text, separated by commas or blanks: in upper case, each once. Raises `FeedError`."""
    found = list(dict.fromkeys(part.upper() for part in re.split(r"[,\s]+", text) if part))
    for symbol in found:
        if fault := symbol_fault(symbol):
            raise FeedError(fault)
    return found


class Watchlist:
    """The list at this path. A missing file is an empty list; whoever saves replaces it whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> list[str]:
        """The symbols, in the order they were added. Raises `FeedError` for a file that is none."""
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise FeedError(f"{self.path}: cannot be read ({error})") from error
        try:
            return symbols_of(text)
        except FeedError as error:
            raise FeedError(f"{self.path}: {error}") from error

    def save(self, symbols: Iterable[str]) -> None:
        """Raises `FeedError` when it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".symbols", dir=self.path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write("".join(f"{symbol}\n" for symbol in symbols))
            os.replace(name, self.path)  # noqa: PTH105 - a reader sees the old list or the new one
        except OSError as error:
            raise FeedError(f"{self.path}: cannot be written ({error.strerror or error})") from error

    def follow(
        self, changed: Callable[[list[str]], None], stopping: threading.Event, notify: Callable[[str], None]
    ) -> threading.Thread:
        """Calls `changed` with the list whenever the file is another one, from a thread, until `stopping` is set."""
        thread = threading.Thread(target=self._follow, args=(changed, stopping, notify), name="watchlist", daemon=True)
        thread.start()
        return thread

    def _follow(
        self, changed: Callable[[list[str]], None], stopping: threading.Event, notify: Callable[[str], None]
    ) -> None:
        known, symbols = self._stamp(), None
        while not stopping.wait(_LOOK_SECONDS):
            stamp = self._stamp()
            if stamp == known:
                continue
            known = stamp
            try:
                now = self.load()
            except FeedError as error:
                notify(str(error))
                continue
            if now != symbols:
                symbols = now
                changed(now)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
