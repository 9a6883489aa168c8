"""Test that bars survive encoding bit for bit, and that damaged bytes are refused, never misread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import random_bars

from tapeline.core.codec import (
    decode,
    encode,
)
from tapeline.core.market import Bar, Bars
from tapeline.errors import DecodeError

ANY = st.floats(allow_nan=True, allow_infinity=True)
SYMBOL, TIME = st.text("ABÄ^=.", min_size=1, max_size=8), st.integers(-(2**63), 2**63 - 1)
BARS = st.lists(st.builds(Bar, SYMBOL, TIME, ANY, ANY, ANY, ANY, ANY, st.booleans()), max_size=20)


def same(one: Bars, other: Bars) -> bool:
    columns = ("code", "timestamp", "open", "high", "low", "close", "volume", "final")
    return one.symbols == other.symbols and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        and getattr(one, name).dtype == getattr(other, name).dtype
        for name in columns
    )


@given(BARS)
def test_round_trip_bit_for_bit(bars: list[Bar]) -> None:
    batch = Bars.of(bars)
    assert same(decode(encode(batch)), batch)


def test_a_strided_slice_is_encoded_as_it_reads() -> None:
    batch = random_bars(3, 20)[::-3]
    assert list(decode(encode(batch))) == list(batch)


def test_decoded_columns_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        decode(encode(random_bars()))  .close[0] = 1  # fmt: skip


@given(st.data())
def test_bytes_that_are_cut_short_or_too_long_are_refused(data: st.DataObject) -> None:
    whole = encode(random_bars(2, 3))
    with pytest.raises(DecodeError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DecodeError):
        decode(whole + data.draw(st.binary(min_size=1, max_size=9)))


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_one_damaged_byte_is_refused_or_changes_only_values(place: int, value: int) -> None:
    whole = bytearray(encode(random_bars(2, 3)))
    whole[place % len(whole)] = value
    try:
        bars = decode(bytes(whole))
    except DecodeError:
        return
    assert len(bars) == 6
    assert len(list(bars)) == 6  # every code has its symbol


def test_a_newer_version_is_refused_with_advice() -> None:
    whole = bytearray(encode(random_bars()))
    whole[2] = 2
    with pytest.raises(DecodeError, match=r"version 2.*upgrade"):
        decode(bytes(whole))


def test_values_that_no_bar_should_have_survive_the_round_trip() -> None:
    batch = Bars.of([Bar("A", 0, math.nan, math.inf, -math.inf, -0.0, 5e-324)])
    assert np.array_equal(decode(encode(batch)).open, batch.open, equal_nan=True)
    assert math.copysign(1, decode(encode(batch)).close[0]) == -1
