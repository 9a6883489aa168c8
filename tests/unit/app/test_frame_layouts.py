"""Frames as people have them: index levels, columns of two levels, series, repeated rows, and what is left open."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tapeline
from tapeline.app.frames import REPEATED, why_absent
from tapeline.errors import InputError

DAYS = pd.date_range("2024-03-04", periods=4)
CLOSES = {"AAA": [11.0, 12.0, 13.0, 14.0], "BBB": [512.0, 511.0, 510.0, 509.0]}


def long_frame() -> pd.DataFrame:
    return pd.DataFrame(
        [(symbol, day, close) for symbol, closes in CLOSES.items() for day, close in zip(DAYS, closes, strict=True)],
        columns=["symbol", "timestamp", "close"],
    )


EXPECTED = [np.nan, 11.5, 12.5, 13.5, np.nan, 511.5, 510.5, 509.5]


@pytest.mark.parametrize("names", [("symbol", "timestamp"), ("instrument", "date"), (None, None), ("ticker", None)])
def test_symbols_in_a_level_of_the_index_are_told_apart(names: tuple[str | None, str | None]) -> None:
    frame = long_frame().set_index(["symbol", "timestamp"])
    frame.index.names = names
    found = tapeline.analyse(frame, "sma_2")
    np.testing.assert_array_equal(found["sma_2"].to_numpy(), EXPECTED)
    assert found.index.equals(frame.index)
    turned = tapeline.analyse(frame.swaplevel().sort_index(), "sma_2").swaplevel().sort_index()
    np.testing.assert_array_equal(turned["sma_2"].to_numpy(), EXPECTED)


@pytest.mark.parametrize("level", [0, 1])
def test_columns_of_two_levels_are_a_frame_of_each_ticker(level: int) -> None:
    pairs = {("Close", ticker): closes for ticker, closes in CLOSES.items()}
    frame = pd.DataFrame(pairs, index=DAYS)
    frame.columns.names = ["Price", "Ticker"]
    frame = frame if level else frame.swaplevel(axis=1)
    found = tapeline.analyse(frame, ["sma_2"])
    assert found.columns.names == frame.columns.names
    for ticker, expected in (("AAA", EXPECTED[:4]), ("BBB", EXPECTED[4:])):
        column = found["sma_2", ticker] if level else found[ticker, "sma_2"]
        np.testing.assert_array_equal(column.to_numpy(), expected)


def test_a_series_is_a_close() -> None:
    found = tapeline.analyse(pd.Series(CLOSES["AAA"], DAYS, name="whatever"), "sma_2")
    assert list(found.columns) == ["close", "sma_2"]
    np.testing.assert_array_equal(found["sma_2"].to_numpy(), EXPECTED[:4])
    assert tapeline.analyse(pl.Series("x", CLOSES["AAA"]), "sma_2")["sma_2"].to_list() == [None, 11.5, 12.5, 13.5]


@pytest.mark.parametrize("text", ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d-%b-%Y"])
def test_texts_in_the_index_are_times_and_newest_first_is_turned(text: str) -> None:
    frame = pd.DataFrame({"close": CLOSES["AAA"]}, index=DAYS.strftime(text).astype(object))
    found = tapeline.analyse(frame[::-1], "sma_2")
    np.testing.assert_array_equal(found["sma_2"].to_numpy()[::-1], EXPECTED[:4])


@pytest.mark.parametrize("name", ["Open time", "window_start", "Datetime", "trade_date"])
def test_times_are_found_under_the_names_of_vendors(name: str) -> None:
    frame = pd.DataFrame({name: DAYS, "Close": CLOSES["AAA"]})[::-1]
    np.testing.assert_array_equal(tapeline.analyse(frame, "sma_2")["sma_2"].to_numpy()[::-1], EXPECTED[:4])


def test_the_last_complete_one_of_repeated_rows_counts() -> None:
    frame = pd.DataFrame({
        "timestamp": DAYS[[0, 1, 1, 2, 2, 3]], "close": [11.0, 99.0, 12.0, 13.0, np.nan, 14.0],
    })  # fmt: skip
    found = tapeline.analyse(frame, "sma_2")["sma_2"]
    np.testing.assert_array_equal(found.to_numpy(), [np.nan, np.nan, 11.5, 12.5, np.nan, 13.5])
    assert why_absent(frame) == [(1, REPEATED), (4, "a price or the volume is NaN (not a number)")]


def test_without_volumes_indicators_of_volumes_are_absent() -> None:
    frame = pd.DataFrame({"timestamp": DAYS, "close": CLOSES["AAA"]})
    for column in (None, np.nan):
        found = tapeline.analyse(frame if column is None else frame.assign(volume=column), ["sma_2", "obv"])
        assert found["obv"].isna().all()
        np.testing.assert_array_equal(found["sma_2"].to_numpy(), EXPECTED[:4])


def test_prices_of_futures_may_be_negative() -> None:
    frame = pd.DataFrame({"timestamp": DAYS, "close": [18.27, -37.63, 10.01, 13.78]})
    assert tapeline.analyse(frame, "sma_2", symbol="CL=F")["sma_2"].iloc[2] == pytest.approx(-13.81)
    assert tapeline.analyse(frame, "sma_2")["sma_2"].isna().sum() == 2


def minutes(zone: str | None) -> pd.DataFrame:
    """Return two days of minutes from 9:00 to 17:00, in this zone or in none."""
    index = pd.DatetimeIndex([
        day + pd.Timedelta(minutes=540 + i) for day in pd.to_datetime(["2024-07-02", "2024-07-03"]) for i in range(480)
    ])  # fmt: skip
    close = np.linspace(100, 110, len(index))
    columns = dict.fromkeys(("high", "low", "close"), close) | {"volume": np.ones(len(index))}
    return pd.DataFrame(columns, index=index if zone is None else index.tz_localize(zone))


@pytest.mark.parametrize(("zone", "resets"), [("America/New_York", 2), ("Europe/London", 2), ("Asia/Kolkata", 3)])
def test_the_zone_of_the_times_says_the_market_of_a_frame_without_symbols(zone: str, resets: int) -> None:
    frame = minutes(zone)
    found = tapeline.analyse(frame, "vwap")["vwap"]
    assert (found == frame["close"]).sum() == resets  # at the first bar of a session; Mumbai opens at 9:15


def test_the_market_of_a_frame_in_utc_is_asked_for() -> None:
    frame = minutes("UTC")
    with pytest.raises(InputError, match=r'give symbol="AAPL", or calendar="XNYS"'):
        tapeline.analyse(frame, "vwap")
    by_calendar = tapeline.analyse(frame, "vwap", calendar="XLON")
    pd.testing.assert_frame_equal(by_calendar, tapeline.analyse(frame, "vwap", symbol="VOD.L"))
    with pytest.raises(InputError, match="did you mean XLON"):
        tapeline.analyse(frame, "vwap", calendar="XLOM")


def test_times_without_a_zone_that_fit_local_hours_are_asked_about() -> None:
    frame = minutes(None).between_time("09:30", "15:59")
    with pytest.raises(InputError, match='give zone="America/New_York" or zone="UTC"'):
        tapeline.analyse(frame, "vwap", symbol="AAPL")
    zoned = frame.tz_localize("America/New_York")
    expected = tapeline.analyse(zoned, "vwap", symbol="AAPL")["vwap"].to_numpy()
    found = tapeline.analyse(frame, "vwap", symbol="AAPL", zone="America/New_York")
    np.testing.assert_array_equal(found["vwap"].to_numpy(), expected)


def test_a_day_that_may_be_a_month_is_asked_about() -> None:
    frame = pd.DataFrame({"date": ["04/03/2024", "05/03/2024"], "close": [1.0, 2.0]})
    with pytest.raises(InputError, match='date_format="%d/%m/%Y" or date_format="%m/%d/%Y"'):
        tapeline.analyse(frame, "sma_2")
    assert tapeline.analyse(frame, "sma_2", date_format="%d/%m/%Y")["sma_2"].iloc[1] == 1.5


def test_columns_can_be_named() -> None:
    frame = pd.DataFrame({"worth": CLOSES["AAA"]})
    np.testing.assert_array_equal(
        tapeline.analyse(frame, "sma_2", columns={"close": "worth"})["sma_2"].to_numpy(), EXPECTED[:4]
    )
