"""Measure how long deliveries take from their arrival to the commit of their rows: the newest, and all in steps."""

from __future__ import annotations

import bisect
import collections
import threading
import time
from dataclasses import dataclass

#: Upper ends of the histogram's steps, seconds. The last step has none.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_NEWEST = 1000


@dataclass(frozen=True, slots=True)
class LagHistogram:
    """Count deliveries since the start by how long they took: one count for each of `BOUNDS`, then that of the rest.

    A count is of its own step alone. `seconds` is the sum of all times.
    """

    counts: tuple[int, ...]
    seconds: float


class DeliveryLag:
    """Keep the times that deliveries took, from any thread: those of the newest 1,000, and a histogram of all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._position = 0
        self._under_way: collections.deque[tuple[int, float]] = collections.deque()  # a reader waits before it is long
        self._taken: collections.deque[float] = collections.deque(maxlen=_NEWEST)
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def appended(self, position: int, since: float) -> None:
        """Note that what is before this position arrived at `since` (monotonic seconds) and is in the stream now."""
        with self._lock:
            self._under_way.append((position, since))
            self._settle()

    def stored(self, position: int) -> None:
        """Note that what is before this position is in the store now."""
        with self._lock:
            self._position = position
            self._settle()

    def seconds(self) -> list[float]:
        """Return the newest times taken, the last one last."""
        with self._lock:
            return list(self._taken)

    def histogram(self) -> LagHistogram:
        """Return all times since the start, counted in steps."""
        with self._lock:
            return LagHistogram(tuple(self._counts), self._sum)

    def _settle(self) -> None:
        now = time.monotonic()
        while self._under_way and self._under_way[0][0] <= self._position:
            taken = now - self._under_way.popleft()[1]
            self._taken.append(taken)
            self._counts[bisect.bisect_left(BOUNDS, taken)] += 1
            self._sum += taken
