"""The time, as an argument: a test runs weeks of sessions in seconds by passing another clock."""

from __future__ import annotations

import time
from typing import Protocol


def now_ms() -> int:
    """Return the machine's time, UTC epoch ms."""
    return time.time_ns() // 1_000_000


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> int:
        """UTC epoch ms."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return now_ms()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # takes 60 ms, and only what is live waits

        await asyncio.sleep(seconds)
