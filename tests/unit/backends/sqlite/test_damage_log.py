"""What is remembered of a damaged file, by several threads at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from tapeline.backends.sqlite.damage_log import KEPT_LINES, DamageLog


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Let threads take turns so often that what one does between two steps of another is met."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless_threads")
def test_lines_can_be_read_while_others_are_noted() -> None:
    for _ in range(100):  # without the lock, one in ten fails
        log = DamageLog()

        def note(log: DamageLog = log) -> None:
            for number in range(KEPT_LINES):
                log.note(number, "a line")

        thread = threading.Thread(target=note)
        thread.start()
        while thread.is_alive():
            assert len(log.lines) <= KEPT_LINES
        thread.join()
        assert len(log.plain) == KEPT_LINES
