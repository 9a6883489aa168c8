"""Keep what is done for one call within the time that the caller gives it."""

from __future__ import annotations

import time
from collections.abc import Callable

from tapeline.errors import StorageError

#: Seconds that must be left after a pause: for the call that is repeated, and for the answer.
_AFTER_A_PAUSE = 2.0


class Deadline:
    """Say how many seconds are left, and refuse to sleep beyond them. Without a caller's word there is no end."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.left: Callable[[], float] = lambda: float("inf")
        self._sleep = sleep

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises `StorageError` when too little time would be left after it: what waits for it cannot be done.

        So a store that is refused again and again gives up in time for the caller to keep what was done before.
        """
        if self.left() - seconds < _AFTER_A_PAUSE:
            raise StorageError("no time is left to repeat what was refused; the records come again")
        self._sleep(seconds)
