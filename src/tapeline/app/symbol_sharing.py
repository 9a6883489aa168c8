"""Split the symbols over the collector tasks that are running, again whenever a task comes or is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from tapeline.errors import StorageError
from tapeline.runtime.symbol_shares import own_symbols


class Members(Protocol):
    """Know which tasks are running, this one included. Both methods raise `StorageError`."""

    task: str

    def beat(self) -> tuple[str, ...]:
        """Say that this task is alive, and return the names of all that are, sorted."""
        ...

    def leave(self) -> None:
        """Say that this task ends."""
        ...


class SymbolSharing:
    """Follow the running tasks in a thread of its own, from `start` to `close`.

    `changed` gets this task's symbols and the number of tasks whenever they are others. While the others cannot be
    asked about, this task keeps its symbols; one that never could ask collects all of them. `notify` gets lines for a
    person.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        members: Members,
        changed: Callable[[list[str], int], None],
        notify: Callable[[str], None],
    ) -> None:
        self.tasks: tuple[str, ...] = (members.task,)
        self._symbols = symbols
        self._members = members
        self._changed = changed
        self._notify = notify
        self._problem = ""
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, seconds: float) -> None:
        """Look now, and then again and again after these seconds."""
        self.look()
        self._thread = threading.Thread(target=self._run, args=(seconds,), name="sharing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, and let the other tasks know. A second call does nothing."""
        if self._thread is None:
            return
        self._closing.set()
        self._thread.join()
        self._thread = None
        try:
            self._members.leave()
        except StorageError as error:
            self._notify(f"{error}; the other tasks notice within a minute that this one ended")

    def look(self) -> None:
        """Ask once who is running, and hand over this task's symbols when the answer is another one."""
        try:
            tasks = self._members.beat()
        except StorageError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                self._notify(f"{error}; symbols stay split as they are until the other tasks can be asked about")
            return
        self._problem = ""
        if tasks != self.tasks:
            self.tasks = tasks
            own = own_symbols(self._symbols, tasks, self._members.task)
            self._notify(f"{len(tasks)} collector tasks are running; this one collects {len(own)} symbols")
            self._changed(own, len(tasks))

    def _run(self, seconds: float) -> None:
        while not self._closing.wait(seconds):
            self.look()
