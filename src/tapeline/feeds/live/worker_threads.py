"""Run what blocks in a thread, wait for it no longer than anything of its kind takes, and call a loop from a thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from tapeline.errors import FeedError

#: Far above what a request with its time-outs, a chart to decode or an archive to load takes, seconds.
LONGEST = 120.0

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


async def in_thread(
    pool: Executor | None, call: Callable[_Given, _Found], *args: _Given.args, **kwargs: _Given.kwargs
) -> _Found:
    """Return what `call` returns in a thread of `pool` (None: the event loop's own), or raise what it raises.

    Raise `FeedError` after `LONGEST` seconds. A thread that the machine gives no memory dies with its work and tells
    nobody, and a file system that hangs never answers: either would otherwise stop every symbol.
    """
    work = asyncio.get_running_loop().run_in_executor(pool, lambda: call(*args, **kwargs))
    try:
        return await asyncio.wait_for(work, LONGEST)
    except TimeoutError:
        if work.done() and not work.cancelled():
            raise  # of the call itself
        raise FeedError(
            f"a thread of this process has not answered for {LONGEST:g} s; is there enough memory, and does the "
            "file system of the data directory answer?"
        ) from None


def call_in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Have an event loop that runs in another thread call this soon; one that has ended, or ends just now, does not."""
    with contextlib.suppress(RuntimeError):  # asked first, it could still end before it is called
        loop.call_soon_threadsafe(call)
