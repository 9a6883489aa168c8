"""Provide clocks for tests: one that a test advances, one that sleeping advances, and one that is wrong."""

from __future__ import annotations

import asyncio
import threading


class SimClock:
    """Implement the `Clock` of a simulation: `advance` wakes sleepers of any event loop, from any thread."""

    def __init__(self, start: int) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._sleepers: set[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._now / 1000

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            entry = (self._now + max(int(seconds * 1000), 1), loop, future)
            self._sleepers.add(entry)
        try:
            await future
        finally:
            with self._lock:
                self._sleepers.discard(entry)

    def advance(self, to: int) -> None:
        with self._lock:
            self._now = max(to, self._now)
            woken = [entry for entry in self._sleepers if entry[0] <= self._now]
            self._sleepers.difference_update(woken)
        for _, loop, future in woken:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, future)


class Standing:
    """Implement a `Clock` that stands; sleeping advances it and lets others run. Setting `time` is a step of it."""

    def __init__(self, start: int) -> None:
        self.time = start
        self._passed = 0  # ms

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self._passed / 1000

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        passed = max(round(seconds * 1000), 1)
        self.time += passed
        self._passed += passed

    async def sleep(self, seconds: float) -> None:
        self.wait(seconds)
        await asyncio.sleep(0)

    @property
    def passed(self) -> float:
        """Return the seconds since the start."""
        return self.monotonic()


class SkewedClock:
    """Implement the clock of a machine, `offset` ms ahead of the true one."""

    def __init__(self, true: SimClock) -> None:
        self.offset = 0
        self._true = true

    def now(self) -> int:
        return self._true.now() + self.offset

    def monotonic(self) -> float:
        return self._true.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
