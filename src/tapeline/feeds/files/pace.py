"""Replay files as fast as the market made them, or a number of times faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from tapeline.core.messages import Delivery
from tapeline.core.times import MINUTE
from tapeline.feeds.files import FileSource

#: Longer times without a bar, such as the night, are not waited for ...
LONGEST_GAP = 5 * MINUTE  # ms of bar time
#: ... longer than this.
GAP_SECONDS = 1.0


class PacedSource:
    """Deliver a `FileSource` in bar time, `speed` times as fast as real time: at 60, one-minute bars come one a second.

    All bars of one time come together. Bars before `from_time` (UTC epoch ms) come at once. A consumer that is slower
    than that is not hurried afterwards. `clock` returns seconds; `wait` sleeps that long and returns whether to end.
    """

    def __init__(
        self,
        source: FileSource,
        speed: float,
        *,
        from_time: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"a speed of {speed}; it must be above 0")
        self.name = source.name
        self._source = source
        self._speed = speed
        self._from_time = -(2**62) if from_time is None else from_time
        self._closed = threading.Event()
        self._clock = clock
        self._wait = wait or self._closed.wait

    def deliveries(self, resume: str) -> Iterator[Delivery]:
        """Yield the source's deliveries after `resume`, each when its time has come."""
        due, before = 0.0, None
        for delivery in self._source.deliveries(resume, single_from=self._from_time):
            if len(delivery.bars) and (now := int(delivery.bars.timestamp[0])) >= self._from_time:
                if before is not None:
                    due += self._seconds(now - before)
                    late = self._clock() - due
                    if late > 0:
                        due += late
                    elif self._wait(min(-late, threading.TIMEOUT_MAX)):
                        return
                else:
                    due = self._clock()
                before = now
            if self._closed.is_set():
                return
            yield delivery

    def close(self) -> None:
        """End `deliveries` soon, from any thread, also while it waits."""
        self._closed.set()
        self._source.close()

    def _seconds(self, gap: int) -> float:
        seconds = gap / 1000 / self._speed
        return min(seconds, GAP_SECONDS) if gap > LONGEST_GAP else seconds
