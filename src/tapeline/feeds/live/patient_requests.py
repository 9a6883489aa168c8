"""Ask a venue within its limits, and repeat what a moment may cure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tapeline.core.retrying import backoff_seconds
from tapeline.errors import NoDataError, RateLimitedError, ServerError, UnreachableError, UnusableAnswerError
from tapeline.feeds.live.limits import Limits
from tapeline.runtime.clock import Clock

#: Attempts at one request, the first included.
ATTEMPTS = 6

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 60.0

_Answer = TypeVar("_Answer")


class PatientRequests:
    """Ask within `limits`. Use it from one event loop at a time.

    What a moment may cure (429, 5xx, cut answers, a lost network) is repeated. Only when the very first request cannot
    reach the venue is that reported at once: then the network is to blame, or a setting. An answer that came whole and
    cannot be used is repeated too, but does not open the breaker: it is about one symbol, and the others go on.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._reached = False

    async def ask(self, question: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Return the answer. Raise the last `FeedError` when all attempts failed."""
        for attempt in range(ATTEMPTS):
            await self.limits.admit()
            try:
                answer = await question()
            except RateLimitedError as error:
                self._reached = True
                self.limits.failed(refused=True, retry_after=error.retry_after)
                if attempt == ATTEMPTS - 1:
                    raise
            except NoDataError:
                self._reached = True
                self.limits.succeeded()
                raise
            except (ServerError, UnreachableError) as error:
                if isinstance(error, UnusableAnswerError):
                    self.limits.succeeded()
                else:
                    self.limits.failed()
                first_contact = isinstance(error, UnreachableError) and not self._reached
                if first_contact or attempt == ATTEMPTS - 1:
                    raise
                self._reached = self._reached or isinstance(error, ServerError)
                await self._clock.sleep(backoff_seconds(attempt, _FIRST_DELAY, _LONGEST_DELAY))
            except BaseException:
                self.limits.abandoned()
                raise
            else:
                self._reached = True
                self.limits.succeeded()
                return answer
        raise AssertionError("unreachable")
