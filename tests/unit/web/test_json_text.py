"""The page's JSON says what the values are, whoever computed them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeline.web.json_text import json_bytes


@dataclass(frozen=True, slots=True)
class Quote:
    symbol: str
    price: float


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("ab"), inner, max_size=5), max_leaves=20,
))  # fmt: skip
def test_plain_data_reads_as_it_was(value: object) -> None:
    assert json.loads(json_bytes(value)) == value


def test_numbers_of_numpy_are_numbers_and_what_is_none_is_null() -> None:
    columns = {
        "timestamp": np.array([1_549_895_400_000], np.int64), "empty": np.empty(0),
        "close": np.array([0.1, np.nan, np.inf, -np.inf, 1e-7, 5e-324]),
        "final": np.array([True, False]), "table": np.ones((2, 2)), "every": np.arange(6)[::2],
    }  # fmt: skip
    assert json.loads(json_bytes(columns)) == {
        "timestamp": [1_549_895_400_000], "close": [0.1, None, None, None, 1e-7, 5e-324], "final": [True, False],
        "empty": [], "table": [[1.0, 1.0], [1.0, 1.0]], "every": [0, 2, 4],
    }  # fmt: skip
    assert (
        json_bytes([np.float64(1.5), np.float64(np.nan), np.int64(3), np.bool_(True), np.float32(0.5)])
        == b"[1.5,null,3,true,0.5]"
    )


def test_dataclasses_are_objects_and_keys_are_texts() -> None:
    assert (
        json_bytes({"quote": Quote("AAPL", float("nan")), 5: (1, 2)})
        == b'{"quote":{"symbol":"AAPL","price":null},"5":[1,2]}'
    )


def test_what_has_no_json_is_an_error_that_names_it() -> None:
    with pytest.raises(TypeError, match="object is not written as JSON"):
        json_bytes({"a": object()})
    with pytest.raises(TypeError, match="longdouble is not written as JSON"):
        json_bytes([np.longdouble(1)])
