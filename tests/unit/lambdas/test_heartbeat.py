"""Test the heartbeat: how old the newest row is in an open session, and when the endpoint is woken."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from tests.rows import random_rows

from tapeline.core.bars import Bars
from tapeline.core.market import Bar
from tapeline.core.rows import Rows
from tapeline.lambdas.heartbeat import Heartbeat

MINUTE = 60_000


def at(time: str) -> int:
    """Return UTC epoch ms."""
    return int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1000)


def newest(**times: str) -> Rows:
    bars = [Bar(symbol.replace("_", "."), at(time), 1.0, 1.0, 1.0, 1.0, 1.0) for symbol, time in times.items()]
    return random_rows(Bars.of(bars), ())


def beat(now: str, rows: Rows) -> tuple[float, int]:
    """Return the age, and how often the endpoint was woken."""
    woken: list[bool] = []
    return Heartbeat(lambda: rows, lambda: woken.append(True), lambda: at(now))(), len(woken)


# New York trades from 14:30 to 21:00 UTC in winter, Tokyo from 0:00 to 2:30 and from 3:30 to 6:30.
@pytest.mark.parametrize(
    ("now", "row", "seconds"),
    [
        ("2026-01-12T15:00:30", "2026-01-12T14:59:00", 90.0),
        ("2026-01-12T14:31:00", "2026-01-09T20:59:00", 60.0),  # the weekend does not count
        ("2026-01-12T15:30:00", "2026-01-12T15:00:00", 1800.0),
        ("2026-01-12T21:00:00", "2026-01-12T15:00:00", 0.0),  # closed
        ("2026-01-10T15:30:00", "2026-01-09T15:00:00", 0.0),  # Saturday
        ("2026-01-19T15:30:00", "2026-01-16T15:00:00", 0.0),  # a holiday
    ],
)
def test_only_the_time_of_an_open_session_counts(now: str, row: str, seconds: float) -> None:
    assert beat(now, newest(TSLA=row))[0] == seconds


@pytest.mark.parametrize(
    ("now", "seconds"),
    [("2026-01-13T02:31:00", 0.0), ("2026-01-13T03:29:00", 0.0), ("2026-01-13T03:31:00", 60.0)],
)
def test_a_lunch_break_does_not_count(now: str, seconds: float) -> None:
    assert beat(now, newest(**{"7203_T": "2026-01-13T02:29:00"}))[0] == seconds


def test_the_open_exchange_that_waits_longest_counts_and_the_newest_of_its_symbols() -> None:
    rows = newest(TSLA="2026-01-12T15:00:00", AAPL="2026-01-12T14:40:00", **{"BTC-USD": "2026-01-12T14:50:00"})
    assert beat("2026-01-12T15:01:00", rows)[0] == 660.0
    assert beat("2026-01-12T21:30:00", rows)[0] == 24_000.0


def test_without_a_row_there_is_nothing_to_wait_for() -> None:
    empty = newest(TSLA="2026-01-12T15:00:00")[np.zeros(1, bool)]
    assert beat("2026-01-12T15:30:00", empty) == (0.0, 0)


@pytest.mark.parametrize(
    ("now", "times"),
    [
        ("2026-01-12T14:24:00", 0), ("2026-01-12T14:25:00", 1), ("2026-01-12T14:29:00", 1), ("2026-01-12T14:30:00", 0),
        ("2026-01-10T14:27:00", 0),
    ],
)  # fmt: skip
def test_the_endpoint_is_woken_in_the_minutes_before_an_open(now: str, times: int) -> None:
    assert beat(now, newest(TSLA="2026-01-09T20:59:00"))[1] == times
