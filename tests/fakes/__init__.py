"""Stand-ins for what tapeline talks to. Each passes the contract suite of its port in `tests/contracts`.

A test that only needs *a* store, archive or model takes it from here; one that is about a backend takes the backend.
"""

from __future__ import annotations

from collections.abc import Callable


class CrashError(BaseException):
    """The process died here. Not an `Exception`, so that no error handling of the code under test can catch it."""


class Writes:
    """Let a process die between any two writes of a fake. `before_write` is called before each one, and may raise."""

    def __init__(self) -> None:
        self.before_write: Callable[[], None] = lambda: None

    def fail_after(self, writes: int) -> None:
        """Let the process die at the write after this many."""

        def count() -> None:
            nonlocal writes
            writes -= 1
            if writes < 0:
                raise CrashError

        self.before_write = count

    def heal(self) -> None:
        """Let every write succeed again."""
        self.before_write = lambda: None
