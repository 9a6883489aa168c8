"""Run blocking work beside the event loop: a few calls at a time, and none once the page is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

#: Two, so that a long read does not hold up a short one; more would only share the two cores and the disk.
_THREADS = 2


class ThreadRunner:
    """Run what blocks in threads of its own, so that closing can wait for exactly that work."""

    def __init__(self, threads: int = _THREADS, name: str = "page") -> None:
        self._pool = ThreadPoolExecutor(threads, name)

    async def call(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for work under way; work that has not begun is cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)
