"""Test what specs mean, and the error for those that mean nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from tapeline.errors import SpecError, UnknownIndicatorError
from tapeline.indicators import CATALOGUE, DEFAULT, Engine, parse
from tapeline.indicators.engine.program import INTEGERS, REALS
from tapeline.indicators.entry import Indicator
from tapeline.indicators.spec import spec_of_output
from tapeline.indicators.spelling import ALIASES, COLUMNS, separated


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("rsi", "rsi_14"), (" RSI_9 ", "rsi_9"), ("bbands_20_2.0", "bbands_20_2"), ("bbands_20_2.50", "bbands_20_2.5"),
        ("plus_di_7", "plus_di_7"), ("t3", "t3_5_0.7"), ("cdl3whitesoldiers", "cdl3whitesoldiers"), ("obv", "obv"),
        ("sma_007", "sma_7"),
    ],
)  # fmt: skip
def test_a_spec_has_one_spelling(text: str, canonical: str) -> None:
    assert parse(text).text == canonical
    assert parse(canonical).text == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("SMA(20)", "sma_20"), ("ta.rsi(14)", "rsi_14"), ("ta.sma(close, 20)", "sma_20"),
       ("MACD(12, 26,9)", "macd_12_26_9"),
        ("ta.bb(close, 20, 2)", "bbands_20_2"), ("ta.rsi(length=7)", "rsi_7"), ("talib.EMA", "ema_20"),
        ("ta.supertrend(3, 10)", "supertrend_10_3"), ("supertrend(10, 3)", "supertrend_10_3"), ("wpr_14", "willr_14"),
        ("psar", "sar_0.02_0.2"), ("BBU_20_2.0", "bbands_20_2"), ("CHOP_14", "choppiness_14"), ("obv()", "obv"),
    ],
)  # fmt: skip
def test_the_spellings_of_others_are_understood(text: str, canonical: str) -> None:
    assert parse(text).text == canonical


@pytest.mark.parametrize(
    ("column", "ours"),
    [
        ("BBU_20_2.0", "bbands_20_2_upper"), ("MACDh_12_26_9", "macd_12_26_9_hist"),
        ("STOCHd_14_3_3", "stoch_14_3_3_d"),
        ("SUPERTd_7_3.0", "supertrend_7_3_direction"), ("ATRr_14", "atr_14"), ("SMA_20", "sma_20"),
    ],
)  # fmt: skip
def test_the_columns_of_pandas_ta_are_found(column: str, ours: str) -> None:
    spec, name = spec_of_output(column)
    assert name == ours
    assert name in spec.outputs


def test_every_other_name_is_of_an_indicator_and_hides_none() -> None:
    for alias, name in ALIASES.items():
        assert parse(alias).indicator is CATALOGUE[name]
        assert alias == name or alias not in CATALOGUE
    for column, (name, suffix) in COLUMNS.items():
        assert column not in CATALOGUE
        assert suffix in CATALOGUE[name].outputs


def test_commas_in_parentheses_do_not_separate_specs() -> None:
    assert separated("ta.bb(close,20,2), rsi_14 ,,") == ["ta.bb(close,20,2)", "rsi_14"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RSI14", "no indicator 'RSI14': did you mean rsi_14?"),
        ("smaa_20", "no indicator 'smaa_20': did you mean sma"),
        ("hul moving average", "did you mean hma"),
        ("bollinger_bands_20", "did you mean bbands"),
        ("vwapp", "did you mean vwap"),
        ("ta.macd(close, 12)", "macd has 3 parameters (fast, slow, signal), not 1"),
        ("macd(fast=12, slow=26, signal=9)", "in the order of its parameters"),
        ("", "no indicator ''"),
        ("20", "no indicator '20'"),
        ("zzzz", "tapeline indicators --list"),
        ("sma_20_5", "sma has 1 parameters (period), not 2"),
        ("macd_12", "macd has 3 parameters (fast, slow, signal), not 1"),
        ("obv_3", "obv has 0 parameters (none), not 1"),
        ("sma_0", "period must be from 1 to 5000, not 0"),
        ("sma_5001", "period must be from 1 to 5000, not 5001"),
        ("sma_2.5", "period must be a whole number, not '2.5'"),
        ("sma_-3", "no indicator 'sma_-3'"),
        ("macd_12_x_9", "slow must be a whole number, not 'x'"),
        ("bbands_20_1e3", "factor must be a number, not '1e3'"),
        ("bbands_20_1000", "factor must be from 0.01 to 100.0, not 1000"),
        ("macd_26_12_9", "fast must be below slow"),
    ],
)
def test_the_error_says_what_is_wrong_with_a_spec(text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        Engine([text])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_every_column_leads_back_to_its_spec(entry: Indicator) -> None:
    spec = parse(entry.name)
    for column in spec.outputs:
        assert spec_of_output(column) == (spec, column)


@pytest.mark.parametrize(
    ("column", "spec", "canonical"),
    [
        ("rsi", "rsi_14", "rsi_14"), ("MACD_signal", "macd_12_26_9", "macd_12_26_9_signal"),
        ("bbands_20_2.50_percent_b", "bbands_20_2.5", "bbands_20_2.5_percent_b"), ("pivots_r1", "pivots", "pivots_r1"),
    ],
)  # fmt: skip
def test_a_column_may_leave_out_parameters(column: str, spec: str, canonical: str) -> None:
    assert spec_of_output(column) == (parse(spec), canonical)


@pytest.mark.parametrize(
    ("column", "said", "unknown"),
    [
        ("price", "no indicator 'price'", True),
        ("", "no indicator ''", True),
        ("rsi_0", "period must be from 2", False),
        ("macd_12_26_9_top", "there is no macd_12_26_9_top: macd_12_26_9 gives macd_12_26_9, ", False),
    ],
)
def test_only_a_name_that_no_indicator_has_is_unknown(column: str, said: str, unknown: bool) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of_output(column)
    assert said in str(caught.value)
    assert isinstance(caught.value, UnknownIndicatorError) is unknown


def test_a_spec_given_twice_is_computed_once() -> None:
    engine = Engine(["rsi", "rsi_14", "sma_20"])
    assert engine.specs == engine.outputs == ("rsi_14", "sma_20")
    assert engine.layout == Engine(["rsi_14", "sma_20"]).layout != Engine(["sma_20", "rsi_14"]).layout


def test_the_default_set_is_spelled_canonically() -> None:
    assert Engine().specs == DEFAULT


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_an_entry_is_complete(entry: Indicator) -> None:
    spec = parse(entry.name)
    assert len(spec.warm_up) == len(spec.outputs) == len(set(spec.outputs))
    assert set(entry.off_price) <= set(entry.outputs)
    assert entry.inputs
    assert all(low <= default <= high for low, default, high in ((p.low, p.default, p.high) for p in entry.parameters))
    assert all(isinstance(p.default, int if p.whole else float) for p in entry.parameters)
    assert inspect.getdoc(entry.kernel)
    for limits in ([p.low for p in entry.parameters], [p.high for p in entry.parameters]):
        storage = entry.storage(*limits)
        read = len(storage.reads) + sum(part.columns for part in storage.shared) + len(storage.columns)
        assert read + sum(p.whole for p in entry.parameters) <= INTEGERS
        assert sum(not p.whole for p in entry.parameters) <= REALS


@pytest.mark.parametrize(
    "text", ["sma_" + "9" * 5000, "sma_1." + "9" * 5000, "a_" * 5000, "x" * 5000, "sma_" + "9" * 90]
)
@pytest.mark.parametrize("read", [parse, spec_of_output])
def test_a_spec_of_thousands_of_digits_is_refused_in_a_line(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(text)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["sma_٣", "sma_²", "sma_५"])
def test_digits_of_other_scripts_are_no_number(text: str) -> None:
    with pytest.raises(UnknownIndicatorError):
        parse(text)
