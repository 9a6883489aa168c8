"""Blocks give back bit for bit what was put into them, and damaged bytes are never read as something else."""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import MINUTE, START, random_bars

from tapeline.backends.sqlite.bar_blocks import BESIDE, Block, put_in, same
from tapeline.backends.sqlite.block_codec import decode, encode
from tapeline.backends.sqlite.block_totals import BlockEntry
from tapeline.backends.sqlite.short_blocks import decode_all
from tapeline.core.market import OHLCV, Bars
from tapeline.core.rows import FORECAST, RANGE_CODES
from tapeline.errors import DecodeError

#: Small blocks, the two sides of the size from which the shortest encoding is looked for, and a whole block.
COUNTS = (0, 1, 2, 3, 17, 511, 512, 513, 4096)

floats = st.floats(width=64)  # with NaN of any payload, both zeros, infinities and subnormal numbers
numbers = st.one_of(
    st.lists(floats, min_size=1, max_size=20),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20),
    st.lists(st.integers(-(10**6), 10**8).map(lambda number: number / 100), min_size=1, max_size=20),
    st.lists(st.integers(-(10**6), 10**9).map(lambda number: number / 10_000), min_size=1, max_size=20),
    st.lists(st.integers(-(2**70), 2**70).map(float), min_size=1, max_size=20),
    st.lists(st.sampled_from([0.0, -0.0, 1.0]), min_size=1, max_size=3),
)
steps = st.lists(st.integers(1, 2**33) | st.just(MINUTE), min_size=1, max_size=5)


def forecast_of(draw: Any, count: int) -> dict[str, NDArray[Any]]:
    """Draw every column of a forecast: whole numbers, or any floats."""
    found = {}
    for name, (dtype, _) in FORECAST.items():
        whole = issubclass(dtype, np.integer)
        values = draw(st.lists(st.integers(0, 3), min_size=1, max_size=9) if whole else numbers)
        with np.errstate(all="ignore"):
            found[name] = np.resize(np.array(values).astype(dtype), count)
    return found


@st.composite
def blocks(draw: Any, counts: tuple[int, ...] = COUNTS) -> Block:
    count = draw(st.sampled_from(counts))
    start = draw(st.integers(-(2**40), 2**43))
    timestamp = start + np.cumsum(np.resize(np.array(draw(steps), np.int64), count), dtype=np.int64)
    values = np.stack([np.resize(np.array(draw(numbers)), count) for _ in OHLCV], axis=1)
    beside = forecast_of(draw, count)
    beside["model"] = np.resize(
        np.array(draw(st.lists(st.integers(-1, 2**31 - 1), min_size=1, max_size=4)), np.int32), count
    )
    corrected = sorted(draw(st.sets(st.integers(0, count - 1), max_size=9))) if count else []
    if corrected:
        beside["known"] = np.full((count, len(OHLCV)), np.nan)
        beside["known"][corrected] = np.stack([np.resize(draw(numbers), len(corrected)) for _ in OHLCV], axis=1)
        first = beside["known"][corrected, 0]  # a first open that is no number would say that there is none
        beside["known"][corrected, 0] = np.where(np.isnan(first), -0.0, first)
    if draw(st.booleans()):
        codes = draw(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=9))
        said = np.resize(np.array(draw(st.lists(st.integers(-1, 9), min_size=1)), np.int32), count)
        beside["range_model"] = said
        beside["ranges"] = np.resize(np.array(codes, np.uint16), (count, len(RANGE_CODES)))
        beside["ranges"] *= (said >= 0).any()  # a range is of a model
    return Block(timestamp, values, beside)


def columns_of(block: Block) -> dict[str, NDArray[Any]]:
    return {"timestamp": block.timestamp, "values": block.values} | {name: block.column(name) for name in BESIDE}


def assert_identical(found: Block | None, wanted: Block) -> None:
    """Compare bit by bit: NaN by its payload, and zeros by their sign."""
    assert found is not None
    for name, column in columns_of(wanted).items():
        other = columns_of(found)[name]
        assert (other.dtype, other.shape) == (column.dtype, column.shape), name
        assert np.ascontiguousarray(other).tobytes() == np.ascontiguousarray(column).tobytes(), name


def block_of(bars: Bars) -> Block:
    return Block(bars.timestamp, np.stack([getattr(bars, name) for name in OHLCV], axis=1), {})


@settings(max_examples=300, deadline=None)
@given(block=blocks())
def test_what_is_read_is_bit_for_bit_what_was_written(block: Block) -> None:
    data = encode(block)
    assert_identical(decode(data), block)
    assert_identical(decode(data, bars_only=True), Block(block.timestamp, block.values, {}))
    if len(block):
        turned = dataclasses.replace(block, values=np.ascontiguousarray(block.values[::-1]))  # written alike
        entry = BlockEntry(1, int(block.timestamp[0]), int(block.timestamp[-1]), len(block))
        pairs = [(entry, data), (dataclasses.replace(entry, count=0), data), (entry, encode(turned)), (entry, data[1:])]
        one, meant, other, damaged = decode_all(pairs)
        assert_identical(one, block)
        assert_identical(other, turned)
        assert meant is damaged is None


