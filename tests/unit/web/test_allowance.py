"""Test how often something is allowed."""

from __future__ import annotations

from tapeline.web.allowance import Allowance


def test_some_are_allowed_at_once_and_then_as_time_goes_by() -> None:
    now = [0.0]
    allowance = Allowance(3, 0.5, lambda: now[0])
    assert [allowance.take() for _ in range(5)] == [True] * 3 + [False] * 2
    now[0] = 2.0
    assert [allowance.take() for _ in range(2)] == [True, False]
    now[0] = 1e6
    assert [allowance.take() for _ in range(4)] == [True] * 3 + [False]
