"""Test that bars as scalars and as columns say the same, and that each fault of a bar is found."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import MINUTE, START, random_bars

from tapeline.core.bar_faults import FAULTS, faults
from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Bar, Bars
from tapeline.core.rows import Direction, Row, Rows
from tapeline.core.symbol_forms import MAX_SYMBOL_LENGTH, symbol_fault

PRICES = st.floats(min_value=1e-4, max_value=1e6)
BAR = st.builds(
    Bar,
    st.text("ABC", min_size=1, max_size=2),
    st.integers(EARLIEST_TIMESTAMP, LATEST_TIMESTAMP),
    PRICES, PRICES, PRICES, PRICES,
    st.floats(min_value=0, max_value=1e15),
    st.booleans(),
)  # fmt: skip
BARS = st.lists(BAR, max_size=20)


@given(BARS)
def test_bars_return_the_scalars_they_were_made_of(bars: list[Bar]) -> None:
    batch = Bars.of(bars)
    assert list(batch) == bars
    assert len(batch) == len(bars)
    assert len(set(batch.symbols)) == len(batch.symbols)


@given(st.lists(BARS, max_size=4))
def test_concat_joins_batches_in_order(batches: list[list[Bar]]) -> None:
    assert list(Bars.concat([Bars.of(bars) for bars in batches])) == [bar for bars in batches for bar in bars]


@given(BARS, st.data())
def test_slices_and_masks_of_a_batch(bars: list[Bar], data: st.DataObject) -> None:
    batch = Bars.of(bars)
    start, end = data.draw(st.integers(-3, 25)), data.draw(st.integers(-3, 25))
    assert list(batch[start:end]) == bars[start:end]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(bars), max_size=len(bars))), np.bool_)
    assert list(batch[mask]) == [bar for bar, keep in zip(bars, mask, strict=True) if keep]
    order = np.array(data.draw(st.permutations(range(len(bars)))), np.int64)
    assert list(batch[order]) == [bars[i] for i in order]


def test_columns_have_their_types_even_when_empty() -> None:
    for batch in (Bars.of(()), Bars.concat(()), Bars.of([Bar("A", 1, 1, 1, 1, 1, 1)])):
        assert (batch.code.dtype, batch.timestamp.dtype, batch.final.dtype) == (np.int32, np.int64, np.bool_)
        assert {getattr(batch, name).dtype for name in ("open", "high", "low", "close", "volume")} == {np.dtype("f8")}


# -- faults ----------------------------------------------------------------------------------------------------------

FINE = Bar("A", START, 2, 3, 1, 2.5, 10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        *(({name: math.nan}, "NaN") for name in ("open", "high", "low", "close", "volume")),
        *(({name: math.inf}, "infinite") for name in ("open", "high", "low", "close", "volume")),
        *(({name: value}, "zero or negative") for name in ("open", "high", "low", "close") for value in (0.0, -1.0)),
        ({"volume": -0.5}, "volume is negative"),
        ({"high": 0.5}, "high is below low"),
        ({"timestamp": START // 1000 - 10**10}, ""),
        ({"timestamp": START * 1000}, "outside 1867-2200"),
        ({"timestamp": EARLIEST_TIMESTAMP - 1}, "outside 1867-2200"),
        ({"timestamp": START + 1}, "in the future"),
        ({"open": math.nan, "close": -1.0, "high": 0.5}, "NaN"),
        ({"low": -math.inf}, "infinite"),
    ],
)
def test_each_fault_is_found_and_only_there(change: dict[str, float], reason: str) -> None:
    wrong = replace(FINE, **change)  # type: ignore[arg-type]
    found = faults(Bars.of([FINE, wrong, FINE]), now=START)
    assert (found[0], found[2]) == (0, 0)
    assert reason in FAULTS[found[1]]
    assert bool(FAULTS[found[1]]) == bool(reason)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"volume": 0.0},
        {"open": 3.5},
        {"close": 0.9},
        {"high": 1.0, "low": 1.0},
        {"timestamp": LATEST_TIMESTAMP},
    ],
)
def test_oddities_that_exchanges_publish_are_no_fault(change: dict[str, float]) -> None:
    assert faults(Bars.of([replace(FINE, **change)])).tolist() == [0]  # type: ignore[arg-type]


def test_no_bars_have_no_faults() -> None:
    assert faults(Bars.of(())).tolist() == []


TICKERS = ("A", "BRK-B", "^GSPC", "EURUSD=X", "0700.HK", "ES=F", "AAPL240119C00150000", "Ä", "A" * MAX_SYMBOL_LENGTH)


@pytest.mark.parametrize("symbol", TICKERS)
def test_valid_symbols(symbol: str) -> None:
    assert symbol_fault(symbol) == ""


NO_TICKERS = (
    "",
    " ",
    "A B",
    "A\n",
    "A\0",
    "<b>",
    'A"',
    "A'",
    "a/b",
    "a\\b",
    "A&B",
    "A" * (MAX_SYMBOL_LENGTH + 1),
    "\u202eA",
)


@pytest.mark.parametrize("symbol", NO_TICKERS)
def test_invalid_symbols(symbol: str) -> None:
    assert symbol_fault(symbol) != ""


# -- rows ------------------------------------------------------------------------------------------------------------


def _rows() -> Rows:
    bars = random_bars(1, 3)
    return Rows(
        bars,
        ("sma_2", "rsi_2"),
        np.array([[math.nan, math.nan], [10.0, math.nan], [11.0, 55.0]]),
        np.array([Direction.NONE, Direction.UP, Direction.HOLD], np.int8),
        np.array([math.nan, 0.7, 0.5]),
        ("m1", "m2"),
        np.array([-1, 1, 0], np.int32),
    )


def test_an_item_leaves_out_absent_values() -> None:
    rows = list(_rows())
    assert [row.indicator for row in rows] == [{}, {"sma_2": 10.0}, {"sma_2": 11.0, "rsi_2": 55.0}]
    assert [(row.prediction, row.probability, row.model) for row in rows] == [
        (None, None, None),
        ("UP", 0.7, "m2"),
        ("HOLD", 0.5, "m1"),
    ]
    assert [row.price for row in rows] == random_bars(1, 3).close.tolist()
    assert list(_rows()[1:]) == rows[1:]


def test_the_item_has_the_names_of_the_table() -> None:
    rows: list[Row] = list(_rows())
    always = {"stock_symbol", "timestamp", "price", "volume", "indicator", "open", "high", "low", "final"}
    assert rows[0].as_item().keys() == always
    assert rows[1].as_item().keys() == always | {"prediction", "probability", "model"}
    assert rows[1].as_item()["timestamp"] == START + MINUTE
