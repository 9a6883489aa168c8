"""Names of series: the symbol alone, or with the interval after an at sign."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeline.core.candle_intervals import INTERVALS
from tapeline.core.series import has_interval, is_series_of, series_name, series_span, split_series, symbol_of
from tapeline.core.sessions import exchange_of
from tapeline.core.symbol_forms import canonical_symbol, collected_fault, may_be_negative, nearest_symbol, symbol_fault
from tapeline.core.times import DAY, HOUR, MINUTE, interval_ms

texts = st.from_regex(r"[A-Z0-9^][A-Z0-9.@=:-]{0,9}", fullmatch=True)
symbols = texts.filter(lambda text: split_series(text)[1] is None)
intervals = st.sampled_from([*INTERVALS.values()])


@given(
    symbol=symbols.filter(lambda text: split_series(text)[1] is None), interval=st.sampled_from([*INTERVALS.values()])
)
def test_a_name_says_symbol_and_interval(symbol: str, interval: int) -> None:
    name = series_name(symbol, interval)
    assert split_series(name) == (symbol, interval)
    assert is_series_of(name, symbol)
    first, last = series_span(symbol)
    assert first <= symbol < name <= last


@pytest.mark.parametrize("symbol", ["TSLA", "@ES", "BTC@BINANCE", "TSLA@", "@1d", "TSLA@0d", "TSLA@1D", "TSLA@1d.L"])
def test_what_has_no_interval_at_its_end_is_a_symbol(symbol: str) -> None:
    assert split_series(symbol) == (symbol, None)


def test_series_of_other_symbols_are_told_apart() -> None:
    names = ["TSLA", "TSLA@1d", "TSLAX", "TSLA.L", "TSLA@X", "TSLA@X@1d"]
    assert [name for name in names if is_series_of(name, "TSLA")] == ["TSLA", "TSLA@1d"]
    assert symbol_of("TSLA@X@1d") == "TSLA@X"


def test_a_series_has_the_calendar_and_the_rules_of_its_symbol() -> None:
    assert exchange_of("BTC-USD@1d") == exchange_of("BTC-USD") == "24/7"
    assert exchange_of("VOD.L@5m") == "XLON"
    assert may_be_negative("CL=F@1d")
    assert canonical_symbol("brk/b@1d") == "BRK-B@1d"
    assert symbol_fault("A" * 32 + "@15m") == ""
    assert "33 characters" in symbol_fault("A" * 33 + "@15m")


def test_a_series_is_not_collected_but_its_symbol() -> None:
    assert collected_fault("BTC@BINANCE") == ""
    assert "has a blank" in collected_fault("A B")
    assert collected_fault("TSLA@1d") == (
        "TSLA@1d is a series: name the symbol alone, TSLA; --interval says the length of the bars"
    )


def test_a_symbol_alone_can_have_every_interval() -> None:
    assert has_interval("TSLA", DAY)
    assert has_interval("TSLA", MINUTE)
    assert has_interval("TSLA@1d", DAY)
    assert has_interval("TSLA@1d", 0)
    assert not has_interval("TSLA@1d", MINUTE)


def test_names_of_intervals_are_read_back() -> None:
    assert {name: interval_ms(name) for name in INTERVALS} == INTERVALS
    assert interval_ms("90m") == 90 * MINUTE == interval_ms("5400s")
    assert interval_ms("60m") == HOUR
    assert interval_ms("1x") is interval_ms("m") is interval_ms("0m") is None


def test_a_wrong_symbol_is_compared_with_few_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Sequence[str]] = []
    closest = difflib.get_close_matches

    def counting(word: str, names: Sequence[str], most: int, cutoff: float) -> list[str]:
        compared.append(names)
        return closest(word, names, most, cutoff)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    known = [*map("".join, itertools.product("STUVAL", repeat=5)), "TSLA", "BTC-USD"]
    assert [nearest_symbol(each, known) for each in ("tslaa1", "BTC", "QQQQQQQQQ")] == ["TSLAA", "BTC-USD", ""]
    assert max(map(len, compared)) == 500
