"""Batch, stream, micro-batches over shuffled symbols, a restore at any point: one value, to the last bit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import random_bars

from tapeline.indicators import CATALOGUE, Engine, InsufficientHistory, SnapshotError
from tapeline.market import Bars, Floats

EVERYTHING = tuple(CATALOGUE)
COUNT = 90


def awkward(seed: int) -> Bars:
    """Three symbols: one that never moves and never trades, one of 1e-6 in ticks, one of 1e9; some flat stretches."""
    bars = random_bars(3, COUNT, seed)
    rng = np.random.default_rng(seed)
    scale = np.array([1.0, 1e-6, 1e9])[bars.code] / np.array([b.close for b in list(bars)[:3]])[bars.code]
    flat = (bars.code == 0) & (np.arange(len(bars)) > 60 * rng.uniform())
    columns = [np.where(flat, 1.0, getattr(bars, name) * scale) for name in ("open", "high", "low", "close")]
    columns[1] = np.maximum.reduce(columns)
    columns[2] = np.minimum.reduce(columns)
    volume = np.where(flat | (rng.uniform(size=len(bars)) < 0.2), 0.0, bars.volume)
    return Bars(bars.symbols, bars.code, bars.timestamp, *columns, volume, bars.final)


def update(engine: Engine, bars: Bars) -> Floats:
    return engine.update(bars, session=(bars.timestamp - 1_549_895_400_000) // (25 * 60_000))


def whole(bars: Bars) -> Floats:
    return update(Engine(EVERYTHING), bars)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 3 * COUNT), max_size=12), data=st.data())
def test_any_batching_of_any_interleaving_gives_the_same_values(
    seed: int, cuts: list[int], data: st.DataObject
) -> None:
    bars = awkward(seed)
    expected = whole(bars)
    moved = data.draw(st.permutations(range(3)))
    order = np.lexsort((bars.timestamp, np.array(moved)[bars.code])) if seed % 2 else np.arange(len(bars))
    ends = [0, *sorted(cuts), len(bars)]
    engine = Engine(EVERYTHING)
    found = np.concatenate([update(engine, bars[order[a:b]]) for a, b in itertools.pairwise(ends)])
    np.testing.assert_array_equal(found, expected[order])


def test_bar_by_bar_is_the_batch() -> None:
    bars = awkward(7)
    engine = Engine(EVERYTHING)
    found = np.concatenate([update(engine, bars[i : i + 1]) for i in range(len(bars))])
    np.testing.assert_array_equal(found, whole(bars))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), at=st.integers(0, 3 * COUNT))
def test_a_restore_at_any_point_goes_on_as_if_nothing_had_been(seed: int, at: int) -> None:
    bars = awkward(seed)
    first = Engine(EVERYTHING)
    update(first, bars[:at])
    second = Engine(EVERYTHING)
    for symbol in bars.symbols:
        second.restore(symbol, first.snapshot(symbol))
    np.testing.assert_array_equal(update(second, bars[at:]), whole(bars)[at:])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), at=st.integers(0, 3 * COUNT - 1))
def test_a_peek_is_the_next_update_and_leaves_no_trace(seed: int, at: int) -> None:
    bars = awkward(seed)
    engine = Engine(EVERYTHING)
    update(engine, bars[:at])
    before = [engine.snapshot(symbol) for symbol in bars.symbols]
    session = (bars.timestamp - 1_549_895_400_000) // (25 * 60_000)
    wild = random_bars(3, COUNT, seed + 1)
    engine.peek(wild, session=session)
    seen = engine.peek(bars[at : at + 1], session=session[at : at + 1])
    assert [engine.snapshot(symbol) for symbol in bars.symbols] == before
    np.testing.assert_array_equal(seen, update(engine, bars[at : at + 1]))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), at=st.integers(0, COUNT - 2))
def test_correcting_a_bar_equals_having_seen_it_right_at_once(seed: int, at: int) -> None:
    bars = awkward(seed)
    own = bars[bars.code == 1]
    engine = Engine(EVERYTHING)
    update(engine, own[:at])
    checkpoint = engine.snapshot("S01")
    wrong = Bars(own.symbols, own.code, own.timestamp, own.open, own.high * 2, own.low, own.high, own.volume, own.final)
    update(engine, wrong[at : at + 1])
    update(engine, own[at + 1 :])
    session = (own.timestamp - 1_549_895_400_000) // (25 * 60_000)
    found = engine.correct("S01", checkpoint, own[at:], session=session[at:])
    np.testing.assert_array_equal(found, whole(own)[at:])


def test_values_are_absent_before_their_warm_up_and_finite_after_it() -> None:
    bars = random_bars(1, 400)
    engine = Engine(EVERYTHING)
    values = engine.update(bars, session=np.arange(400) // 30)
    for place, name in enumerate(engine.outputs):
        assert np.isnan(values[: engine.warm_up[place], place]).all(), name
        later = values[max(engine.warm_up[place], 60) :, place]
        assert np.isfinite(later).all(), name


def test_a_value_that_is_not_warm_is_said_to_be_missing() -> None:
    engine = Engine(("sma_20",))
    values = engine.update(random_bars(1, 20))
    with pytest.raises(InsufficientHistory, match="20 bars"):
        engine.warm_value(values[18], "sma_20")
    assert engine.warm_value(values[19], "sma_20") == values[19, 0]


def test_a_snapshot_of_other_indicators_or_a_damaged_one_is_refused() -> None:
    engine = Engine(("sma_20",))
    engine.update(random_bars(1, 30))
    snapshot = engine.snapshot("S00")
    for data in (snapshot[:-1], b"", b"garbage", Engine(("sma_21",)).snapshot("S00")):
        with pytest.raises(SnapshotError):
            engine.restore("S00", data)
    assert engine.snapshot("S00") == snapshot


def test_running_values_do_not_drift() -> None:
    """Ten million bars of one symbol, then against a fresh engine that saw the last few thousand only."""
    rng = np.random.default_rng(0)
    specs = ("sma_20", "sma_200", "wma_50", "bbands_20_2", "stddev_20", "cci_20", "linearreg_14", "mfi_14", "ema_26")
    engine, chunk = Engine(specs), 100_000
    last = 100.0
    for number in range(100):
        close = last * np.exp(np.cumsum(rng.normal(0, 1e-4, chunk)))
        last = 100.0 if number % 10 == 9 else close[-1]  # a jump back now and then keeps prices in their range
        bars = Bars(
            ("X",), np.zeros(chunk, np.int32), 60_000 * np.arange(chunk, dtype=np.int64), close, close * 1.001,
            close * 0.999, close, rng.uniform(1e3, 1e6, chunk), np.ones(chunk, np.bool_),
        )  # fmt: skip
        values = engine.update(bars)
    assert engine.count("X") == 10_000_000
    fresh = Engine(specs).update(bars[chunk - 3000 :])
    np.testing.assert_allclose(values[-1000:], fresh[-1000:], rtol=1e-9, atol=1e-7)


def test_memory_per_symbol_is_bounded() -> None:
    assert Engine().bytes_per_symbol < 8192
    engine = Engine()
    size = engine.bytes_per_symbol
    engine.update(random_bars(5, 2000))
    assert engine.bytes_per_symbol == size
    assert len(engine.snapshot("S00")) < 8192