@settings(max_examples=60, deadline=None)
@given(block=blocks((1, 5, 600)), cuts=st.lists(st.integers(0, 600), max_size=4))
def test_a_block_cut_and_joined_is_the_same_block(block: Block, cuts: list[int]) -> None:
    edges = sorted({0, len(block), *(cut for cut in cuts if cut < len(block))})
    assert_identical(Block.concat([block[a:b] for a, b in itertools.pairwise(edges)]), block)


@settings(max_examples=100, deadline=None)
@given(
    old=st.sets(st.integers(0, 30), max_size=20), new=st.sets(st.integers(0, 30), min_size=1, max_size=20),
    corrected=st.sets(st.integers(0, 30)),
)  # fmt: skip
def test_bars_put_in_replace_those_of_their_times(old: set[int], new: set[int], corrected: set[int]) -> None:
    def of(times: set[int], value: float) -> Block:
        timestamp = np.array(sorted(times), np.int64)
        count = len(timestamp)
        known = np.full((count, 5), np.nan)
        known[np.isin(timestamp, list(corrected))] = 10 * value
        said = np.full(count, int(value))
        beside = {"prediction": said.astype(np.int8), "model": said.astype(np.int32), "known": known}
        return Block(timestamp, np.full((count, 5), value), beside)

    made = put_in(of(old, 1.0), of(new, 2.0))
    wanted = dict.fromkeys(old, 1.0) | dict.fromkeys(new, 2.0)
    assert made.timestamp.tolist() == sorted(wanted)
    assert made.values[:, 3].tolist() == [wanted[time] for time in sorted(wanted)]
    for name in ("prediction", "model"):
        assert made.beside[name].tolist() == [wanted[time] for time in sorted(wanted)]
    revised = ~np.isnan(made.beside["known"][:, 0])
    assert made.timestamp[revised].tolist() == sorted(corrected & wanted.keys())
    assert made.beside["known"][revised, 0].tolist() == [10 * wanted[t] for t in sorted(corrected & wanted.keys())]
    assert same(made, put_in(made, of(new, 2.0)))


def test_one_value_that_differs_makes_blocks_differ() -> None:
    beside = {
        "known": np.ones((40, 5)), "ranges": np.ones((40, len(RANGE_CODES)), np.uint16),
        "range_model": np.zeros(40, np.int32),
    }  # fmt: skip
    block = dataclasses.replace(block_of(random_bars(1, 40)), beside=beside)
    for name in columns_of(block):
        changed = decode(encode(block))
        other = columns_of(changed)[name]
        other[(20, *(0 for _ in other.shape[1:]))] = 7
        assert not same(block, changed), name
        assert same(block, decode(encode(block)))


def test_every_truncated_block_is_refused() -> None:
    for data in (encode(block_of(random_bars(1, count))) for count in (1, 40)):
        for length in range(len(data)):
            with pytest.raises(DecodeError):
                decode(data[:length])
        with pytest.raises(DecodeError):
            decode(data + b"\0")


def test_every_flipped_bit_is_found() -> None:
    data = encode(block_of(random_bars(1, 40)))
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecodeError):
            decode(bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(
    block=blocks((1, 3, 512)), start=st.integers(0, 10**6), garbage=st.binary(min_size=1, max_size=4),
)  # fmt: skip
def test_overwritten_bytes_are_never_read_as_something_else(block: Block, start: int, garbage: bytes) -> None:
    data = encode(block)
    start %= len(data)
    damaged = (data[:start] + garbage + data[start + len(garbage) :])[: len(data)]
    if damaged != data:
        with pytest.raises(DecodeError):
            decode(damaged)


def test_bytes_of_a_later_version_are_refused_with_advice() -> None:
    data = bytearray(encode(block_of(random_bars(1, 3))))
    data[2] = 200
    data[-4:] = zlib.crc32(data[:-4]).to_bytes(4, "little")
    with pytest.raises(DecodeError, match=r"version 200; .* upgrade tapeline"):
        decode(bytes(data))


@pytest.mark.parametrize("decimals", [2, 4])
def test_prices_of_a_few_decimals_take_few_bytes(decimals: int) -> None:
    bars = random_bars(1, 4096, start=START)
    rounded = block_of(bars)
    rounded.values[:, :4] = np.round(rounded.values[:, :4], decimals)
    assert len(encode(rounded)) / 4096 < {2: 9, 4: 12}[decimals]
