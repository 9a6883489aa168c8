from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from tapeline.backends.files.file_registry import load_model, save_model
from tapeline.core.rows import Direction
from tapeline.core.times import DAY
from tapeline.errors import ModelError
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.labels import direction
from tapeline.forecast.model import METADATA, TEXT, LightGBMModel


def test_a_saved_model_comes_back_the_same(model, data, tmp_path):
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.metadata == model.metadata
    assert loaded.version == model.version
    assert (loaded.predict(data.X) == model.predict(data.X)).all()
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [METADATA, TEXT]
    save_model(model, tmp_path / "m")  # again, over itself


def test_predictions_are_probabilities_and_nan_where_a_feature_is(model, data):
    X = data.X[:100].copy()
    X[3, 7] = np.nan
    p = model.predict(X)
    assert np.isnan(p).nonzero()[0].tolist() == [3]
    assert ((p > 0) & (p < 1))[np.arange(100) != 3].all()
    with pytest.raises(ValueError, match="33 features"):
        model.predict(X[:, :5])


def test_the_version_names_the_last_day_and_the_content(model):
    day = np.datetime64(model.metadata.trained_until, "ms").astype("M8[D]")
    assert model.version.startswith(str(day).replace("-", "") + "-")
    other = LightGBMModel(model.text, dataclasses.replace(model.metadata, hold_margin=0.123))
    assert other.version != model.version


def test_a_model_for_other_features_is_refused(model, tmp_path):
    save_model(model, tmp_path)
    newer = FeatureSet(DEFAULT_FEATURES.specs, DEFAULT_FEATURES.inputs, DEFAULT_FEATURES.names, len, version=99)
    with pytest.raises(ModelError, match=r"other features.*train again"):
        load_model(tmp_path, newer)


def damage(files: dict[str, bytes], how: str) -> dict[str, bytes]:
    meta = json.loads(files[METADATA])
    if how == "another format":
        meta["format"] = 99
    elif how == "edited metadata":
        meta["hold_margin"] = 0.0
    elif how == "a field less":
        del meta["slope"]
    elif how == "edited trees":
        return files | {TEXT: files[TEXT].replace(b"leaf_value=", b"leaf_value=9", 1)}
    elif how == "trees cut short":
        return files | {TEXT: files[TEXT][:-500]}
    elif how == "no trees":
        return {METADATA: files[METADATA]}
    elif how == "not JSON":
        return files | {METADATA: b"{"}
    elif how == "not UTF-8":
        return files | {TEXT: b"\xff\xfe"}
    return files | {METADATA: json.dumps(meta).encode()}


@pytest.mark.parametrize(
    "how",
    ["another format", "edited metadata", "a field less", "edited trees", "trees cut short", "no trees", "not JSON",
     "not UTF-8"],
)  # fmt: skip
def test_a_damaged_model_is_refused(model, how):
    with pytest.raises(ModelError):
        LightGBMModel.restore(damage(model.dump(), how))


def test_a_missing_model_is_a_clear_error(tmp_path):
    with pytest.raises(ModelError, match=r"no model in .*nothing"):
        load_model(tmp_path / "nothing")


@pytest.mark.parametrize(("number", "remedy"), [(1, "train again"), (2, "train again"), (99, "upgrade")])
def test_a_model_of_another_format_is_refused_with_its_remedy(model, number, remedy):
    files = model.dump()
    document = json.loads(files[METADATA]) | {"format": number}
    with pytest.raises(ModelError, match=f"format {number}, this program reads 3: {remedy}"):
        LightGBMModel.restore(files | {METADATA: json.dumps(document).encode()})


def test_a_model_that_has_not_passed_its_gate_answers_hold_wherever_it_goes(model, data):
    gate = {"times": 80, "until": model.metadata.trained_until, "gain": -0.001, "passed": 0}
    silent = LightGBMModel(model.text, dataclasses.replace(model.metadata, gate=gate))
    restored = LightGBMModel.restore(silent.dump())
    probability = restored.predict(data.X)
    assert (probability == model.predict(data.X)).all(), "they are stored and graded all the same"
    assert (direction(probability, restored.hold_margin) == Direction.HOLD).all()
    passed = LightGBMModel(model.text, dataclasses.replace(model.metadata, gate=gate | {"gain": 0.01, "passed": 1}))
    assert {Direction.UP, Direction.DOWN} <= set(direction(probability, passed.hold_margin))
    never_judged = LightGBMModel(model.text, dataclasses.replace(model.metadata, gate={}))
    assert (direction(probability, never_judged.hold_margin) == Direction.HOLD).all()


def test_no_bar_that_a_model_was_judged_on_is_predicted(model):
    last = model.metadata.trained_until + 50 * DAY
    gate = {"times": 80, "until": last, "gain": 0.01, "passed": 1}
    judged = LightGBMModel(model.text, dataclasses.replace(model.metadata, gate=gate))
    assert judged.trained_until == last
    assert judged.metadata.trained_until < last


def test_predicting_needs_no_lightgbm(model, tmp_path):
    save_model(model, tmp_path)
    code = (
        "import sys; sys.modules['lightgbm'] = None\n"
        "import numpy, tapeline.research.training\n"
        "from tapeline.backends.files.file_registry import load_model\n"
        f"m = load_model({str(tmp_path)!r})\n"
        "print(m.predict(numpy.zeros((1, len(m.features))))[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == model.predict(np.zeros((1, len(model.features))))[0]
