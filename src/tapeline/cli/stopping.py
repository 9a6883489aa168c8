"""Stop every command alike: SIGTERM, which service managers send, as cleanly as Ctrl-C, and with a code that says how.

- A command that goes on until it is stopped has done what it was asked for: it exits with 0.
- One that was to come to an end and did not exits with 130 after Ctrl-C and with 143 after SIGTERM, as a shell has it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Commands that go on until they are stopped, or whose next run goes on where this one was.
UNTIL_STOPPED = frozenset({"demo", "replay", "run", "collect", "process", "collector", "dashboard"})


class Terminated(KeyboardInterrupt):
    """Stop the program as Ctrl-C does; raised where SIGTERM arrives."""


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Raise `Terminated` in the main thread when SIGTERM arrives in this block."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(command: str, interrupt: KeyboardInterrupt) -> int:
    """Return the code that a command exits with after this interrupt."""
    if command in UNTIL_STOPPED:
        return 0
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
