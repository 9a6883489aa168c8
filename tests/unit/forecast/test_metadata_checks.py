"""What a model's metadata may hold: whatever is in the file, it is a model or a `ModelError`, and soon."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapeline.errors import ModelError
from tapeline.forecast.drift import drift_by_model
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.metadata_checks import LONGEST_HORIZON
from tapeline.forecast.model import METADATA, LightGBMModel, Metadata, verified, version_of

FIELDS = [field.name for field in dataclasses.fields(Metadata)]

WRONG: list[tuple[str, Any]] = [
    ("horizon", 10**9), ("horizon", 0), ("horizon", -5), ("horizon", "5"), ("horizon", 5.0), ("horizon", True),
    ("horizon", None), ("horizon", [5]), ("no_trade_band", -0.1), ("no_trade_band", "wide"), ("no_trade_band", 1e300),
    ("interval", 0), ("interval", 10**15), ("hold_margin", -1), ("hold_margin", 2), ("slope", "1"), ("slope", 1e200),
    ("trained_from", 10**18), ("trained_until", -(10**18)), ("trained_until", 1.5), ("trained_from", 7_258_118_400_000),
    ("symbols", 5), ("symbols", "AAPL"), ("symbols", [5]), ("symbols", ["A" * 1000]), ("features", []),
    ("features", ["a", "a"]), ("features", "abc"), ("features", [1, 2]), ("rows", -1), ("rows", "many"),
    ("seed", 2**70), ("parameters", []), ("parameters", {"a": {}}), ("metrics", {"skill": "good"}), ("metrics", 7),
    ("reference", {"close": {}}), ("reference", []), ("libraries", {"numpy": 2}), ("data_hash", 1),
    ("feature_hash", None),
]  # fmt: skip


def document_of(model: LightGBMModel, **changes: Any) -> dict[str, Any]:
    return json.loads(model.dump()[METADATA]) | changes


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: str(value)[:20])
def test_a_field_of_another_type_or_out_of_range_is_named(model: LightGBMModel, field: str, value: Any) -> None:
    with pytest.raises(ModelError, match=r"metadata are damaged: (trained_from is after|\w+ )") as caught:
        Metadata.of(document_of(model, **{field: value}))
    assert field in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        {"edges": [1.0], "shares": [1.0]}, {"edges": [2.0, 1.0], "shares": [0.1, 0.2, 0.7]},
        {"edges": [], "shares": [2]}, {"edges": [1.0]}, {"edges": [None], "shares": [0.5, 0.5]},
        {"edges": "1", "shares": "12"},
        {"edges": [1.0], "shares": [0.5, 0.5], "more": []},
    ],
)  # fmt: skip
def test_a_reference_that_drift_cannot_use_is_refused(model: LightGBMModel, damage: Any) -> None:
    reference = document_of(model)["reference"]
    name = next(iter(reference))
    with pytest.raises(ModelError, match="reference"):
        Metadata.of(document_of(model, reference=reference | {name: damage}))
    with pytest.raises(ModelError, match="reference does not describe exactly the features"):
        Metadata.of(document_of(model, reference={name: reference[name]}))


def test_every_field_is_checked_and_a_model_without_a_reference_has_no_drift(model: LightGBMModel) -> None:
    plain = Metadata.of(document_of(model, reference={}))
    X = np.zeros((500, len(DEFAULT_FEATURES.names)))
    times = np.full(500, plain.trained_until + 1)
    assert drift_by_model({"v": plain}, ["v"], times, X) == {}
    for field in FIELDS:
        with pytest.raises(ModelError, match=field):
            Metadata.of(document_of(model, **{field: object()}))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"5", b'"x"', b"null", b"[" * 200_000, b'{"a":' * 100_000, b"\xff\xfe{}", b"1" * 5000,
        b'{"format": 9}', b'{"format": []}', b'{"format": {}}', b'{"format": 3}', b" " * 5_000_000, b'{"a": NaN}',
        b'{"format": 3, "text_sha256": 5, "version": {}}',
    ],
    ids=lambda content: repr(content[:20]),
)  # fmt: skip
def test_other_bytes_are_no_model(model: LightGBMModel, content: bytes) -> None:
    with pytest.raises(ModelError):
        verified(model.dump() | {METADATA: content})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from([*FIELDS, "format", "version"]), values))
def test_whatever_a_field_holds_it_is_a_model_that_can_be_used_or_refused(
    model: LightGBMModel, changes: dict[str, Any]
) -> None:
    """Also one whose hashes are right: whoever writes a file can compute them."""
    document = document_of(model, **changes)
    try:
        metadata = Metadata.of(document)
    except ModelError:
        return
    assert 1 <= metadata.horizon <= LONGEST_HORIZON
    forged = document | {"version": version_of(model.text, metadata), "format": 3}
    _, found = verified(model.dump() | {METADATA: json.dumps(forged).encode()})
    X = np.random.default_rng(0).normal(size=(300, len(DEFAULT_FEATURES.names)))
    times = np.full(300, min(found.trained_until + 1, 7_258_118_400_000))
    drift_by_model({"v": found}, ["v"], times, X)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_damaged_bytes_is_refused(model: LightGBMModel, data: st.DataObject) -> None:
    files = model.dump()
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = LightGBMModel.restore(files | {name: bytes(content)})
    except ModelError:
        return
    assert (found.text, found.metadata) == (model.text, model.metadata), "only what says nothing may differ"
