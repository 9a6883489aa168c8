"""How fast requests go, and when none goes at all."""

from __future__ import annotations

import asyncio

import pytest
from tests.local_yahoo.clock import Standing

from tapeline.core.times import DAY, HOUR
from tapeline.feeds.live.limits import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Limits

START = 1_700_000_000_000


@pytest.fixture
def clock() -> Standing:
    return Standing(START)


def limits(clock: Standing, *, chance: float = 1.0, burst: int = 1000) -> Limits:
    return Limits(clock, per_second=2.0, burst=burst, chance=lambda: chance)


def admit(limits: Limits, count: int = 1) -> None:
    async def each() -> None:
        for _ in range(count):
            await limits.admit()

    asyncio.run(each())


# -- the bucket --------------------------------------------------------------------------------------------------------


def test_a_burst_goes_at_once_and_the_rest_at_the_rate(clock: Standing) -> None:
    bucket = limits(clock, burst=8)
    admit(bucket, 8)
    assert clock.passed == 0
    admit(bucket, 10)
    assert clock.passed == pytest.approx(5.0, abs=0.02)  # ten at two a second


def test_no_more_than_a_burst_is_saved_up_in_a_pause(clock: Standing) -> None:
    bucket = limits(clock, burst=8)
    admit(bucket, 8)
    clock.wait(3600)
    admit(bucket, 8)
    assert clock.passed == 3600
    admit(bucket)
    assert clock.passed == pytest.approx(3600.5, abs=0.01)


def test_all_requests_share_one_bucket(clock: Standing) -> None:
    bucket = limits(clock, burst=8)

    async def together() -> None:
        await asyncio.gather(*(bucket.admit() for _ in range(28)))

    asyncio.run(together())
    assert clock.passed >= 10.0


@pytest.mark.parametrize("step", [-30 * DAY, -2 * HOUR, 2 * HOUR, 30 * DAY])
def test_a_clock_that_is_set_neither_blocks_nor_fills_the_bucket(clock: Standing, step: int) -> None:
    bucket = limits(clock, burst=2)
    admit(bucket, 2)
    clock.time += step
    admit(bucket)
    assert clock.passed == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("step", [-30 * DAY, -2 * HOUR, 2 * HOUR, 30 * DAY])
@pytest.mark.parametrize("set_back_after_the_429", [True, False])
def test_a_clock_that_is_set_changes_no_pause(clock: Standing, step: int, *, set_back_after_the_429: bool) -> None:
    breaker = limits(clock)
    if set_back_after_the_429:
        clock.time += step
    breaker.failed(refused=True)
    clock.time += -step if set_back_after_the_429 else step
    assert breaker.pause == FIRST_PAUSE
    admit(breaker)
    assert clock.passed == FIRST_PAUSE


# -- the breaker -------------------------------------------------------------------------------------------------------


def test_a_429_opens_the_breaker_at_once(clock: Standing) -> None:
    breaker = limits(clock)
    admit(breaker)
    breaker.failed(refused=True)
    assert breaker.pause == FIRST_PAUSE
    admit(breaker)
    assert clock.passed == FIRST_PAUSE


def test_five_failures_in_a_row_open_the_breaker_and_four_do_not(clock: Standing) -> None:
    breaker = limits(clock)
    for _ in range(FAILURES - 1):
        admit(breaker)
        breaker.failed()
    assert not breaker.is_open
    admit(breaker)
    breaker.failed()
    assert FAILURES == 5
    assert breaker.pause == FIRST_PAUSE


def test_a_success_between_failures_begins_the_count_anew(clock: Standing) -> None:
    breaker = limits(clock)
    for _ in range(FAILURES - 1):
        breaker.failed()
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert not breaker.is_open


def test_failures_of_requests_under_way_do_not_prolong_the_pause(clock: Standing) -> None:
    breaker = limits(clock)
    admit(breaker, 4)
    breaker.failed(refused=True)
    clock.wait(1)
    for _ in range(3):
        breaker.failed(refused=True, retry_after=600.0)
    assert breaker.pause == FIRST_PAUSE - 1


@pytest.mark.parametrize("worked", [True, False])
def test_after_the_pause_one_request_tries_and_the_others_wait_for_it(clock: Standing, *, worked: bool) -> None:
    breaker = limits(clock)
    breaker.failed(refused=True)
    admitted: list[int] = []

    async def request(name: int) -> None:
        await breaker.admit()
        admitted.append(name)

    async def scene() -> None:
        tasks = [asyncio.create_task(request(name)) for name in range(4)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(admitted) == 1
        assert clock.passed > FIRST_PAUSE  # they were not held up by the pause any more
        if not worked:
            breaker.failed()
            assert breaker.pause == 2 * FIRST_PAUSE  # by one failure, and for twice as long
            while len(admitted) < 2:
                await asyncio.sleep(0)
            assert breaker.pause == 0
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(admitted) == 2
        breaker.succeeded()
        await asyncio.gather(*tasks)

    asyncio.run(scene())
    assert len(admitted) == 4
    assert not breaker.is_open


def test_every_failed_trial_doubles_the_pause_up_to_the_longest(clock: Standing) -> None:
    breaker = limits(clock)
    admit(breaker)
    breaker.failed(refused=True)
    pauses = [breaker.pause]
    for _ in range(9):
        admit(breaker)
        breaker.failed()
        pauses.append(breaker.pause)
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert LONGEST_PAUSE == 900


def test_a_success_closes_the_breaker_and_the_next_pause_is_short_again(clock: Standing) -> None:
    breaker = limits(clock)
    for _ in range(3):
        admit(breaker)
        breaker.failed(refused=True)
    admit(breaker)
    breaker.succeeded()
    before = clock.now()
    admit(breaker, 5)  # all of them, not one
    assert clock.now() == before
    breaker.failed(refused=True)
    assert breaker.pause == FIRST_PAUSE


def test_retry_after_is_honoured_where_it_is_longer_than_the_pause(clock: Standing) -> None:
    breaker = limits(clock)
    breaker.failed(refused=True, retry_after=120.0)
    assert breaker.pause == 120
    admit(breaker)
    breaker.failed(refused=True, retry_after=1.0)
    assert breaker.pause == 2 * FIRST_PAUSE


@pytest.mark.parametrize("asked", [1e9, float("inf")])
def test_retry_after_is_capped(clock: Standing, asked: float) -> None:
    breaker = limits(clock)
    breaker.failed(refused=True, retry_after=asked)
    assert breaker.pause == LONGEST_PAUSE


@pytest.mark.parametrize("asked", [0.0, -5.0, float("nan")])
def test_a_retry_after_of_zero_leaves_the_pause_as_it_is(clock: Standing, asked: float) -> None:
    breaker = limits(clock)
    breaker.failed(refused=True, retry_after=asked)
    assert breaker.pause == FIRST_PAUSE


def test_a_trial_that_is_abandoned_lets_another_one_try_and_opens_nothing(clock: Standing) -> None:
    breaker = limits(clock)
    breaker.failed(refused=True)
    admit(breaker)
    breaker.abandoned()
    before = clock.now()
    admit(breaker)
    assert clock.now() == before
    assert breaker.is_open
    breaker.failed()
    assert breaker.pause == 2 * FIRST_PAUSE


# -- the pauses --------------------------------------------------------------------------------------------------------


def test_the_pause_is_jittered_between_half_and_all_of_it(clock: Standing) -> None:
    for chance, seconds in ((0.0, 2.5), (0.5, 3.75), (1.0, 5.0)):
        breaker = limits(clock, chance=chance)
        breaker.failed(refused=True)
        assert breaker.pause == seconds
