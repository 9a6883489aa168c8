"""What bars say of the market that they are from."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tapeline.core.market import Ints
from tapeline.core.sessions.evidence import around_the_clock, reads_as_local
from tapeline.core.sessions.exchanges import exchange_of, known_exchange
from tapeline.core.symbol_forms import canonical_symbol, may_be_negative
from tapeline.core.times import MINUTE


def times(*texts: str) -> Ints:
    return np.array([round(dt.datetime.fromisoformat(text + "+00:00").timestamp() * 1000) for text in texts], np.int64)


def test_a_weekend_with_both_its_days_proves_a_market_around_the_clock() -> None:
    stamps = times("2024-03-08", "2024-03-09", "2024-03-10", "2024-03-08", "2024-03-10", "1962-01-06", "1967-01-01")
    codes = np.array([0, 0, 0, 1, 1, 2, 2], np.int32)
    assert around_the_clock(stamps, codes, 4).tolist() == [True, False, False, False]
    assert around_the_clock(stamps[:0], codes[:0], 1).tolist() == [False]


@pytest.mark.parametrize(
    ("exchange", "first", "last", "zone"),
    [
        ("XNYS", "2024-07-02 09:30", "2024-07-02 15:59", "America/New_York"),
        ("XNYS", "2024-01-02 04:00", "2024-01-02 19:59", "America/New_York"),
        ("XNYS", "2024-07-02 13:30", "2024-07-02 19:59", ""),
        ("XNYS", "2024-01-02 09:00", "2024-01-03 00:59", ""),
        ("XLON", "2024-07-02 08:00", "2024-07-02 16:29", "Europe/London"),
        ("XLON", "2024-07-02 07:00", "2024-07-02 15:29", ""),
        ("XTKS", "2024-07-02 09:00", "2024-07-02 14:59", "Asia/Tokyo"),
    ],
)
def test_times_that_fit_an_exchanges_hours_as_local_ones_are_recognised(
    exchange: str, first: str, last: str, zone: str
) -> None:
    start, end = times(first, last)
    assert reads_as_local(exchange, np.arange(start, end + 1, MINUTE)) == zone


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [
        ("BTCUSDT", "24/7"), ("BTC-USD", "24/7"), ("BINANCE:BTCUSDT", "24/7"), ("ETHBTC", "24/7"), ("BTCUSD", "24/7"),
        ("BTCUSDT.P", "24/7"), ("SOL-USDT-SWAP", "24/7"), ("EURUSD", "24/5"), ("EUR-USD", "24/5"), ("EURUSD=X", "24/5"),
        ("XAUUSD", "24/5"), ("OANDA:EURUSD", "24/5"), ("LSE:VOD", "XLON"), ("NSE:INFY", "XBOM"), ("VOD.L", "XLON"),
        ("600519.SH", "XSHG"), ("600519.SS", "XSHG"), ("SH600519", "XSHG"), ("AAPL.US", "XNYS"),
        ("NASDAQ:AAPL", "XNYS"), ("CL=F", "CMES"), ("^FTSE", "XLON"),
        ("AAPL", None), ("GOOGLE", None), ("BRK.B", None), ("LINK", None),
    ],
)  # fmt: skip
def test_the_form_of_a_symbol_says_its_calendar(symbol: str, exchange: str | None) -> None:
    assert known_exchange(symbol) == exchange
    assert exchange_of(symbol.lower()) == (exchange or "XNYS")


def test_symbols_are_kept_in_one_spelling() -> None:
    spelt = {
        "aapl": "AAPL",
        " BTC/USDT ": "BTC-USDT",
        "BRK/B": "BRK-B",
        "BACpL": "BACpL",
        "brk b": "BRK B",
        "/ES": "/ES",
    }
    assert {text: canonical_symbol(text) for text in spelt} == spelt


def test_only_futures_and_yields_may_be_negative() -> None:
    assert [may_be_negative(symbol) for symbol in ("CL=F", "^IRX", "AAPL", "^GSPC")] == [True, True, False, False]
