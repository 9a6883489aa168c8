"""Slow down whoever guesses: count failed log-ins by address and name, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from tapeline.core.retrying import backoff_seconds
from tapeline.errors import TooManyAttemptsError

#: From this failure on, one has to wait.
FREE_ATTEMPTS = 4

#: The longest wait, and how long after it failures are remembered, seconds.
LONGEST_WAIT = 300.0

#: The most keys that are remembered of those who have to wait, and again of those who do not.
MOST_TRACKED = 10_000


class Attempts:
    """Count failures by key: an address, a name. Called from one thread only.

    Who has failed too often (the guilty) is kept apart from who has failed a little, so that no number of invented
    addresses makes a guilty one forgotten. When there are more of either than are kept, the innocent one that failed
    longest ago is forgotten, or the guilty one whose wait is over first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._innocent: dict[str, tuple[int, float]] = {}  # key -> failures, when it last failed; the oldest first
        self._guilty: dict[str, tuple[int, float]] = {}  # key -> failures, until when it has to wait

    def __len__(self) -> int:
        return len(self._innocent) + len(self._guilty)

    def check(self, *keys: str) -> None:
        """Raise `TooManyAttemptsError` while one of these has to wait."""
        now = self._clock()
        wait = max((self._guilty[key][1] - now for key in keys if key in self._guilty), default=0.0)
        if wait > 0:
            raise TooManyAttemptsError(wait)

    def failed(self, *keys: str) -> None:
        """Count a failure of these: from the fourth on, each doubles the time to wait, up to five minutes."""
        now = self._clock()
        for key in keys:
            count, until = self._guilty.pop(key, self._innocent.pop(key, (0, now)))
            count = 1 if now - until > LONGEST_WAIT else count + 1
            if count < FREE_ATTEMPTS:
                self._innocent[key] = count, now
                if len(self._innocent) > MOST_TRACKED:
                    del self._innocent[next(iter(self._innocent))]
            else:
                wait = backoff_seconds(count - FREE_ATTEMPTS, 1.0, LONGEST_WAIT, jitter=0.0)
                self._guilty[key] = count, now + wait
                if len(self._guilty) > MOST_TRACKED:
                    del self._guilty[min(self._guilty, key=lambda one: self._guilty[one][1])]

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of these."""
        for key in keys:
            self._guilty.pop(key, None)
            self._innocent.pop(key, None)
