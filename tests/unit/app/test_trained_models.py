"""Models that are trained again beside a running pipeline."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import random_bars

from tapeline.app import config, trained_models
from tapeline.app.data_directory import processing_alone
from tapeline.core.market import Bars
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import ModelError, OtherIntervalError
from tapeline.feeds.files import Scan
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.promotion_watcher import PromotionWatcher
from tapeline.research.training import fit


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_models, "_RETRAIN_SECONDS", 0.01)


def test_a_refused_model_is_not_trained_again_before_the_next_period(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor after a restart: the registry remembers the attempt."""
    now = 1_700_000_000_000
    clock = [now]
    ticks = threading.Semaphore(0)
    monkeypatch.setattr(trained_models, "now_ms", lambda: (ticks.release(), clock[0])[1])
    said: list[str] = []
    heard = threading.Semaphore(0)
    settings = config.load(data_dir=tmp_path)
    bars = random_bars(4, 900)

    def hear(text: str) -> None:
        said.append(text)
        heard.release()

    def history() -> Iterator[Bars]:
        yield bars

    def wait_for_ticks(count: int) -> None:
        for _ in range(count):
            assert ticks.acquire(timeout=60)

    with processing_alone(settings) as directory:
        first = fit([bars[:2400]])
        directory.models.save(DEFAULT_NAME, first)
        directory.models.promote(DEFAULT_NAME, first.version, at=now)
        with trained_models.retraining(directory, settings, history, "weekly", hear):
            wait_for_ticks(5)
            assert not said, "the model in use is new"
            clock[0] += 7 * DAY
            assert heard.acquire(timeout=60)
            wait_for_ticks(5)
        with trained_models.retraining(directory, settings, history, "weekly", hear):
            wait_for_ticks(5)
        with trained_models.retraining(directory, settings, history, None, hear):
            pass
        assert len(said) == 1
        assert said[0].startswith("trained again: ")
        assert len(directory.models.attempts(DEFAULT_NAME)) == 1


def test_a_training_that_nobody_foresaw_to_fail_is_reported_and_tried_again(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    heard = threading.Semaphore(0)

    def fail(*_: object) -> None:
        raise KeyError("half a file")

    def hear(text: str) -> None:
        said.append(text)
        heard.release()

    settings = config.load(data_dir=tmp_path)
    monkeypatch.setattr(trained_models, "last_attempt", fail)
    with (
        processing_alone(settings) as directory,
        trained_models.retraining(directory, settings, lambda: iter(()), "daily", hear),
    ):
        assert heard.acquire(timeout=60)
        assert heard.acquire(timeout=60)
    assert set(said) == {"not trained again: KeyError: 'half a file'"}


def test_a_model_for_other_bars_is_refused_and_kept(tmp_path: Path, model: LightGBMModel) -> None:
    settings = config.load(data_dir=tmp_path)
    minutes = Scan(rows=1000, start=0, end=1000 * MINUTE, interval=MINUTE, files=())

    def start(scan: Scan) -> LightGBMModel:
        return trained_models.starting_model(
            directory, settings, lambda until: iter(()), scan, pytest.fail, lambda done, what: None
        )

    with processing_alone(settings) as directory:
        directory.models.save(DEFAULT_NAME, model)
        directory.models.promote(DEFAULT_NAME, model.version, at=0)
        assert start(dataclasses.replace(minutes, interval=DAY)).version == model.version
        with pytest.raises(OtherIntervalError, match="trained on bars of 1d and predicts none of 1m"):
            start(minutes)
        assert directory.models.current(DEFAULT_NAME) == model.version
        watcher = PromotionWatcher(directory.models, DEFAULT_NAME, None, interval=MINUTE)
        with pytest.raises(ModelError, match="predicts none of 1m"):
            watcher.poll()
        assert watcher.poll() is None
