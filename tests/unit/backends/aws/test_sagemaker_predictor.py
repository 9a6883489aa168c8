"""Test the endpoint's predictor with the real `serve`, and with every way an endpoint can fail."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from tests.daily import daily_bars
from tests.fakes.sagemaker import FakeEndpoint

from tapeline.backends.aws.sagemaker_predictor import FAILURES, PAUSE, SageMakerPredictor
from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import LATEST_TIMESTAMP
from tapeline.core.times import DAY, MINUTE
from tapeline.forecast.features import FeatureSet
from tapeline.forecast.model import LightGBMModel
from tapeline.research.dataset import build
from tapeline.research.training import fit


@pytest.fixture(scope="module")
def model() -> LightGBMModel:
    return fit([daily_bars(symbols=4, count=500, reversal=1.5)])


@pytest.fixture(scope="module")
def newer() -> LightGBMModel:
    return fit([daily_bars(symbols=4, count=600, reversal=1.5)])


@pytest.fixture(scope="module")
def X() -> Any:
    return build(sort_and_dedupe([daily_bars(symbols=2, count=100, seed=5)])).X[:20]


class Caller:
    """Hold a predictor with its endpoint, a clock that is set by hand, and its warnings."""

    def __init__(self, model: LightGBMModel | None, **how: Any) -> None:
        self.endpoint = FakeEndpoint(model)
        self.now = 0
        self.warnings: list[str] = []
        self.predictor = SageMakerPredictor(
            self.endpoint, "e", clock=lambda: self.now, warn=self.warnings.append, **how
        )  # fmt: skip


def test_it_is_asked_for_nothing_before_it_describes_its_model(model: LightGBMModel) -> None:
    caller = Caller(model)
    assert caller.predictor.trained_until == LATEST_TIMESTAMP
    assert caller.predictor.prepare()
    assert caller.predictor.features == model.features
    assert caller.predictor.trained_until == model.trained_until


def test_a_model_of_bars_of_another_length_is_refused(model: LightGBMModel) -> None:
    """Whether that is known when the endpoint says what it serves, or only later."""
    known: list[int | None] = [None]
    caller = Caller(model, interval=lambda: known[0])
    assert caller.predictor.prepare(), "not known yet"
    known[0] = MINUTE
    assert not caller.predictor.prepare()
    assert caller.predictor.trained_until == LATEST_TIMESTAMP
    (warning,) = caller.warnings
    assert f"it serves {model.version}, made for bars of 1d, these are of 1m; deploy a model of such bars" in warning
    caller.now = PAUSE
    assert not caller.predictor.prepare()
    assert Caller(model, interval=lambda: DAY).predictor.prepare()


def test_it_answers_as_the_model_itself_with_one_request_a_batch(model: LightGBMModel, X: Any) -> None:
    caller = Caller(model)
    caller.predictor.prepare()
    assert caller.predictor.predict(X).tolist() == model.predict(X).tolist()
    assert len(caller.endpoint.requests) == 2
    assert (caller.predictor.version, caller.predictor.hold_margin) == (model.version, model.hold_margin)


def test_rows_that_are_not_warm_are_not_sent(model: LightGBMModel, X: Any) -> None:
    caller = Caller(model)
    caller.predictor.prepare()
    cold = X.copy()
    cold[3, 5] = np.nan
    found = caller.predictor.predict(cold)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3]
    assert caller.predictor.missed == 0
    caller.predictor.predict(np.full((2, X.shape[1]), np.nan))
    assert len(caller.endpoint.requests) == 2


def test_a_batch_beyond_the_payload_limit_is_sent_in_parts(
    model: LightGBMModel, X: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapeline.backends.aws.sagemaker_predictor.PAYLOAD_BYTES", 7 * 8 * X.shape[1])
    caller = Caller(model)
    caller.predictor.prepare()
    assert caller.predictor.predict(X).tolist() == model.predict(X).tolist()
    assert len(caller.endpoint.requests) == 1 + 3


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ModelError", "Message": "500 from the container"}}, "InvokeEndpoint"),
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "InvokeEndpoint"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "InvokeEndpoint"),
        ReadTimeoutError(endpoint_url="http://e"),
        EndpointConnectionError(endpoint_url="http://e"),
    ],
)
def test_a_dead_endpoint_is_left_alone_for_a_while_and_then_asked_again(
    model: LightGBMModel, X: Any, error: Exception
) -> None:
    caller = Caller(model)
    caller.predictor.prepare()

    def fail() -> None:
        raise error

    caller.endpoint.failing = fail
    for _ in range(FAILURES + 5):
        assert np.isnan(caller.predictor.predict(X)).all()
    assert len(caller.endpoint.requests) == 1 + FAILURES
    assert caller.predictor.missed == (FAILURES + 5) * len(X)
    assert len(caller.warnings) == 1
    assert "rows are stored without predictions" in caller.warnings[0]
    caller.endpoint.failing = lambda: None
    caller.now += PAUSE
    assert caller.predictor.predict(X).tolist() == model.predict(X).tolist()


def test_an_endpoint_that_is_dead_at_the_start_is_asked_again_later(model: LightGBMModel) -> None:
    caller = Caller(None)  # 503 while the model is loading
    assert not caller.predictor.prepare()
    assert caller.predictor.trained_until == LATEST_TIMESTAMP
    caller.endpoint.service.model = model
    assert caller.predictor.prepare()


def test_a_model_for_other_features_is_refused_with_both_schemas_named(model: LightGBMModel) -> None:
    other = FeatureSet(("rsi_14",), ("rsi_14",), ("rsi_14",), lambda bars, x: x)
    caller = Caller(model, features=other)
    assert not caller.predictor.prepare()
    assert other.hash in caller.warnings[0]
    assert model.metadata.feature_hash in caller.warnings[0]


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"version": 3}'])
def test_an_endpoint_that_is_not_tapelines_is_not_asked(
    model: LightGBMModel, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller(model)
    monkeypatch.setattr(caller.endpoint, "invoke_endpoint", lambda **_: {"Body": io.BytesIO(content)})
    assert not caller.predictor.prepare()
    assert "must be served by tapeline" in caller.warnings[0]


def test_answers_that_do_not_fit_the_question_are_not_used(
    model: LightGBMModel, X: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller(model)
    caller.predictor.prepare()
    real = caller.endpoint.invoke_endpoint

    def short(**request: Any) -> dict[str, Any]:
        file = io.BytesIO()
        np.save(file, np.zeros(3))
        return real(**request) | {"Body": io.BytesIO(file.getvalue())}

    monkeypatch.setattr(caller.endpoint, "invoke_endpoint", short)
    assert np.isnan(caller.predictor.predict(X)).all()
    assert "float64 (3,) to 20 rows" in caller.warnings[0]


def test_a_newer_model_is_asked_only_about_bars_after_its_training(
    model: LightGBMModel, newer: LightGBMModel, X: Any
) -> None:
    caller = Caller(model)
    caller.predictor.prepare()
    caller.predictor.predict(X)
    caller.endpoint.service.model = newer
    # these bars were chosen for the older one: the newer may have been trained on them
    assert np.isnan(caller.predictor.predict(X)).all()
    assert caller.predictor.trained_until == newer.trained_until > model.trained_until
    assert caller.predictor.predict(X).tolist() == newer.predict(X).tolist()
    assert caller.predictor.version == newer.version


def test_both_models_of_a_canary_deployment_answer_and_are_named(
    model: LightGBMModel, newer: LightGBMModel, X: Any
) -> None:
    caller = Caller(newer)
    caller.predictor.prepare()
    for served in (model, newer, model):
        caller.endpoint.service.model = served
        assert caller.predictor.predict(X).tolist() == served.predict(X).tolist()
        assert (caller.predictor.version, caller.predictor.hold_margin) == (served.version, served.hold_margin)
