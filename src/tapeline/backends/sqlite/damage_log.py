"""Remember what was found damaged in the SQLite file, and say each thing once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

#: Lines kept: a file that is damaged throughout need not be described row by row.
KEPT_LINES = 200

_HOW = "; `tapeline check` says what else is, `tapeline check --repair` repairs it"


class DamageLog:
    """Keep a line about each damaged thing. Any thread may use it."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, tuple[str, str]] = {}
        self._told: list[Callable[[str], None]] = []
        self._lock = threading.Lock()

    def tell(self, notify: Callable[[str], None]) -> None:
        """Give each new line to `notify` from here on."""
        self._told.append(notify)

    def note(self, key: Hashable, text: str, *, advice: bool = True) -> None:
        """Keep this line under `key`, unless there is one; with `advice` it ends with what to do."""
        with self._lock:
            if key in self._lines or len(self._lines) >= KEPT_LINES:
                return
            self._lines[key] = text, _HOW if advice else ""
        for notify in self._told:
            notify("".join(self._lines[key]))

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what was found so far, in the order in which it was found."""
        with self._lock:
            return tuple(map("".join, self._lines.values()))

    @property
    def plain(self) -> tuple[str, ...]:
        """Return the same lines without what to do."""
        with self._lock:
            return tuple(text for text, _ in self._lines.values())
