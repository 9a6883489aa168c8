"""A day is one bar, whichever of the usual times its source stamps it with."""

from __future__ import annotations

import numpy as np
import pytest

from tapeline.core.sessions.session_dates import AS_WRITTEN, session_dates


def ms(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[ms]").astype(np.int64)


@pytest.mark.parametrize(
    ("exchange", "stamps"),
    [
        # midnight UTC, that of New York in winter, its open, its close, and the end of after hours
        ("XNYS", ["2024-01-03T00", "2024-01-03T05", "2024-01-03T14:30", "2024-01-03T21", "2024-01-04T01"]),
        ("XTKS", ["2024-01-03T00", "2024-01-02T15", "2024-01-03T06"]),
        ("XASX", ["2024-01-03T00", "2024-01-02T13", "2024-01-02T23"]),
        # the evening before in New York and Chicago, their midnights, and London's in summer
        ("24/5", ["2024-07-03T00", "2024-07-02T21", "2024-07-02T23", "2024-07-03T04", "2024-07-03T20:59"]),
        ("CMES", ["2024-01-03T00", "2024-01-02T23", "2024-01-03T05", "2024-01-03T06", "2024-01-03T21:59"]),
        ("24/7", ["2024-01-03T00", "2024-01-02T15", "2024-01-02T22", "2024-01-03T05", "2024-01-03T08"]),
        (AS_WRITTEN, ["2024-01-03T00", "2024-01-03T16", "2024-01-03T23:59"]),
    ],
)
def test_a_day_has_the_date_of_its_exchange(exchange: str, stamps: list[str]) -> None:
    assert session_dates(ms(*stamps), exchange).tolist() == ms(stamps[0]).tolist() * len(stamps)


def test_dates_are_given_back_as_they_are() -> None:
    dates = ms("2024-01-03", "1962-01-02")
    assert session_dates(dates, "XNYS") is dates
