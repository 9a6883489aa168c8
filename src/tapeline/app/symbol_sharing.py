"""Split the symbols over the collector tasks that are running, again whenever a task comes or is lost.

A symbol changes hands without a pause: who has it gives it up when the other one sends, and a task that has just
started says so first. Starting and asking for history takes minutes where there are many symbols.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from tapeline.error_text import counted
from tapeline.errors import StorageError, line_with_kind
from tapeline.runtime.symbol_shares import owners


class Members(Protocol):
    """Know which tasks are running, this one included. Both methods raise `StorageError`."""

    task: str

    def beat(self, *, sends: bool) -> dict[str, bool]:
        """Say that this task is alive, and whether it sends. Return the same of all that are alive, by name."""
        ...

    def leave(self) -> None:
        """Say that this task ends."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """Hold the symbols that this task, of `tasks`, collects; `continued` are those that a lost one may have had."""

    symbols: tuple[str, ...]
    tasks: int
    continued: frozenset[str] = frozenset()


class SymbolSharing:
    """Follow the running tasks in a thread of its own, from `start` to `close`.

    `changed` gets this task's share whenever it is another one. `settled` returns the symbols whose bars this task
    sends: it keeps them until the task that they belong to sends too, and sends itself once it has settled its own.
    While the others cannot be asked about, this task keeps its symbols; one that never could ask collects all of them.
    `notify` gets lines for a person.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        members: Members,
        changed: Callable[[Share], None],
        settled: Callable[[], Collection[str]],
        notify: Callable[[str], None],
    ) -> None:
        self._share = Share(tuple(symbols), 1)
        self._symbols = symbols
        self._tasks = {members.task: False}
        self._owners = dict.fromkeys(symbols, members.task)
        self._own = set(symbols)
        self._sends = False
        self._members = members
        self._changed = changed
        self._settled = settled
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
        """Ask once who is running, and hand over this task's share when the answer makes it another one."""
        settled = set(self._settled())
        self._sends = self._sends or self._own <= settled
        try:
            tasks = self._members.beat(sends=self._sends)
        except StorageError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                self._notify(f"{error}; symbols stay split as they are until the other tasks can be asked about")
            return
        self._problem = ""
        lost = [task for task, sent in self._tasks.items() if sent and task not in tasks]
        if tasks.keys() != self._tasks.keys():
            self._owners = owners(self._symbols, tasks)
            self._own = {symbol for symbol, task in self._owners.items() if task == self._members.task}
            running = f"{counted(len(tasks), 'collector task')} {'is' if len(tasks) == 1 else 'are'} running"
            self._notify(f"{running}; this one collects {counted(len(self._own), 'symbol')}")
        self._tasks = tasks
        had = settled.intersection(self._share.symbols)
        kept = {symbol for symbol in had if not tasks[self._owners[symbol]]}
        symbols = tuple(symbol for symbol in self._symbols if symbol in self._own or symbol in kept)
        if lost or (symbols, len(tasks)) != (self._share.symbols, self._share.tasks):
            self._share = Share(symbols, len(tasks), frozenset(symbols) - settled if lost else frozenset())
            self._changed(self._share)

    def _run(self, seconds: float) -> None:
        while not self._closing.wait(seconds):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a task that looks no more would seem lost to the others
                self._notify(f"the symbols are not split again: {line_with_kind(error)}")
