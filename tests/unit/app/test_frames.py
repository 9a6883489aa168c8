"""Test `tapeline.analyse` on every kind of frame: the engine's values, joined to the frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.conftest import random_bars

import tapeline
from tapeline.app import frame_columns, frame_values
from tapeline.app.frames import why_absent
from tapeline.core.market import Bars
from tapeline.errors import InputError, SpecError
from tapeline.indicators import CATALOGUE, Engine

SPECS = ("sma_20", "rsi_14", "macd_12_26_9", "obv")


@pytest.fixture
def bars() -> Bars:
    return random_bars(3, 80)


@pytest.fixture
def table(bars: Bars) -> pa.Table:
    return as_table(bars)


def as_table(bars: Bars) -> pa.Table:
    return pa.table(
        {
            "Symbol": [bars.symbols[code] for code in bars.code],
            "timestamp": bars.timestamp,
            **{name.title(): getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
        }
    )


@pytest.fixture
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a few bars be computed as millions are: in many parts, on several cores."""
    for name, value in (("_WORTH_A_THREAD", 1), ("_BATCH", 64), ("_TILE", 10)):
        monkeypatch.setattr(frame_values, name, value)
    cores = pa.cpu_count()
    pa.set_cpu_count(3)
    yield
    pa.set_cpu_count(cores)


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
        ({"worth": [1.0]}, "no column close"),
        ({"close": ["1", None, "one"]}, r"close is not numbers: row 2 \(from 0\) has 'one'; write a number there, or"),
        ({"close": [1.0, 2.0], "symbol": ["A", None]}, "symbol is empty in row 1"),
    ],
)
def test_an_unusable_frame_is_refused_in_one_line(columns: dict[str, Any], said: str) -> None:
    for frame in (pa.table(columns), pd.DataFrame(columns)):
        with pytest.raises(InputError, match=said):
            tapeline.analyse(frame, ["sma_2"])


def test_wrong_types_and_unknown_indicators_are_refused() -> None:
    with pytest.raises(InputError, match="no data frame"):
        tapeline.analyse([1, 2, 3], ["sma_2"])
    with pytest.raises(SpecError, match="smaa"):
        tapeline.analyse(pa.table({"close": [1.0]}), ["smaa_2"])


def test_an_empty_frame_stays_empty() -> None:
    found = tapeline.analyse(pl.DataFrame({"close": []}, schema={"close": pl.Float64}), ["sma_2"])
    assert found.columns == ["close", "sma_2"]
    assert len(found) == 0


@pytest.mark.usefixtures("many_tasks")
@pytest.mark.parametrize("faulty", [0, 2, 200], ids=["sound", "few-faulty", "many-faulty"])
@pytest.mark.parametrize("layout", ["one symbol", "together", "in turn", "mixed"])
def test_frames_computed_in_parts_have_the_engines_values(layout: str, faulty: int) -> None:
    bars = random_bars(1 if layout == "one symbol" else 5, 3000 if layout == "one symbol" else 600)
    rng = np.random.default_rng(1)
    if layout == "together":
        bars = bars[np.argsort(bars.code, kind="stable")]
    elif layout == "mixed":
        bars = bars[np.sort(rng.permutation(len(bars))[:2000])]
    close = bars.close.copy()
    close[[600, 601] if faulty == 2 else rng.permutation(len(bars))[:faulty]] = np.nan  # a symbol's first rows
    bars = replace(bars, close=close)
    good = ~np.isnan(close)
    engine = Engine(tuple(CATALOGUE))
    expected = np.full((len(bars), len(engine.outputs)), np.nan)
    expected[good] = engine.update(bars[good], session=engine.sessions(bars[good]))
    found = tapeline.analyse(as_table(bars), tuple(CATALOGUE))
    for name, values in zip(engine.outputs, expected.T, strict=True):
        column = found.column(name)
        np.testing.assert_array_equal(column.to_numpy(), values, err_msg=name)
        assert column.null_count == np.isnan(values).sum()


def test_threads_may_analyse_at_the_same_time(table: pa.Table) -> None:
    expected = tapeline.analyse(table, SPECS)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: tapeline.analyse(table, SPECS), range(40)))
    assert all(each.equals(expected) for each in found)


