"""Limit how fast requests go: one token bucket for all of them, and a circuit breaker that waits out a refusal."""

from __future__ import annotations

import random
from collections.abc import Callable

from tapeline.core.retrying import backoff_seconds
from tapeline.runtime.clock import Clock

#: Requests a second in the long run, and how many may go at once after a pause.
PER_SECOND = 2.0
BURST = 8

#: Failures in a row, of whichever requests, that open the breaker. A 429 opens it at once.
FAILURES = 5

#: Seconds the breaker stays open at first, and at most.
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 900.0


class Limits:
    """Pace the requests of one venue. Call `admit` before each, then `succeeded`, `failed` or `abandoned`.

    While the breaker is open nothing is asked; when its pause is over, one request tries, and the others wait for its
    outcome. Each failure in a row doubles the pause. Time is monotonic here: a clock that is set changes no wait.
    Use it from one event loop.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        per_second: float = PER_SECOND,
        burst: int = BURST,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.per_second = per_second
        self._clock = clock
        self._burst = float(burst)
        self._chance = chance
        self._tokens = float(burst)
        self._filled = clock.monotonic()
        self._failures = 0
        self._pauses = 0
        self._open_until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Return whether the breaker is open: nothing is asked, or one request tries."""
        return self._open_until is not None

    @property
    def pause(self) -> float:
        """Return for how many seconds nothing will be asked; 0 when the pause is over, or the breaker is closed."""
        return 0.0 if self._open_until is None else max(self._open_until - self._clock.monotonic(), 0.0)

    async def admit(self) -> None:
        """Wait until a request may be made."""
        while (wait := self._wait()) > 0:
            await self._clock.sleep(wait)

    def _wait(self) -> float:
        now = self._clock.monotonic()
        if self._open_until is not None:
            if now < self._open_until:
                return max(self._open_until - now, 0.001)
            if self._trying:
                return 0.5
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self.per_second)
        self._filled = now
        if self._tokens < 1:
            return max((1 - self._tokens) / self.per_second, 0.001)
        self._tokens -= 1
        self._trying = self.is_open
        return 0.0

    def succeeded(self) -> None:
        """Note that a request was answered: close the breaker and forget the failures."""
        self._failures = self._pauses = 0
        self._open_until = None
        self._trying = False

    def failed(self, *, refused: bool = False, retry_after: float | None = None) -> None:
        """Note that a request failed; `refused` when it was for the rate, `retry_after` seconds as the answer asks."""
        self._failures += 1
        if self.pause and not self._trying:
            return  # one of several that were under way when the breaker opened
        if refused or self._trying or self._failures >= FAILURES:
            pause = backoff_seconds(self._pauses, FIRST_PAUSE, LONGEST_PAUSE, chance=self._chance)
            self._pauses += 1
            self._open_until = self._clock.monotonic() + max(pause, min(retry_after or 0.0, LONGEST_PAUSE))
            self._trying = False

    def abandoned(self) -> None:
        """Note that a request was given up unanswered, which says nothing about the venue; let another one try."""
        self._trying = False
