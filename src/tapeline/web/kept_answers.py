"""Remember answers that take seconds to find, for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")

#: Seconds for which an answer is given again.
KEPT_SECONDS = 60.0

_MOST_KEPT = 32


class KeptAnswers(Generic[Value]):
    """Find an answer, or give the one that was found lately. Any thread may ask; one is answered at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Value]] = {}

    def get(self, question: Hashable, find: Callable[[], Value]) -> Value:
        """Return the answer to this question: what `find` returns, now or in the last minute."""
        with self._lock:
            at, answer = self._kept.get(question, (0.0, None))
            if answer is None or self._clock() - at > KEPT_SECONDS:
                answer = find()
                self._kept.pop(question, None)
                self._kept[question] = self._clock(), answer
                while len(self._kept) > _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
            return answer
