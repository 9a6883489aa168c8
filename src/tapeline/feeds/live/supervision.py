"""Survive errors that nobody foresaw: report them with kind and place, count them, and start what they ended again."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from tapeline.core.retrying import backoff_seconds
from tapeline.error_text import one_line
from tapeline.feeds.live.outbox import Outbox
from tapeline.runtime.clock import Clock

#: Seconds before a part that ended is started again, at first and at most.
_RESTART = 1.0
_LONGEST_RESTART = 300.0

_RECENTLY = 3600.0  # seconds for which an error is trouble
_MOST_REPORTED = 1000  # places; errors of more are only counted
_LISTED = 5


class Supervisor:
    """Keep the parts of a collector going for weeks. `unforeseen` counts errors by their kind."""

    def __init__(self, clock: Clock, outbox: Outbox) -> None:
        self.unforeseen: Counter[str] = Counter()
        self._clock = clock
        self._outbox = outbox
        self._latest = float("-inf")
        self._reported: set[str] = set()

    async def keep(self, part: str, job: Callable[[], Awaitable[None]]) -> None:
        """Run a part until cancelled: when it ends, start it again after a wait that grows."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                await job()
            except Exception as error:  # noqa: BLE001 - weeks of collecting must not end by what one message led to
                self.report(part, error)
            failures = 0 if self._clock.monotonic() - began > _LONGEST_RESTART else failures + 1
            await self._clock.sleep(backoff_seconds(failures, _RESTART, _LONGEST_RESTART))

    def report(self, where: str, error: Exception) -> str:
        """Count an error, and report it once for each place it comes from. Return the line about it."""
        kind = type(error).__name__
        self.unforeseen[kind] += 1
        self._latest = self._clock.monotonic()
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tapeline" in frame.filename]
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        line = f"{where}: unforeseen {kind}{place}: {one_line(error)}"
        key = f"{where} {kind}{place}"
        if key not in self._reported and len(self._reported) < _MOST_REPORTED:
            self._reported.add(key)
            self._outbox.note(notices=[f"{line}; trying again later (please report this line)"])
        return line

    def trouble(self) -> str:
        """Return a line about the errors so far, '' when there was none for an hour."""
        if self._clock.monotonic() - self._latest > _RECENTLY:
            return ""
        counts = self.unforeseen.copy()  # whose thread may count on meanwhile
        kinds = ", ".join(f"{kind} ({count})" for kind, count in counts.most_common(_LISTED))
        return f"unforeseen errors so far: {kinds}"
