"""Notice when the machine's clock is set, and when it is not what the venue's clock is."""

from __future__ import annotations

from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.runtime.clock import Clock

#: How far the clock must jump between two looks, ms, to have been set. NTP slews it by half a millisecond a second.
STEP = 2000

#: How far it may be from the venue's, ms: an answer takes seconds.
OFF = MINUTE

_RECENTLY = 3600.0  # seconds for which a step is trouble: what was stamped or due in between may be wrong


class ClockWatch:
    """Compare the wall clock with monotonic time. A machine that slept looks like one whose clock was set ahead.

    `steps` counts how often the clock was set; `recent` says by how much it was last set, '' after an hour.
    """

    def __init__(self, clock: Clock) -> None:
        self.steps = 0
        self._clock = clock
        self._offset = self._difference()
        self._off = False
        self._set = ("", float("-inf"))  # by how much it was set last, and when (monotonic)

    @property
    def recent(self) -> str:
        """Return a line about the clock having been set within the last hour."""
        text, at = self._set
        return text if self._clock.monotonic() - at < _RECENTLY else ""

    def look(self) -> int:
        """Return by how many ms the clock was set since the last look (below 0: back), 0 when it was not."""
        offset = self._difference()
        step = 0 if offset is None or self._offset is None else round(offset - self._offset)
        self._offset = self._offset if offset is None else offset
        if abs(step) < STEP:
            return 0
        self.steps += 1
        self._set = step_text(step), self._clock.monotonic()
        return step

    def change(self, ahead: int) -> str:
        """Return a line when the clock begins to differ from the venue's, or agrees with it again; '' otherwise.

        `ahead` is how far the venue's clock is ahead of ours, ms.
        """
        off = abs(ahead) > OFF
        if off == self._off:
            return ""
        self._off = off
        return self.trouble(ahead) or "this machine's clock agrees with the venue's again"

    def trouble(self, ahead: int) -> str:
        """Return a line while the clocks differ, '' while they agree."""
        if abs(ahead) <= OFF:
            return ""
        direction = "behind" if ahead > 0 else "ahead of"
        return f"this machine's clock is {length_text(ahead)} {direction} the venue's: set it right"

    def _difference(self) -> float | None:
        """Return wall clock less monotonic time, ms; None when too much time passed between reading the two."""
        for _ in range(3):
            before = self._clock.monotonic()
            now = self._clock.now()
            after = self._clock.monotonic()
            if (after - before) * 1000 < STEP / 10:
                return now - after * 1000
        return None


def step_text(step: int) -> str:
    """Return a line about a clock that was set by `step` ms (below 0: back)."""
    direction = "ahead (or the machine slept)" if step > 0 else "back"
    return f"this machine's clock was set {length_text(step)} {direction}"


def length_text(ms: int) -> str:
    """Return a length of time for a person: `45 s`, `2 h 5 min`, `30 d 0 h`."""
    length = abs(ms)
    if length < MINUTE:
        return f"{length // 1000} s"
    if length < HOUR:
        return f"{length // MINUTE} min"
    if length < DAY:
        return f"{length // HOUR} h {length % HOUR // MINUTE} min"
    return f"{length // DAY} d {length % DAY // HOUR} h"
