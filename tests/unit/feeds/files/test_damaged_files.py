"""Damaged files of every layout are read as far as they can be, or refused in a line."""

from __future__ import annotations

from tests.damaged_files import run


def test_damaged_files_are_read_or_refused_and_every_row_is_accounted_for() -> None:
    found = run(110, seed=1)
    assert found["refused"]
    assert found["read"]
