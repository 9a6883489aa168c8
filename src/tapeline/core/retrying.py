"""Say how long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable


def backoff_seconds(
    attempt: int, first: float, longest: float, jitter: float = 0.5, chance: Callable[[], float] = random.random
) -> float:
    """Return how many seconds to wait before a repetition: `first` doubled `attempt` times, at most `longest`.

    `attempt` counts from 0, the first repetition. `jitter` is the share of the wait that is left to chance, so that
    clients which failed together do not come back together: with 0.5 the wait is between half and the whole of it, with
    1 anything from 0 up, which spreads many clients of one service best. `chance` returns a number in 0 <= x < 1.

    The answer is never above `longest` and never overflows, however many attempts there were.
    """
    wait = min(first * 2.0 ** min(attempt, 30), longest)
    return wait * (1.0 - jitter + jitter * chance())
