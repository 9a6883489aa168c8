"""What every `Predictor` promises, run against each backend and the fake."""

from __future__ import annotations

import numpy as np
import pytest

from tapeline.backends.aws.sagemaker_predictor import SageMakerPredictor
from tapeline.core.market import Floats
from tapeline.core.ports import Predictor
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.model import LightGBMModel
from tapeline.research.training import fit
from tests.daily import daily_bars
from tests.fakes.models import FakeModel
from tests.fakes.sagemaker import FakeEndpoint


@pytest.fixture(scope="module")
def model() -> LightGBMModel:
    return fit([daily_bars(symbols=4, count=500, reversal=1.5)])


@pytest.fixture(params=["lightgbm", "sagemaker", "fake", "fake_constant"])
def predictor(request: pytest.FixtureRequest, model: LightGBMModel) -> Predictor:
    match request.param:
        case "lightgbm":
            return model
        case "sagemaker":
            asking = SageMakerPredictor(FakeEndpoint(model), "endpoint", clock=lambda: 0)
            assert asking.prepare()
            return asking
        case "fake":
            return FakeModel()
        case _:
            return FakeModel(answer=0.75)


@pytest.fixture(scope="module")
def X() -> Floats:
    return np.random.default_rng(3).normal(0, 0.01, (40, len(DEFAULT_FEATURES.names)))


def test_each_row_gets_a_probability(predictor: Predictor, X: Floats) -> None:
    found = predictor.predict(X)
    assert found.dtype == np.float64
    assert found.shape == (40,)
    assert ((found >= 0) & (found <= 1)).all()


def test_no_rows_get_no_answers(predictor: Predictor, X: Floats) -> None:
    assert predictor.predict(X[:0]).shape == (0,)


def test_the_same_features_get_the_same_answer_in_any_batch(predictor: Predictor, X: Floats) -> None:
    whole = predictor.predict(X)
    order = np.random.default_rng(4).permutation(len(X))
    assert predictor.predict(X[order]).tolist() == whole[order].tolist()
    for first, end in ((0, 1), (1, 7), (7, 40)):
        assert predictor.predict(X[first:end]).tolist() == whole[first:end].tolist()


def test_features_are_not_changed(predictor: Predictor, X: Floats) -> None:
    given = X.copy()
    predictor.predict(given)
    assert given.tolist() == X.tolist()


def test_an_answer_comes_with_a_version_a_training_span_and_a_hold_margin(predictor: Predictor, X: Floats) -> None:
    predictor.predict(X)
    assert predictor.version
    assert isinstance(predictor.trained_until, int)
    assert 0 <= predictor.hold_margin < 0.5
    assert isinstance(predictor.features, tuple)
