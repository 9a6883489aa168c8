"""Run blocking work beside the event loop: a few calls at a time, a bounded number waiting, none once it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from tapeline.errors import OverloadedError

T = TypeVar("T")

#: Two, so that a long read does not hold up a short one; more would only share the two cores and the disk.
_THREADS = 2

#: The most calls that wait for a thread. A page asks for six things at once, so this is some ten pages that open.
MOST_QUEUED = 64


class ThreadRunner:
    """Run what blocks in threads of its own, so that closing can wait for exactly that work.

    A caller that is cancelled takes its work with it, unless that has begun: what has no reader any more holds up
    nobody.
    """

    def __init__(self, threads: int = _THREADS, name: str = "page", most_queued: int = MOST_QUEUED) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._most = threads + most_queued
        self._unfinished: set[Future[Any]] = set()

    async def call(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises. Raises `OverloadedError` when too many calls wait."""
        if len(self._unfinished) >= self._most:
            raise OverloadedError("too many requests wait for an answer already; try again in a few seconds")
        future = self._pool.submit(work)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Wait for work under way; work that has not begun is cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)
