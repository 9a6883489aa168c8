"""A few hundred values for every parser of foreign bytes; `tests/fuzz.py` tries as many as an hour allows."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from tests.fuzz_targets import TARGETS
from tests.fuzz_values import Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_foreign_bytes_lead_to_nothing_that_is_not_meant(target: Target) -> None:
    for value in target.harmful():
        target.run(value)

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(target.values)
    def check(value: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # arithmetic on absurd numbers; what comes out is checked
            target.run(value)

    check()
