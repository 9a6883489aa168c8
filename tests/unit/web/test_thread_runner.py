"""Work in threads: how much may wait, and what happens to work whose caller is gone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tapeline.errors import OverloadedError
from tapeline.web.thread_runner import ThreadRunner


def test_a_call_that_would_wait_behind_too_many_is_refused_and_leaves_room_for_later_ones() -> None:
    async def play() -> None:
        runner, go_on = ThreadRunner(2, most_queued=3), threading.Event()
        calls = [asyncio.create_task(runner.call(go_on.wait)) for _ in range(5)]
        await asyncio.sleep(0.05)
        for _ in range(3):
            with pytest.raises(OverloadedError, match="too many requests wait"):
                await runner.call(go_on.wait)
        go_on.set()
        assert await asyncio.gather(*calls) == [True] * 5
        assert await runner.call(lambda: 7) == 7
        runner.close()

    asyncio.run(play())


def test_work_whose_caller_is_gone_is_not_begun() -> None:
    async def play() -> None:
        runner, go_on, begun = ThreadRunner(1, most_queued=3), threading.Event(), []
        first = asyncio.create_task(runner.call(go_on.wait))
        await asyncio.sleep(0.05)
        for _ in range(50):
            gone = [asyncio.create_task(runner.call(lambda: begun.append(1))) for _ in range(3)]
            await asyncio.sleep(0)
            for call in gone:
                call.cancel()
            assert await asyncio.gather(*gone, return_exceptions=True) != []
        last = asyncio.create_task(runner.call(lambda: 7))
        go_on.set()
        assert (await first, await last, begun) == (True, 7, [])
        runner.close()

    asyncio.run(play())


def test_work_that_raises_gives_its_place_back() -> None:
    def fail() -> None:
        raise ValueError("no")

    async def play() -> None:
        runner = ThreadRunner(1, most_queued=0)
        for _ in range(5):
            with pytest.raises(ValueError, match="no"):
                await runner.call(fail)
        runner.close()

    asyncio.run(play())
