"""Say how much of its time an invocation of a Lambda function has left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def seconds_left(context: Any) -> Callable[[], float]:
    """Return what says, whenever it is asked, how many seconds Lambda leaves; None has no end, as in a test."""
    if context is None:
        return lambda: float("inf")
    return lambda: context.get_remaining_time_in_millis() / 1000
