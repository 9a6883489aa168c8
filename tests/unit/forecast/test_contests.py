"""Attempts are remembered whole, and the contests of a year share one chance of error."""

from __future__ import annotations

import json

import pytest

from tapeline.core.times import DAY
from tapeline.forecast.contests import ERROR, Attempt, attempts_in, budget, content_of, error_of_attempt
from tapeline.forecast.estimates import Estimate

NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


def attempt(at: int, *, was_held: bool = True, gain: Estimate = NOTHING) -> Attempt:
    return Attempt.of(at, "one", "two", was_held=was_held, promotes=False, gain=gain)


def test_attempts_come_back_as_they_were() -> None:
    given = [attempt(1, was_held=False), attempt(2, gain=Estimate(0.5, -0.25, 1.25))]
    document = json.loads(content_of(given))
    assert attempts_in(document) == given
    assert given[0].gain is None
    for each in document["attempts"]:
        del each["gain"], each["low"], each["high"]  # as they were kept before gains were
    assert [each.at for each in attempts_in(document) or []] == [1, 2]
    assert attempts_in(document | {"format": 9}) is None
    document["attempts"][0]["at"] = "1"
    with pytest.raises(ValueError, match="type"):
        attempts_in(document)


def test_what_is_left_of_a_year_is_what_its_contests_have_not_spent() -> None:
    promoted = 10 * DAY
    made = [attempt(5 * DAY), attempt(20 * DAY), attempt(30 * DAY, was_held=False), attempt(40 * DAY)]
    rest = budget(made, promoted, 50 * DAY)
    assert rest.held == 2
    assert rest.left == pytest.approx(ERROR - error_of_attempt(1) - error_of_attempt(2))
    assert rest.next == error_of_attempt(3)
    assert budget(made, promoted, promoted + 366 * DAY).left == ERROR