def test_the_frame_is_left_as_it_was_and_shares_nothing_that_is_written(table: pa.Table) -> None:
    frame = table.to_pandas()
    before = frame.copy()
    found = tapeline.analyse(frame, SPECS)
    found.iloc[:, 2:] = 0.0
    pd.testing.assert_frame_equal(frame, before)


def test_values_are_in_arrows_pool_until_the_result_is_freed(table: pa.Table) -> None:
    frame = table.to_pandas()
    before = pa.total_allocated_bytes()
    found = tapeline.analyse(frame, SPECS)
    size = 8 * len(frame) * (found.shape[1] - frame.shape[1])
    assert pa.total_allocated_bytes() - before >= size > 0
    del found
    assert pa.total_allocated_bytes() - before < size


def test_a_pandas_frame_keeps_index_attributes_and_repeated_columns(table: pa.Table) -> None:
    frame = table.to_pandas().set_index(np.arange(table.num_rows) // 2)
    frame.insert(0, "obv", -1.0)
    frame.insert(1, "note", "a")
    frame.insert(2, "note", "b", allow_duplicates=True)
    frame.attrs["source"] = "here"
    frame.columns.name = "field"
    found = tapeline.analyse(frame, ("sma_20", "obv"))
    assert list(found.columns) == [*frame.columns, "sma_20"]
    assert found.columns.name == "field"
    assert found.attrs == frame.attrs
    assert found.index.equals(frame.index)
    expected = tapeline.analyse(table, ("sma_20", "obv"))
    for name in ("sma_20", "obv"):
        np.testing.assert_array_equal(found[name].to_numpy(), expected.column(name).to_numpy())


def test_a_large_frame_of_pandas_2_gets_its_columns_without_copies(
    monkeypatch: pytest.MonkeyPatch, table: pa.Table
) -> None:
    frame = table.to_pandas().astype({"Symbol": "category"}).set_index("timestamp")
    frame[3], frame.columns.name = 1.0, "field"
    expected, before = tapeline.analyse(frame, SPECS), frame.copy()
    monkeypatch.setattr(frame_columns, "_LARGE", 1)
    monkeypatch.setattr(pd, "__version__", "2.3.3")
    found = tapeline.analyse(frame, SPECS)
    pd.testing.assert_frame_equal(found, expected)
    found.iloc[:, 1:] = 0.0
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("made", [pa.Table.to_pandas, pl.from_arrow, lambda t: t], ids=["pandas", "polars", "arrow"])
def test_a_column_of_that_name_is_replaced_in_its_place(made: Any, table: pa.Table) -> None:
    frame = tapeline.analyse(made(table.append_column("sma_20", [[0.0] * table.num_rows])), ("sma_20", "obv"))
    names = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    assert names == [*table.column_names, "sma_20", "obv"]
    expected = tapeline.analyse(table, ("sma_20",)).column("sma_20")
    found = frame.column("sma_20") if isinstance(frame, pa.Table) else frame["sma_20"]
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())


@pytest.mark.parametrize("made", [pa.Table.to_pandas, lambda table: table])
def test_each_of_two_columns_of_that_name_is_replaced(made: Any) -> None:
    close, old = pa.array([1.0, 2.0, 4.0]), pa.array([0.0] * 3)
    found = tapeline.analyse(made(pa.table([close, old, old], ["close", "sma_2", "sma_2"])), ["sma_2"])
    names = list(found.columns) if isinstance(found, pd.DataFrame) else found.column_names
    assert names == ["close", "sma_2", "sma_2"]
    last = found.iloc[2].tolist() if isinstance(found, pd.DataFrame) else [column[2].as_py() for column in found]
    assert last == [4.0, 3.0, 3.0]


def duplicates_in_dictionary(names: list[str]) -> pa.Array:
    codes = [2 * int(name[1:]) + row % 2 for row, name in enumerate(names)]
    return pa.DictionaryArray.from_arrays(codes, [f"S{i // 2:02d}" for i in range(8)])


