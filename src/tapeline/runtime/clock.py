"""The time, as an argument: a test runs weeks of sessions in seconds by passing another clock.

What the time *is* and how much time *passes* are two questions. A machine's clock is set, by hand, by NTP or after a
sleep: whoever waits, or measures a wait, asks `monotonic`, and only what has to do with the market's hours asks `now`.
"""

from __future__ import annotations

import time
from typing import Protocol


def now_ms() -> int:
    """Return the machine's time, UTC epoch ms."""
    return time.time_ns() // 1_000_000


class Clock(Protocol):
    """Tell the time and wait."""

    def now(self) -> int:
        """Return the machine's time, UTC epoch ms. It may be set back or ahead at any moment."""
        ...

    def monotonic(self) -> float:
        """Return the seconds that have passed since some moment. They only grow, however the clock is set."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds of `monotonic`."""
        ...


class SystemClock:
    """Implement `Clock` with the machine's."""

    def now(self) -> int:
        return now_ms()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # takes 60 ms, and only what is live waits

        await asyncio.sleep(seconds)
