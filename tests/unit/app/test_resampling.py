"""Test that a frame's candles are those of the page, in every kind of frame and with every kind of time."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.conftest import START
from tests.stored import fill, opened, session_bars

import tapeline
from tapeline.app.resampling import calendar_named
from tapeline.app.stored_history import Selection, StoredHistory
from tapeline.core.candle_intervals import INTERVALS
from tapeline.core.market import OHLCV, Bars
from tapeline.core.rows import Rows
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import InputError, NotPossibleError

SYMBOLS = ("AAPL", "BTC-USD", "VOD.L")
FROM = START // DAY * DAY


@pytest.fixture(scope="module")
def bars() -> Bars:
    return session_bars(SYMBOLS, FROM, FROM + 50 * DAY, 15 * MINUTE)


def pandas_of(bars: Bars) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Symbol": np.array(bars.symbols)[bars.code],
            "Timestamp": pd.to_datetime(bars.timestamp, unit="ms", utc=True),
            **{name.title(): getattr(bars, name) for name in OHLCV},
            "note": "x",
        }
    )


@pytest.mark.parametrize("interval", [name for name, ms in INTERVALS.items() if ms >= 15 * MINUTE])
def test_candles_of_a_frame_are_those_of_a_store(
    bars: Bars, interval: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = tapeline.resample(pandas_of(bars), interval)
    assert list(found.columns) == ["Symbol", "Timestamp", *(name.title() for name in OHLCV), "final"]
    with opened(fill(tmp_path_factory.mktemp("store"), bars)) as directory:
        history = StoredHistory(directory, interval)
        for symbol in SYMBOLS:
            stored = Rows.concat(list(history.pages(symbol, Selection((symbol,))))).bars
            own = found[found["Symbol"] == symbol]
            np.testing.assert_array_equal(own["Timestamp"].dt.as_unit("ms").astype("int64"), stored.timestamp)
            np.testing.assert_array_equal(own["final"], stored.final)
            for name in OHLCV:
                np.testing.assert_array_equal(own[name.title()], getattr(stored, name))


def test_every_kind_of_frame_gives_its_own_kind(bars: Bars) -> None:
    frame = pandas_of(bars)
    found = tapeline.resample(frame, "1h")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    arrow = tapeline.resample(table, "1h")
    assert isinstance(arrow, pa.Table)
    assert arrow.equals(pa.Table.from_pandas(found, preserve_index=False).cast(arrow.schema))
    polars = tapeline.resample(pl.DataFrame(table), "1h")
    assert isinstance(polars, pl.DataFrame)
    assert polars.equals(pl.DataFrame(arrow))
    batch = table.combine_chunks().to_batches()[0]
    assert tapeline.resample(batch, "1h") == arrow
    assert (np.diff(found["Timestamp"].astype("int64")) >= 0).all()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_keep_their_unit_and_zone_within_a_day(bars: Bars, unit: str, zone: str | None) -> None:
    own = bars[bars.code == 0]
    times = pd.to_datetime(own.timestamp, unit="ms", utc=True).as_unit(unit).tz_convert(zone)
    frame = pd.DataFrame({"close": own.close}, index=pd.Index(times, name="when"))
    hours = tapeline.resample(frame, "1h", calendar="XNYS")
    assert hours.index.dtype == frame.index.dtype
    assert hours.index.name == "when"
    assert hours.index[0] == times[0]
    days = tapeline.resample(frame, "1d", calendar="XNYS")
    first = pd.Timestamp("2019-02-11", tz="UTC" if zone else None)
    assert days.index[0] == first, "a date is midnight UTC"
    assert str(days.index.tz) == str(first.tz)


def test_times_may_be_numbers_text_or_dates(bars: Bars) -> None:
    own = bars[bars.code == 0]
    times = {
        "ms": own.timestamp, "s": own.timestamp // 1000,
        "text": [datetime.fromtimestamp(time / 1000, UTC).isoformat() for time in own.timestamp.tolist()],
    }  # fmt: skip
    expected = None
    for name, column in times.items():
        found = tapeline.resample(pa.table({"symbol": ["AAPL"] * len(own), "time": column, "close": own.close}), "4h")
        kind = found.schema.field("time").type
        assert kind == (pa.timestamp("ms", "UTC") if name == "text" else pa.int64())
        numbers = found.column("time").cast(pa.int64()).to_pylist()
        expected = expected or numbers
        assert numbers == expected
    days = pl.DataFrame({"date": list(pd.date_range("2024-01-01", periods=40).date), "close": np.arange(40.0) + 1})
    months = tapeline.resample(days, "1mo")
    assert months["date"].dtype == pl.Date
    assert [str(date) for date in months["date"]] == ["2024-01-01", "2024-02-01"]
    assert months["close"].to_list() == [31.0, 40.0]


def test_the_calendar_says_where_candles_begin(bars: Bars) -> None:
    own = pandas_of(bars[bars.code == 0])
    mine = tapeline.resample(own, "4h")["Timestamp"]
    assert [f"{time:%H:%M}" for time in mine[:2]] == ["14:30", "18:30"]
    assert tapeline.resample(own.drop(columns="Symbol"), "4h", calendar="XNYS")["Timestamp"].equals(mine)
    utc = tapeline.resample(own, "4h", calendar="UTC")["Timestamp"]
    assert [f"{time:%H:%M}" for time in utc[:3]] == ["12:00", "16:00", "20:00"]
    assert tapeline.resample(own, "4h", calendar="24/7")["Timestamp"].equals(utc)


def test_prices_that_a_frame_lacks_are_not_made_up(bars: Bars) -> None:
    frame = pandas_of(bars)[["Close", "Timestamp", "Symbol"]]
    found = tapeline.resample(frame, "1d")
    assert list(found.columns) == ["Close", "Timestamp", "Symbol", "final"]


def test_impossible_bars_are_left_out(bars: Bars) -> None:
    frame = pandas_of(bars)
    spoilt = frame.copy()
    spoilt.loc[5, "Low"] = np.nan
    spoilt.loc[6, "High"] = -1.0
    pd.testing.assert_frame_equal(tapeline.resample(spoilt, "1d"), tapeline.resample(frame.drop(index=[5, 6]), "1d"))


def test_no_bars_make_no_candles(bars: Bars) -> None:
    frame = pandas_of(bars)
    found = tapeline.resample(frame[:0], "1d")
    assert len(found) == 0
    assert list(found.columns) == [*list(frame.columns)[:-1], "final"]
    assert len(tapeline.resample(frame[:1], "1d")) == 1


def test_a_candle_that_more_bars_may_go_into_is_not_final(bars: Bars) -> None:
    own = pandas_of(bars[bars.code == 0])
    day = own[own["Timestamp"] < own["Timestamp"].iloc[0] + pd.Timedelta(days=1)]
    assert tapeline.resample(day, "1d")["final"].tolist() == [True], "the session has closed"
    assert tapeline.resample(day[:-1], "1d")["final"].tolist() == [False]
    forming = day.assign(final=np.arange(len(day)) < len(day) - 1)
    found = tapeline.resample(forming, "4h")
    assert found["final"].tolist() == [True, False], "its last bar is not final either"
    assert tapeline.resample(found, "1d")["final"].tolist() == [False]


@pytest.mark.parametrize(
    ("interval", "calendar", "drop", "kind", "said"),
    [
        ("5m", None, [], NotPossibleError, "the bars are 15m long; intervals to choose from: 15m, 30m, 1h"),
        ("banana", None, [], NotPossibleError, "intervals to choose from"),
        ("1h", "XNYZ", [], InputError, r"there is no calendar 'XNYZ': did you mean XN..\?"),
        ("1h", None, ["Symbol"], InputError, 'without a column symbol needs a calendar: calendar="XNYS"'),
        ("1h", None, ["Timestamp"], InputError, "candles need the time of each row: add a column timestamp"),
        ("1h", None, ["Close"], InputError, "no column close"),
    ],
)
def test_what_cannot_be_resampled_is_one_line_that_says_why(
    bars: Bars, interval: str, calendar: str | None, drop: list[str], kind: type[Exception], said: str
) -> None:
    frame: Any = pandas_of(bars).drop(columns=drop)
    with pytest.raises(kind, match=said):
        tapeline.resample(frame, interval, calendar=calendar)


def test_a_calendar_that_the_core_lacks_names_the_extra_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    said = r"^the calendar 'XPHS' does not come with the core: .*: pip install 'tapeline\[calendars\]'\)$"
    with pytest.raises(InputError, match=said):
        calendar_named("XPHS")
