"""Allow something now and then: what any viewer may ask of others must not become too much for them."""

from __future__ import annotations

import time
from collections.abc import Callable


class Allowance:
    """Allow something `most` times at once, and `per_second` times in the long run. Called from one thread only."""

    def __init__(self, most: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._per_second = per_second
        self._clock = clock
        self._left = float(most)
        self._since = clock()

    def take(self) -> bool:
        """Return whether it may be done now; then that counts."""
        now = self._clock()
        self._left = min(self._left + (now - self._since) * self._per_second, self._most)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