@pytest.mark.parametrize(
    "symbols",
    [
        pa.array,
        lambda names: pa.array([int(name[1:]) for name in names]),
        lambda names: pa.array(names).dictionary_encode(),
        duplicates_in_dictionary,
        lambda names: pd.Series(names, dtype=object),
        lambda names: pd.Series(names, dtype=pd.CategoricalDtype(["unused", "S02", "S01", "S00"])),
        lambda names: pl.Series(names).cast(pl.Categorical),
        lambda names: pl.Series(names).cast(pl.Enum(["unused", "S02", "S01", "S00"])),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_symbols_of_every_type_are_told_apart(symbols: Callable[[list[str]], Any], together: bool, bars: Bars) -> None:
    bars = bars[np.argsort(bars.code, kind="stable")] if together else bars
    names = symbols([bars.symbols[code] for code in bars.code])
    kind = {pd.Series: pd.DataFrame, pl.Series: pl.DataFrame}.get(type(names), pa.table)
    found = tapeline.analyse(kind({"symbol": names, "close": bars.close}), ["sma_20"])
    column = found.column("sma_20") if isinstance(found, pa.Table) else found["sma_20"]
    np.testing.assert_array_equal(column.to_numpy(), Engine(["sma_20"]).update(bars)[:, 0])


def test_a_symbol_that_is_null_in_a_dictionary_is_refused() -> None:
    symbols = pa.DictionaryArray.from_arrays([0, 0, 1], pa.array(["A", None]))
    with pytest.raises(InputError, match="symbol is empty in row 2"):
        tapeline.analyse(pa.table({"symbol": symbols, "close": [1.0, 2.0, 3.0]}), ["sma_2"])


@pytest.mark.parametrize(
    "times",
    [
        lambda ms: ms,
        lambda ms: ms // 1000,
        *(
            lambda ms, unit=unit: pd.Series(ms.astype("M8[ms]").astype(f"M8[{unit}]"))
            for unit in ("s", "ms", "us", "ns")
        ),
        lambda ms: pd.Series(ms.astype("M8[ms]")).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        lambda ms: pl.Series(ms.astype("M8[ms]").astype("M8[us]")),
        lambda ms: pl.Series([f"{time}Z" for time in ms.astype("M8[ms]").astype("M8[s]")]),
        lambda ms: pd.Series([str(time) for time in ms.astype("M8[ms]").astype("M8[s]")]),
        lambda ms: pd.Series([f"{time}+00:00" for time in ms.astype("M8[ms]").astype("M8[s]")], dtype=object),
        lambda ms: pd.Series(ms.tolist(), dtype=object),
        lambda ms: pa.array(ms, pa.timestamp("ms")).cast(pa.timestamp("ns")),
    ],
)
def test_times_of_every_type_are_understood(times: Callable[[Any], Any], bars: Bars) -> None:
    bars = bars[bars.code == 0]
    column = times(bars.timestamp)
    kind = {pd.Series: pd.DataFrame, pl.Series: pl.DataFrame}.get(type(column), pa.table)
    prices = {name: getattr(bars, name) for name in ("high", "low", "close", "volume")}
    found = tapeline.analyse(kind({"date": column, **prices}), ["vwap"], symbol=bars.symbols[0])
    values = found.column("vwap") if isinstance(found, pa.Table) else found["vwap"]
    engine = Engine(["vwap"])
    np.testing.assert_array_equal(values.to_numpy(), engine.update(bars, session=engine.sessions(bars))[:, 0])
    backwards = {name: price[::-1] for name, price in prices.items()}
    again = tapeline.analyse(kind({"date": column[::-1], **backwards}), ["vwap"], symbol=bars.symbols[0])
    newest_first = again.column("vwap") if isinstance(again, pa.Table) else again["vwap"]
    np.testing.assert_array_equal(newest_first.to_numpy()[::-1], values.to_numpy())


@pytest.mark.parametrize("symbols", ["ABABAB", "AAABBB", "BBABAA"])
def test_rows_in_any_order_have_the_values_of_the_order_of_time(symbols: str) -> None:
    frame = pd.DataFrame({
        "symbol": list(symbols), "close": [3.0, 1.0, 4.0, 1.5, 9.0, 2.6],
        "timestamp": np.array([5, 0, 2, 1, 1, 3]) * 60_000 + 1_549_895_400_000,
    })  # fmt: skip
    expected = tapeline.analyse(frame.sort_values(["symbol", "timestamp"]), "sma_2").sort_index()
    pd.testing.assert_frame_equal(tapeline.analyse(frame, "sma_2"), expected)


def test_no_indicators_add_no_columns(table: pa.Table) -> None:
    assert tapeline.analyse(table, []).equals(table)
