"""Keep which symbols to collect in a text file, one a line, that a running collector follows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tapeline.core.symbol_forms import canonical_symbol, collected_fault
from tapeline.errors import FeedError, StorageError
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import PRIVATE, changing

_LOOK_SECONDS = 1.0


def symbols_of(text: str) -> list[str]:
    """Return the symbols in a text, separated by commas or blanks, as they are kept, each once. Raise `FeedError`."""
    found = list(dict.fromkeys(canonical_symbol(part) for part in re.split(r"[,\s]+", text) if part))
    for symbol in found:
        if fault := collected_fault(symbol):
            raise FeedError(fault)
    return found


class Watchlist:
    """Read and write the list at `path`. A missing file is an empty list; saving replaces the file as a whole.

    Any number of processes and threads may change it: each change is made to what the one before it left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> list[str]:
        """Return the symbols in the order they were added. Raise `StorageError` for a file that is no such list."""
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            text = f"cannot be read ({error.strerror or error}); give it to the user that collects"
            raise StorageError(f"{self.path}: {text}") from error
        except UnicodeDecodeError as error:
            raise StorageError(f"{self.path}: cannot be read ({error})") from error
        try:
            return symbols_of(text)
        except FeedError as error:
            raise StorageError(f"{self.path}: {error}") from error

    def save(self, symbols: Iterable[str]) -> None:
        """Replace the list; a reader sees the old or the new one. Raise `StorageError` when it cannot be written."""
        with changing(self.path):
            self._write(symbols)

    def change(self, change: Callable[[list[str]], Iterable[str]]) -> list[str]:
        """Replace the list by what `change` makes of it, and return that. Nobody else changes it meanwhile.

        Raise `StorageError` when it cannot be read or written, and what `change` raises; then the list stays as it is.
        """
        with changing(self.path):
            before = self.load()
            after = list(change(list(before)))
            if after != before:
                self._write(after)
            return after

    def _write(self, symbols: Iterable[str]) -> None:
        write_atomically(self.path, "".join(f"{symbol}\n" for symbol in symbols).encode(), PRIVATE)

    def follow(
        self,
        known: Sequence[str],
        changed: Callable[[list[str]], None],
        stopping: threading.Event,
        notify: Callable[[str], None],
    ) -> threading.Thread:
        """Call `changed` with the list whenever it is another one, from a new thread, until `stopping` is set.

        `known` is the list as the caller has it: what changed since it was loaded, while a model was trained for
        minutes, counts too. A list that cannot be read is reported through `notify` and changes nothing.
        """
        arguments = list(known), changed, stopping, notify
        thread = threading.Thread(target=self._follow, args=arguments, name="watchlist", daemon=True)
        thread.start()
        return thread

    def _follow(
        self,
        symbols: list[str],
        changed: Callable[[list[str]], None],
        stopping: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        looked_at: tuple[int, int, int] | None = None
        while not stopping.wait(_LOOK_SECONDS):
            stamp = self._stamp()
            if stamp == looked_at:
                continue
            looked_at = stamp
            try:
                now = self.load()
            except StorageError as error:
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
