"""Test `tapeline.analyse` on every kind of frame: the engine's values, joined to the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.conftest import random_bars

import tapeline
from tapeline.app.frames import (
    why_absent,
)
from tapeline.core.market import Bars
from tapeline.errors import InputError, SpecError
from tapeline.indicators import (
    Engine,
)

SPECS = ("sma_20", "rsi_14", "macd_12_26_9", "obv")


@pytest.fixture
def bars() -> Bars:
    return random_bars(3, 80)


@pytest.fixture
def table(bars: Bars) -> pa.Table:
    return pa.table(
        {
            "Symbol": [bars.symbols[code] for code in bars.code],
            "timestamp": bars.timestamp,
            **{name.title(): getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
        }
    )


class Arrow:
    """Only the Arrow protocol."""

    def __init__(self, table: pa.Table) -> None:
        self.__arrow_c_stream__ = table.__arrow_c_stream__


@pytest.mark.parametrize(
    "made", [lambda t: t, lambda t: t.to_pandas(), pl.from_arrow, Arrow], ids=["arrow", "pandas", "polars", "protocol"]
)
def test_every_kind_of_frame_gets_the_engines_values(made: Any, bars: Bars, table: pa.Table) -> None:
    frame = made(table)
    expected = Engine(SPECS)
    values = expected.update(bars)
    found = tapeline.analyse(frame, SPECS)
    if not isinstance(frame, Arrow):
        assert type(found) is type(frame)
    for place, name in enumerate(expected.outputs):
        column = found.column(name).to_numpy() if isinstance(found, pa.Table) else found[name].to_numpy()
        np.testing.assert_array_equal(column, values[:, place], err_msg=name)
    if isinstance(found, pl.DataFrame):
        assert found["sma_20"].null_count() == 3 * 19
    if isinstance(found, pd.DataFrame):
        assert list(found.columns[:7]) == list(frame.columns)


def test_one_symbol_with_a_time_index_as_yfinance_gives_it(table: pa.Table) -> None:
    frame = table.to_pandas().query("Symbol == 'S01'")
    frame.index = pd.to_datetime(frame.pop("timestamp"), unit="ms", utc=True).dt.tz_convert("America/New_York")
    found = tapeline.analyse(frame.drop(columns="Symbol"), ["vwap", "sma_20"])
    assert found.index.equals(frame.index)
    typical = (frame.High + frame.Low + frame.Close) / 3
    assert found.vwap.iloc[-1] == pytest.approx((typical * frame.Volume).sum() / frame.Volume.sum(), rel=1e-12)


def test_a_close_column_is_enough_where_an_indicator_needs_no_more() -> None:
    found = tapeline.analyse(pd.DataFrame({"close": np.arange(1.0, 31)}), ["sma_5"])
    assert found.sma_5.isna().sum() == 4
    assert found.sma_5.iloc[-1] == 28.0
    with pytest.raises(InputError, match="no column high"):
        tapeline.analyse(pd.DataFrame({"close": [1.0]}), ["atr_14"])


def test_an_impossible_bar_has_no_values_and_does_not_affect_others() -> None:
    close = np.arange(1.0, 31)
    close[[10, 12]] = np.nan, -1
    frame = pd.DataFrame({"close": close})
    found = tapeline.analyse(frame, ["sma_5"])
    whole = tapeline.analyse(frame.drop(index=[10, 12]), ["sma_5"])
    pd.testing.assert_series_equal(found.sma_5.drop(index=[10, 12]), whole.sma_5)
    assert found.sma_5.iloc[[10, 12]].isna().all()
    assert [row for row, _ in why_absent(frame)] == [10, 12]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"price": [1.0]}, "no column close"),
        ({"close": ["one"]}, "not numbers"),
        ({"close": [1.0, 2.0], "timestamp": [2_000_000_000_000, 1_000_000_000_000]}, "sort the frame"),
        ({"close": [1.0, 2.0], "symbol": ["A", None]}, "symbol is empty in row 1"),
    ],
)
def test_an_unusable_frame_is_refused_in_one_line(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        tapeline.analyse(pa.table(columns), ["sma_2"])


def test_wrong_types_and_unknown_indicators_are_refused() -> None:
    with pytest.raises(InputError, match="no data frame"):
        tapeline.analyse([1, 2, 3], ["sma_2"])
    with pytest.raises(SpecError, match="smaa"):
        tapeline.analyse(pa.table({"close": [1.0]}), ["smaa_2"])


def test_an_empty_frame_stays_empty() -> None:
    found = tapeline.analyse(pl.DataFrame({"close": []}, schema={"close": pl.Float64}), ["sma_2"])
    assert found.columns == ["close", "sma_2"]
    assert len(found) == 0
