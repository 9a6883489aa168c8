"""What the watch-list says of a symbol's market."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from tapeline.web.markets import MarketHours, Markets, currency_of, trading_hours


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("symbol", "now", "phase", "until", "opens"),
    [
        ("AAPL", "2019-02-14T12:00", "pre", "2019-02-14T14:30", "2019-02-14T14:30"),
        ("AAPL", "2019-02-14T15:00", "open", "2019-02-14T21:00", "2019-02-15T14:30"),
        ("AAPL", "2019-02-15T22:00", "post", "2019-02-16T01:00", "2019-02-19T14:30"),  # Monday is Presidents' Day
        ("AAPL", "2019-02-17T12:00", "closed", "2019-02-19T09:00", "2019-02-19T14:30"),  # not the pre-market
        ("7203.T", "2019-02-14T03:00", "closed", "2019-02-14T03:30", "2019-02-14T03:30"),  # lunch
    ],
)
def test_a_market_has_an_end_of_its_phase_and_a_next_open(
    symbol: str, now: str, phase: str, until: str, opens: str
) -> None:
    found = Markets().of(symbol, ms(now))
    assert (found.phase, found.next, found.opens) == (phase, ms(until), ms(opens))
    assert (found.next_time, found.opens_time) == (f"{until}:00Z", f"{opens}:00Z")


def test_a_round_the_clock_market_never_opens() -> None:
    assert Markets().of("BTC-USD", 0) == MarketHours("continuous", None, None, "UTC")


@pytest.mark.parametrize(
    ("symbol", "currency"), [("BTC-USD", "USD"), ("USDJPY=X", "JPY"), ("BRK-B", ""), ("AAPL", ""), ("7203.T", "")]
)
def test_the_name_of_a_pair_gives_its_currency(symbol: str, currency: str) -> None:
    assert currency_of(symbol) == currency


def test_times_before_the_open_and_after_the_close_are_extended_hours() -> None:
    times = np.array(
        [ms(f"2019-02-15T{time}") for time in ("12:00", "14:29", "14:30", "20:59", "21:00", "23:00")], np.int64
    )
    assert trading_hours("AAPL", times).tolist() == [1, 1, 0, 0, 2, 2]
    assert trading_hours("AAPL@5m", times[2:4]).tolist() == [0, 0]
    assert trading_hours("BTC-USD", times).tolist() == [0] * 6
