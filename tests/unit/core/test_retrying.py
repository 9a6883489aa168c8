"""How long to wait before something is tried again."""

from __future__ import annotations

from tapeline.core.retrying import backoff_seconds


def test_the_wait_doubles_from_the_first_to_the_longest_and_half_of_it_is_chance() -> None:
    assert [backoff_seconds(n, 1.0, 60.0, chance=lambda: 1.0) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [backoff_seconds(n, 1.0, 60.0, chance=lambda: 0.0) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff_seconds(10_000, 1.0, 60.0, chance=lambda: 1.0) == 60  # no overflow after weeks without network


def test_with_full_jitter_the_wait_may_be_nothing() -> None:
    assert backoff_seconds(3, 1.0, 60.0, 1.0, lambda: 0.0) == 0.0
    assert backoff_seconds(3, 1.0, 60.0, 1.0, lambda: 0.25) == 2.0
    assert backoff_seconds(3, 1.0, 60.0, 0.0, lambda: 0.25) == 8.0


def test_the_wait_differs_from_one_caller_to_the_next() -> None:
    assert len({backoff_seconds(3, 1.0, 60.0) for _ in range(20)}) > 10
