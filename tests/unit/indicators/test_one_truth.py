"""Test that batch, stream, shuffled micro-batches and a restore at any point give one value, to the last bit."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import random_bars

from tapeline.core.codec import decode, encode
from tapeline.core.market import Bars, Floats
from tapeline.errors import DecodeError
from tapeline.indicators import CATALOGUE, Engine
from tapeline.indicators.kernels.interface import BLOCK, REBASE

EVERYTHING = tuple(CATALOGUE)
COUNT = REBASE + 40  # every running sum is re-based and every column moved to its front on the way


def awkward(seed: int) -> Bars:
    """Three symbols: one that never moves and never trades, one of 1e-6 in ticks, one of 1e9; some flat stretches."""
    bars = random_bars(3, COUNT, seed)
    rng = np.random.default_rng(seed)
    scale = np.array([1.0, 1e-6, 1e9])[bars.code] / np.array([b.close for b in list(bars)[:3]])[bars.code]
    flat = (bars.code == 0) & (np.arange(len(bars)) > 600 * rng.uniform())
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
def test_a_restored_engine_continues_as_the_original(seed: int, at: int) -> None:
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
def test_correcting_a_bar_equals_having_seen_it_right_the_first_time(seed: int, at: int) -> None:
    bars = awkward(seed)
    own = bars[bars.code == 1]
    engine = Engine(EVERYTHING)
    update(engine, own[:at])
    checkpoint = engine.snapshot("S01")
    wrong = Bars(own.symbols, own.code, own.timestamp, own.open, own.high * 2, own.low, own.high, own.volume, own.final)
    update(engine, wrong[at : at + 1])
    update(engine, own[at + 1 :])
    session = (own.timestamp - 1_549_895_400_000) // (25 * 60_000)
    engine.restore("S01", checkpoint)
    found = engine.update(own[at:], session=session[at:])
    np.testing.assert_array_equal(found, whole(own)[at:])
    at_once = Engine(EVERYTHING)
    update(at_once, own)
    assert engine.snapshot("S01") == at_once.snapshot("S01")


def test_values_are_absent_before_their_warm_up_and_finite_after_it() -> None:
    bars = random_bars(1, 400)
    engine = Engine(EVERYTHING)
    values = engine.update(bars, session=np.arange(400) // 30)
    for place, name in enumerate(engine.outputs):
        assert np.isnan(values[: engine.warm_up[place], place]).all(), name
        later = values[max(engine.warm_up[place], 60) :, place]
        assert np.isfinite(later).all(), name


def test_a_snapshot_of_other_indicators_or_a_damaged_one_is_refused() -> None:
    engine = Engine(("sma_20",))
    engine.update(random_bars(1, 30))
    snapshot = engine.snapshot("S00")
    for data in (snapshot[:-1], b"", b"garbage", snapshot[:30], snapshot[:-9] + b"X" + snapshot[-8:]):
        with pytest.raises(DecodeError, match=r"not a snapshot|damaged"):
            engine.restore("S00", data)
    with pytest.raises(DecodeError, match="other indicators or version"):
        engine.restore("S00", Engine(("sma_21",)).snapshot("S00"))
    assert engine.snapshot("S00") == snapshot


def test_running_values_do_not_drift() -> None:
    """Ten million bars of one symbol; the last values are those of their windows, computed afresh."""
    rng = np.random.default_rng(0)
    n, chunk, last = 20, 100_000, 100.0
    specs = ("sma_20", "wma_20", "stddev_20", "linearreg_20", "cci_20", "mfi_20", "parkinson_20", "ad", "obv")
    engine = Engine(specs)
    flows, volumes = [], []
    before = last
    for number in range(100):
        close = last * np.exp(np.cumsum(rng.normal(0, 1e-4, chunk)))
        high, low, volume = close * 1.0011, close * 0.999, rng.integers(0, 10**6, chunk).astype(float)
        bars = Bars(
            ("X",), np.zeros(chunk, np.int32), 60_000 * np.arange(chunk, dtype=np.int64), close, high, low, close,
            volume, np.ones(chunk, np.bool_),
        )  # fmt: skip
        values = dict(zip(specs, engine.update(bars).T, strict=True))
        flows.append(math.fsum(((close - low) - (high - close)) / (high - low) * volume))
        signs = np.sign(np.diff(close, prepend=before))
        volumes.append(math.fsum((signs if number else np.r_[1.0, signs[1:]]) * volume))
        before = close[-1]
        last = 100.0 if number % 10 == 9 else before  # a jump back now and then keeps prices in their range
    assert engine.count("X") == 10_000_000
    window = np.lib.stride_tricks.sliding_window_view(close, n)[-1000:]
    typical = np.lib.stride_tricks.sliding_window_view((high + low + close) / 3, n + 1)[-1000:]
    flow = typical[:, 1:] * np.lib.stride_tricks.sliding_window_view(volume, n)[-1000:]
    place = np.arange(n) - (n - 1) / 2
    slope = (window - window.mean(axis=1, keepdims=True)) @ place / (place @ place)
    middle = typical[:, 1:].mean(axis=1)
    deviation = np.abs(typical[:, 1:] - middle[:, None]).mean(axis=1)
    fresh = {
        "sma_20": window.mean(axis=1),
        "wma_20": window @ np.arange(1, n + 1) / (n * (n + 1) / 2),
        "stddev_20": window.std(axis=1),
        "linearreg_20": window.mean(axis=1) + slope * (n - 1) / 2,
        "mfi_20": 100 * np.where(np.diff(typical) > 0, flow, 0).sum(axis=1) / flow.sum(axis=1),
        "parkinson_20": np.full(1000, math.log(1.0011 / 0.999) / math.sqrt(4 * math.log(2))),
    }
    for name, expected in fresh.items():
        np.testing.assert_allclose(values[name][-1000:], expected, rtol=1e-9, err_msg=name)
    expected = (typical[:, -1] - middle) / (0.015 * deviation)
    np.testing.assert_allclose(values["cci_20"][-1000:], expected, rtol=1e-9, atol=1e-7)
    assert values["ad"][-1] == pytest.approx(math.fsum(flows), rel=1e-9)
    assert values["obv"][-1] == math.fsum(volumes)


def test_memory_per_symbol_is_bounded() -> None:
    """At most 3 KB for the default set, in memory and as a snapshot, however many bars were seen."""
    engine = Engine()
    size = engine.bytes_per_symbol
    assert size <= 2048
    engine.update(random_bars(5, 2000))
    assert engine.bytes_per_symbol == size
    assert len(engine.snapshot("S00")) < size


def test_indicators_over_one_input_share_its_window() -> None:
    one = Engine(("sma_200",)).bytes_per_symbol
    readers = ("sma_50", "sma_100", "wma_200", "roc_150", "mom_60", "linearreg_30", "bbands_180_2", "midpoint_150")
    assert Engine(("sma_200", *readers)).bytes_per_symbol < one + 256


def test_growing_to_ten_thousand_symbols_keeps_the_state_of_the_first() -> None:
    engine = Engine()
    bars = random_bars(2, 250)
    engine.update(bars[:400])
    engine.slots([f"T{i}" for i in range(10_000)])
    np.testing.assert_array_equal(engine.update(bars[400:]), Engine().update(bars)[400:])
    assert len(engine.symbols) == 10_002


def test_a_forgotten_symbol_frees_its_row_for_a_new_one() -> None:
    bars = random_bars(2, 100)
    engine = Engine(EVERYTHING)
    update(engine, bars)
    engine.forget("S00")
    engine.forget("never seen")
    assert engine.symbols == ("S01",)
    other = Bars(("NEW", "S01"), *(getattr(bars, name) for name in bars.__slots__ if name != "symbols"))
    new = other.code == 0
    np.testing.assert_array_equal(update(engine, other[new]), whole(bars)[new])
    assert engine.slots(["NEW"])[0] == 0


def test_the_fast_path_for_a_single_bar_gives_the_same_values() -> None:
    bars = random_bars(1, 2 * BLOCK + 3)
    engine, out = Engine(EVERYTHING), np.empty(len(Engine(EVERYTHING).outputs))
    slot, expected = int(engine.slots(["S00"])[0]), Engine(EVERYTHING).update(bars)
    for i, bar in enumerate(bars):
        engine.update_one(out, slot, bar.timestamp // 86_400_000, bar.open, bar.high, bar.low, bar.close, bar.volume)
        np.testing.assert_array_equal(out, expected[i])


@pytest.mark.parametrize("symbols", [1, 3])
def test_values_can_be_written_to_the_callers_array_in_either_order(symbols: int) -> None:
    bars = random_bars(symbols, 300)
    for call in (Engine.update, Engine.peek):
        expected = call(Engine(EVERYTHING), bars)
        for order in ("C", "F"):
            out = np.full(expected.shape, -1.0, order=order)
            assert call(Engine(EVERYTHING), bars, out) is out
            np.testing.assert_array_equal(out, expected)
        columns = np.full((len(bars) + 7, expected.shape[1]), -1.0, order="F")
        call(Engine(EVERYTHING), bars, columns[3:-4])
        np.testing.assert_array_equal(columns[3:-4], expected)
        assert (np.delete(columns, np.s_[3:-4], axis=0) == -1.0).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_symbols_that_use_one_row_in_turn_have_their_own_values(order: Literal["C", "F"]) -> None:
    bars = awkward(3)
    bars = bars[np.argsort(bars.code, kind="stable")]
    bars = bars[np.concatenate((np.arange(5), np.arange(COUNT, 2 * COUNT), np.arange(2 * COUNT, 2 * COUNT + BLOCK)))]
    expected, ends = whole(bars), np.array([0, 5, 5, 5 + COUNT, len(bars)])
    session = (bars.timestamp - 1_549_895_400_000) // (25 * 60_000)
    columns = [session, bars.open, bars.high, bars.low, bars.close, bars.volume]
    engine, found = Engine(EVERYTHING), np.empty(expected.shape, order=order)
    cut = 5 + COUNT // 2
    engine.update_in_turn(np.array([0, 5, cut]), *(column[:cut] for column in columns), found[:cut])
    engine.update_in_turn(ends[3:] - cut, *(column[cut:] for column in columns), found[cut:])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(Engine(EVERYTHING).update_in_turn(ends, *columns), expected)
    for wrong in ([5, 4, len(bars)], [5], []):
        with pytest.raises(ValueError, match="ends must rise"):
            engine.update_in_turn(np.array(wrong, np.int64), *columns)


def test_an_engine_that_was_restarted_has_seen_no_bar() -> None:
    bars = random_bars(3, 200)
    engine = Engine(EVERYTHING)
    first, slots = engine.update(bars), engine.slots(bars.symbols).tolist()
    engine.restart()
    assert engine.slots(bars.symbols).tolist() == slots
    assert engine.count("S00") == 0
    np.testing.assert_array_equal(engine.update(bars), first)


def test_read_only_and_unaligned_bars_from_the_codec_are_accepted() -> None:
    bars = random_bars(3, 100)
    received = decode(encode(bars))
    assert not received.close.flags.writeable
    np.testing.assert_array_equal(whole(received), whole(bars))


def test_wrong_arguments_are_refused_before_anything_is_committed() -> None:
    bars = random_bars(2, 10)
    engine = Engine(("sma_5",))
    slots = engine.slots(bars.symbols)[bars.code]
    columns = (bars.timestamp, bars.open, bars.high, bars.low, bars.close, bars.volume)
    before = engine.snapshot("S00")
    for call in (engine.update_columns, engine.peek_columns):
        for wrong in (slots + 16, slots - 1):
            with pytest.raises(ValueError, match="slot"):
                call(wrong, *columns)
        with pytest.raises(ValueError, match="one length"):
            call(slots[1:], *columns)
        for out in (np.empty((20, 2)), np.empty((20, 1), np.float32), np.empty((40, 1))[::2], np.empty((20, 1))[::-1]):
            with pytest.raises(ValueError, match=r"out must be .*\(20, 1\)"):
                call(slots, *columns, out)
    assert engine.snapshot("S00") == before


def test_no_bars_give_no_values() -> None:
    engine = Engine()
    assert engine.update(Bars.of(())).shape == engine.peek(Bars.of(())).shape == (0, len(engine.outputs))
