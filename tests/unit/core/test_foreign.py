"""What comes in as JSON is a value of the right kind or a `DecodeError`, and nothing else."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeline.core.foreign import Bounds, load_json
from tapeline.errors import DecodeError, OversizedError

BOUNDS = Bounds(100_000)

texts = st.text(st.characters(exclude_categories=("Cs",)))
values = st.recursive(
    st.none() | st.booleans() | texts | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(values)
def test_what_is_written_is_read(value: object) -> None:
    written = json.dumps(value, ensure_ascii=False)
    assert load_json(written, BOUNDS) == load_json(written.encode(), BOUNDS) == value


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[1,", b"[1]x", b"NaN", b'{"a":Infinity}', b"-Infinity", b"1e999", b"-1e999", b"01", b"1.", b"-", b"nul",
        b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xff"', b'{"\xff": 1}', b'"\xed\xa0\x80"', b'"\x01"', b'"a',
        b"\xef\xbb\xbf1", b"\xff", b"9" * 310, b"[" + b"9" * 310 + b"]", b"9" * 5000,
        b'{"a": "' + b"1" * 20 + b'", "b": NaN}',
        b"{'a': 1}",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError, match=r"it is not JSON: .") as refused:
        load_json(content, BOUNDS)
    assert refused.value.__cause__ is None


def test_a_whole_number_of_more_than_64_bits_is_a_float() -> None:
    found = load_json(
        b"[1e19, 18446744073709551615, 18446744073709551616, -9223372036854775809, 1.12345678901234567890]", BOUNDS
    )
    assert found == [1e19, 2**64 - 1, float(2**64), float(-(2**63) - 1), 1.1234567890123457]
    assert [type(each) for each in found] == [float, int, float, float, float]
    assert load_json(b'{"id": "123456789012345678901234567890", "n": ' + b"9" * 300 + b"}", BOUNDS) == {
        "id": "123456789012345678901234567890", "n": float("9" * 300),
    }  # fmt: skip
    assert math.isfinite(load_json(b"9" * 308, BOUNDS))


@pytest.mark.parametrize("written", ["-9223372036854775809", "18446744073709551616", "[0.5, -9999999999999999999]"])
def test_it_is_one_wherever_it_stands(written: str) -> None:
    (found,) = load_json(f"[{written}]", BOUNDS)
    assert type(found[-1] if isinstance(found, list) else found) is float


def test_many_digits_after_a_point_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", None)
    assert load_json(b"[0.00015769858120506797, 1.00000000000000000000]", BOUNDS) == [0.00015769858120506797, 1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" " * 100_001, "longer than 100,000 bytes"),
        ("é" * 50_001, "longer than 100,000 bytes"),
        (b"[" * 17 + b"]" * 17, "nested deeper than 16"),
        (b"[" * 50_000 + b"]" * 50_000, "nested deeper than 16"),
        (b"[" + b"[]," * 30_000, "more than 20,000 arrays"),
        (b"[" + b"1," * 30_000, "more than 25,000 values"),
    ],
)
def test_what_is_out_of_bounds_is_refused_before_it_is_read(content: bytes | str, reason: str) -> None:
    bounds = Bounds(100_000, parts=100_000) if "deeper" in reason else Bounds(100_000, parts=20_000, values=25_000)
    with pytest.raises(OversizedError, match=reason):
        load_json(content, bounds)
