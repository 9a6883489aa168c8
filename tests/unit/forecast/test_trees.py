from __future__ import annotations

import re

import lightgbm
import numpy as np
import pytest

from tapeline.errors import ModelError
from tapeline.forecast.trees import parse


def trained(leaves: int, trees: int, width: int = 6, seed: int = 0) -> lightgbm.Booster:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3000, width))
    y = (X[:, 0] * X[:, 1] + 0.3 * X[:, 2] + rng.normal(size=3000) > 0).astype(float)
    settings = {"objective": "binary", "num_leaves": leaves, "num_threads": 1, "verbosity": -1, "seed": seed}
    return lightgbm.train(settings, lightgbm.Dataset(X, y), trees)


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    return trained(15, 40)


@pytest.mark.parametrize(("leaves", "trees"), [(2, 1), (15, 40), (64, 25), (80, 5)])
def test_scores_equal_lightgbms_bit_for_bit(leaves, trees):
    booster = trained(leaves, trees)
    rng = np.random.default_rng(1)
    own = parse(booster.model_to_string(), 6)
    X = np.concatenate((rng.normal(size=(5000, 6)), np.full((1, 6), np.inf), np.zeros((1, 6)), -np.full((1, 6), 1e300)))
    # thresholds themselves: <= must go the same way
    X = np.concatenate((X, np.repeat(own.threshold[:200, None], 6, axis=1)))
    assert (own.score(X) == booster.predict(X, raw_score=True)).all()
    np.testing.assert_allclose(own.probability(X), booster.predict(X), rtol=1e-14)


def test_a_row_has_the_same_probability_in_any_batch(booster):
    own = parse(booster.model_to_string(), 6)
    X = np.random.default_rng(2).normal(size=(500, 6))
    whole = own.probability(X)
    assert (np.concatenate([own.probability(X[i : i + 1]) for i in range(500)]) == whole).all()
    assert (own.probability(np.asfortranarray(X)) == whole).all()
    assert own.probability(X[:0]).shape == (0,)


def test_a_row_with_nan_has_no_score(booster):
    own = parse(booster.model_to_string(), 6)
    X = np.zeros((3, 6))
    X[1, 5] = np.nan
    assert np.isnan(own.probability(X)).tolist() == [False, True, False]
    assert np.isnan(own.score(X)).tolist() == [False, True, False]


def test_trees_without_a_split_are_read():
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1}, lightgbm.Dataset(np.zeros((500, 2)), np.arange(500) % 4 == 0), 1
    )
    X = np.ones((3, 2))
    np.testing.assert_allclose(parse(booster.model_to_string(), 2).probability(X), booster.predict(X), rtol=1e-14)


def broken(text: str) -> dict[str, str]:
    lines = text.split("\n")
    child = next(i for i, line in enumerate(lines) if line.startswith("left_child="))
    loop = [*lines]
    loop[child] = "left_child=" + " ".join(["0"] * len(lines[child].split()))
    far = [*lines]
    far[child] = "left_child=" + " ".join(["9999"] * len(lines[child].split()))
    return {
        "not a model": "hello",
        "empty": "",
        "cut short": text[: len(text) // 2],
        "another version": text.replace("version=v4", "version=v9"),
        "another objective": text.replace("objective=binary sigmoid:1", "objective=regression"),
        "a loop": "\n".join(loop),
        "a child that is not there": "\n".join(far),
        "a letter in a number": text.replace("threshold=", "threshold=x", 1),
        "a feature that is not there": text.replace("split_feature=", "split_feature=99 ", 1),
        "missing-value splits": text.replace("decision_type=2", "decision_type=10", 1),
        "a tree less": text.replace("Tree=3\n", "Tree3\n"),
        "a leaf that is no number": re.sub(r"leaf_value=\S+", "leaf_value=nan", text, count=1),
        "a leaf without end": re.sub(r"leaf_value=\S+", "leaf_value=-inf", text, count=1),
        "a threshold that is no number": re.sub(r"threshold=\S+", "threshold=nan", text, count=1),
        "no tree at all": re.sub(r"tree_sizes=.*", "tree_sizes=", text.partition("\nTree=")[0] + "\nend of trees\n"),
    }


@pytest.mark.parametrize("what", list(broken("left_child=0")))
def test_a_damaged_text_is_refused(booster, what):
    with pytest.raises(ModelError):
        parse(broken(booster.model_to_string())[what], 6)


def test_another_number_of_features_is_refused(booster):
    with pytest.raises(ModelError, match="features"):
        parse(booster.model_to_string(), 7)
