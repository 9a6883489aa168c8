"""Reads of the store beside the event loop: a few at a time, and none any more once the page is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

#: Two, so that a long read does not hold up a short one; more would only share the two cores and the disk.
_THREADS = 2


class ThreadRunner:
    """Runs what blocks in threads of its own."""

    def __init__(self, threads: int = _THREADS, name: str = "page") -> None:
        self._pool = ThreadPoolExecutor(threads, name)

    async def call(self, work: Callable[[], T]) -> T:
        """What `work` answers or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Waits for work under way; what waits is not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)
