"""Which intervals and periods Yahoo's charts have, and how requests for them are cut."""

from __future__ import annotations

import numpy as np
import pytest

from tapeline.errors import FeedError
from tapeline.feeds.live.bar_intervals import period_ms
from tapeline.feeds.yahoo import INTERVALS

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
M1, D1 = INTERVALS["1m"], INTERVALS["1d"]


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


OPEN = ms("2026-11-25T14:30")  # a Wednesday, in New York

#: Days a request may cover and days it may go back, as Yahoo has them.
WINDOWS = {"1m": (7, 30), "60m": (730, 730), "1h": (730, 730)} | dict.fromkeys(
    ("2m", "5m", "15m", "30m", "90m"), (60, 60)
)


@pytest.mark.parametrize("name", WINDOWS)
def test_no_request_covers_more_or_goes_further_back_than_yahoo_allows(name: str) -> None:
    interval = INTERVALS[name]
    days, back = WINDOWS[name]
    oldest = interval.oldest(OPEN)
    assert 0 < oldest - (OPEN - back * DAY) <= HOUR  # a little off the edge, which moves on meanwhile
    windows = list(interval.windows(oldest, OPEN))
    assert len(windows) == -(-back // days)
    assert (windows[0][0], windows[-1][1]) == (oldest, OPEN)
    assert all(end - start <= days * DAY for start, end in windows)
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]


def test_one_request_covers_all_daily_bars() -> None:
    assert D1.oldest(OPEN) < 0
    assert list(D1.windows(ms("1962-01-02"), OPEN)) == [(ms("1962-01-02"), OPEN)]


def test_an_empty_period_needs_no_request() -> None:
    assert list(M1.windows(OPEN, OPEN)) == []
    assert list(M1.windows(OPEN + 1, OPEN)) == []


def test_all_intervals_are_offered_and_half_hours_are_made_of_quarters() -> None:
    assert set(INTERVALS) == {*WINDOWS, "1d"}
    assert {name: i.requested for name, i in INTERVALS.items() if i.requested != name} == {"30m": "15m"}


@pytest.mark.parametrize(
    ("text", "length"),
    [("12h", 12 * HOUR), ("30d", 30 * DAY), ("8wk", 56 * DAY), ("6mo", 180 * DAY), ("2y", 730 * DAY)],
)
def test_a_period_is_a_number_and_a_unit(text: str, length: int) -> None:
    assert period_ms(text, M1) == length


def test_max_is_as_far_back_as_yahoo_goes() -> None:
    assert period_ms("max", M1) == 30 * DAY
    assert period_ms("max", D1) == period_ms("100y", D1) == period_ms("999999999999y", D1)


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "00y", "-1d", "1.5d", "30 d", "30D", "1m", "1d1h", "d30", "MAX"])
def test_a_malformed_period_is_refused_with_examples(text: str) -> None:
    with pytest.raises(FeedError, match=r"is no period; write 12h, 30d") as found:
        period_ms(text, M1)
    assert repr(text) in str(found.value)
