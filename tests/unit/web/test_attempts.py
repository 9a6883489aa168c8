"""Failed log-ins: how long one has to wait, and who is forgotten when there are too many."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeline.errors import TooManyAttemptsError
from tapeline.web import attempts as module
from tapeline.web.attempts import FREE_ATTEMPTS, LONGEST_WAIT, Attempts


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait(attempts: Attempts, *keys: str) -> float:
    """Return how long one of these has to wait."""
    try:
        attempts.check(*keys)
    except TooManyAttemptsError as error:
        return error.seconds
    return 0.0


def test_waits_double_up_to_five_minutes_and_end_with_a_success() -> None:
    attempts = Attempts(Clock())
    waits = []
    for _ in range(16):
        attempts.failed("address x")
        waits.append(wait(attempts, "address x", "name y"))
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert wait(attempts, "address other") == 0
    attempts.succeeded("address x")
    assert wait(attempts, "address x") == 0
    assert len(attempts) == 0


def test_failures_are_forgotten_five_minutes_after_the_wait() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(FREE_ATTEMPTS):
        attempts.failed("address x")
    clock.now += 1 + LONGEST_WAIT + 1
    attempts.failed("address x")
    assert wait(attempts, "address x") == 0


def test_invented_addresses_clear_no_lock() -> None:
    attempts = Attempts(Clock())
    for _ in range(12):
        attempts.failed("address guilty", "name ann")
    for k in range(25_000):
        attempts.failed(f"address {k}")
    assert (wait(attempts, "address guilty"), wait(attempts, "name ann")) == (256, 256)
    assert len(attempts) <= 2 * module.MOST_TRACKED


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(0, 40)), max_size=400),
    st.integers(0, 10),
)
def test_the_table_is_bounded_and_the_guiltiest_is_never_forgotten(
    others: list[tuple[int, float]], failures: int
) -> None:
    """Whatever others do meanwhile: whoever has to wait longest waits to the end."""
    clock = Clock()
    attempts = Attempts(clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_TRACKED", 8)
        for _ in range(FREE_ATTEMPTS + 8):
            attempts.failed("guilty")
        until = clock.now + wait(attempts, "guilty")
        for number, seconds in others:
            clock.now += seconds / 400  # all of it is a fraction of the wait
            for _ in range(failures % 5):
                attempts.failed(f"other {number}")
            assert len(attempts) <= 2 * 8
            assert wait(attempts, "guilty") == pytest.approx(until - clock.now, abs=0.51)
