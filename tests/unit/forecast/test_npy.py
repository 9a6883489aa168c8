"""Arrays in NumPy's format: whatever the header claims, it is an array of the bytes that came, or a `ValueError`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tapeline.forecast.npy import packed, unpacked


def with_header(text: str, rest: bytes = b"", version: int = 1) -> bytes:
    length = len(text.encode("latin-1", "replace")).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin-1", "replace") + rest


def checked(body: bytes) -> None:
    """Read the body. What is read is no larger than what was sent."""
    try:
        found = unpacked(body)
    except ValueError:
        return
    assert found.nbytes <= len(body)
    assert found.dtype.kind == "f"
    assert math.prod(found.shape) * found.itemsize == found.nbytes


@settings(max_examples=200, deadline=None)
@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0)))
def test_an_array_comes_back_the_same(array: np.ndarray) -> None:
    found = unpacked(packed(array))
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("shape", ["(True, 33)", "(1, True)", "(False, 33)", "(True,)"])
def test_a_truth_value_is_no_length(shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    with pytest.raises(ValueError, match="something else than lengths"):
        unpacked(with_header(header, bytes(264)))


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_array_or_refused(body: bytes) -> None:
    checked(body)
    checked(b"\x93NUMPY\x01\x00" + body)


lengths = st.one_of(
    st.integers(-3, 40).map(str),
    st.integers().map(str),
    st.sampled_from(["True", "False", "None", "1.0", "'1'", "()", "1j"]),
)
descriptions = st.sampled_from(
    ["<f8", ">f8", "<f4", "<f2", "<f16", "<i8", "|O", "|V8", "<U3", "f8", "", "<f8,<f8", "|b1", "<m8", "<c16", "f"]
)


@settings(max_examples=600, deadline=None)
@given(
    st.lists(lengths, max_size=5), descriptions, st.sampled_from(["True", "False", "None", "1", "[]"]),
    st.sampled_from([0, 8, 64, 264, 320]), st.sampled_from([1, 2]),
)  # fmt: skip
@example(["1"] * 70, "<f8", "False", 8, 1)
@example(["1"], ",f8", "False", 8, 1)
def test_any_claim_in_a_header_is_held_against_the_bytes(
    shape: list[str], descr: str, order: str, size: int, version: int
) -> None:
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({''.join(one + ',' for one in shape)}), }}"
    checked(with_header(text, bytes(size), version))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 127), st.integers(1, 255), st.binary(max_size=20))
def test_a_damaged_array_is_an_array_or_refused(index: int, flipped: int, more: bytes) -> None:
    body = bytearray(packed(np.zeros((2, 33))))
    body[index] ^= flipped
    checked(bytes(body) + more)
    checked(bytes(body)[: len(body) - len(more)])
