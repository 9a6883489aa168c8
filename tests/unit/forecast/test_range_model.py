"""A range model's file: what was saved is read back, and anything else is refused in one line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapeline.backends.files.file_registry import LocalFolder
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import ModelError
from tapeline.forecast import range_layout as at
from tapeline.forecast.range_model import RANGE, RangeModel
from tapeline.forecast.range_registry import RangeRegistry

FIELDS = [field.name for field in dataclasses.fields(RangeModel)]


def test_a_model_is_read_back_as_it_was(range_model: RangeModel) -> None:
    assert RangeModel.restore(range_model.dump()[RANGE]) == range_model
    assert range_model.version.startswith("range-2")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interval", 0), ("interval", "1d"), ("form", "weekly"), ("trained_until", 1.5), ("trained_from", 10**18),
        ("symbols", "AAPL"), ("symbols", [1]), ("rows", -1), ("data_hash", 7), ("numbers", [1.0]), ("numbers", []),
        ("coefficients", [[0.0]] * 3), ("coefficients", 5), ("volume_coefficients", []), ("levels", [0.9, 0.5, 0.1]),
        ("levels", [0.0, 0.5, 1.0]), ("quantiles", [[0.0, 1.0]] * 3), ("lowest", [[1.0] * 91] * 2),
        ("highest", [[1e7] * 91] * 3), ("variance_profile", [0.0]), ("volume_profile", [1e9] * 5),
        ("metrics", {"coverage": "high"}),
    ],
)  # fmt: skip
def test_a_field_of_another_type_or_out_of_range_is_named(range_model: RangeModel, field: str, value: Any) -> None:
    document = json.loads(range_model.dump()[RANGE]) | {field: value}
    with pytest.raises(ModelError, match=field) as caught:
        RangeModel.restore(json.dumps(document).encode())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_numbers_that_would_spoil_a_state_are_refused(range_model: RangeModel) -> None:
    for place, value in (
        (at.SLOW_DECAY, 1.0), (at.SLOW_DECAY, 0.0), (at.LONG_RUN_DECAY, -0.5), (at.SCALE_DECAY, 2.0),
        (at.RETURN_SHRINKAGE, 0.0), (at.LONGEST_STEP, -1.0), (at.of_horizon(0, at.MEAN_SQUARE), 0.0),
        (at.of_horizon(0, at.SMEAR), 99.0), (at.of_horizon(2, at.SHRINKAGE), 0.0),
    ):  # fmt: skip
        numbers = [*range_model.numbers[:place], value, *range_model.numbers[place + 1 :]]
        document = json.loads(range_model.dump()[RANGE]) | {"numbers": numbers}
        with pytest.raises(ModelError, match="numbers"):
            RangeModel.restore(json.dumps(document).encode())


def test_a_model_that_was_changed_afterwards_is_refused(range_model: RangeModel) -> None:
    document = json.loads(range_model.dump()[RANGE])
    document["rows"] += 1
    with pytest.raises(ModelError, match="changed after it was written"):
        RangeModel.restore(json.dumps(document).encode())


def test_a_model_of_another_format_says_so(range_model: RangeModel) -> None:
    document = json.loads(range_model.dump()[RANGE]) | {"format": 1}
    with pytest.raises(ModelError, match="has format 1, this program reads 2"):
        RangeModel.restore(json.dumps(document).encode())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(FIELDS),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4)
    ),
)
def test_whatever_the_file_says_it_is_a_model_or_a_model_error(range_model: RangeModel, field: str, value: Any) -> None:
    document = json.loads(range_model.dump()[RANGE]) | {field: value}
    with pytest.raises(ModelError):
        RangeModel.restore(json.dumps(document).encode())


def test_a_model_is_refused_on_bars_of_another_interval(range_model: RangeModel) -> None:
    range_model.check(DAY)
    range_model.check(None)
    with pytest.raises(ModelError, match=r"is for bars of 1d, these are of 1m: train one on such bars"):
        range_model.check(MINUTE)


def test_the_registry_gives_back_what_is_in_use(range_model: RangeModel, tmp_path: Path) -> None:
    registry = RangeRegistry(LocalFolder(tmp_path))
    assert registry.current("default") is None
    with pytest.raises(ModelError, match="no range model default is in use"):
        registry.load("default")
    version = registry.save("default", range_model)
    with pytest.raises(ModelError, match="there is no range model range-1"):
        registry.promote("default", "range-1", at=1)
    registry.promote("default", version, at=1)
    registry.promote("default", version, at=2)
    again = RangeRegistry(LocalFolder(tmp_path))
    assert again.load("default") == range_model
    assert again.models() == ({version: range_model}, ())
    (tmp_path / "default" / version / RANGE).write_text("{}")
    models, faults = RangeRegistry(LocalFolder(tmp_path)).models()
    assert not models
    assert "range model default/range-" in faults[0]
    (tmp_path / "default" / "current-range.json").write_text("[]")
    with pytest.raises(ModelError, match="is damaged"):
        RangeRegistry(LocalFolder(tmp_path)).current("default")
