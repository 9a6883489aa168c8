"""What every `Clock` promises, run against the machine's and those of the tests."""

from __future__ import annotations

import asyncio

import pytest

from tapeline.runtime.clock import Clock, SystemClock
from tests.conftest import START
from tests.local_yahoo.clock import SimClock, SkewedClock, Standing


class AdvancedClock(SimClock):
    """A simulated clock that whoever sleeps on it sets going, as the simulation does."""

    async def sleep(self, seconds: float) -> None:
        asyncio.get_running_loop().call_soon(self.advance, self.now() + max(int(seconds * 1000), 1))
        await super().sleep(seconds)


@pytest.fixture(params=["system", "standing", "simulated", "skewed"])
def clock(request: pytest.FixtureRequest) -> Clock:
    match request.param:
        case "system":
            return SystemClock()
        case "standing":
            return Standing(START)
        case "simulated":
            return AdvancedClock(START)
        case _:
            return SkewedClock(AdvancedClock(START))


def test_the_time_is_whole_milliseconds_since_the_epoch(clock: Clock) -> None:
    assert type(clock.now()) is int
    assert clock.now() >= START


@pytest.mark.parametrize("seconds", [0, 0.001, 0.02])
def test_sleeping_takes_its_time_and_lets_others_run(clock: Clock, seconds: float) -> None:
    ran: list[str] = []

    async def other() -> None:
        ran.append("other")

    async def sleep() -> int:
        before = clock.now()
        waiting = asyncio.create_task(other())
        await clock.sleep(seconds)
        await waiting
        return clock.now() - before

    passed = asyncio.run(sleep())
    assert ran == ["other"]
    if not isinstance(clock, SystemClock):  # the machine's time may be set while a test runs
        assert passed >= seconds * 1000
