"""Test the names of intervals, and the times that people give."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tapeline.core.times import DAY, HOUR, MINUTE, MONTH, WEEK, epoch_ms, interval_name
from tapeline.errors import InputError

NOON = 1_767_355_200_000  # 2026-01-02 12:00 UTC


@pytest.mark.parametrize(
    ("interval", "name"),
    [
        (1, "1ms"), (1500, "1500ms"), (30_000, "30s"), (MINUTE, "1m"), (90 * MINUTE, "90m"), (4 * HOUR, "4h"),
        (DAY, "1d"), (3 * DAY, "3d"), (WEEK, "1w"), (30 * DAY, "30d"), (MONTH, "1mo"), (3 * MONTH, "3mo"),
    ],
)  # fmt: skip
def test_every_interval_has_a_short_name(interval: int, name: str) -> None:
    assert interval_name(interval) == name


@pytest.mark.parametrize(
    "value",
    [
        NOON, float(NOON), str(NOON), np.int64(NOON), "2026-01-02T12:00", "2026-01-02 12:00:00", "2026-01-02T12:00Z",
        "2026-01-02T07:00-05:00", datetime(2026, 1, 2, 12, tzinfo=UTC),
        datetime(2026, 1, 2, 14, tzinfo=timezone(timedelta(hours=2))), pd.Timestamp("2026-01-02 12:00"),
        pd.Timestamp("2026-01-02 07:00", tz="America/New_York"), np.datetime64("2026-01-02T12:00:00.000000000"),
    ],
)  # fmt: skip
def test_a_time_is_given_in_any_of_these_ways(value: Any) -> None:
    assert epoch_ms(value) == NOON


def test_a_date_is_its_midnight_in_utc() -> None:
    assert epoch_ms("2026-01-02") == epoch_ms(date(2026, 1, 2)) == NOON - 12 * HOUR
    assert epoch_ms("-1") == epoch_ms("1969-12-31T23:59:59.999") == -1


@pytest.mark.parametrize(
    "value", ["yesterday", "", "2026-13-01", None, [], "nan", float("inf"), pd.NaT, np.datetime64("NaT")]
)
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="is no time; write 2026-01-02"):
        epoch_ms(value)
