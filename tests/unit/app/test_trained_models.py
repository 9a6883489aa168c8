"""Models that are trained again beside a running pipeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import random_bars

from tapeline.app import config, trained_models
from tapeline.app.data_directory import processing_alone
from tapeline.core.market import Bars
from tapeline.forecast import DEFAULT_NAME
from tapeline.research.training import fit


def test_an_old_model_is_trained_again_and_a_new_one_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_models, "_RETRAIN_SECONDS", 0.01)
    said: list[str] = []
    heard = threading.Event()

    def hear(text: str) -> None:
        said.append(text)
        heard.set()

    settings = config.load(data_dir=tmp_path)
    bars = random_bars(4, 900)
    passes = 0

    def history() -> Iterator[Bars]:
        nonlocal passes
        passes += 1
        yield bars

    with processing_alone(settings) as directory:
        first = fit([bars[:2400]])
        directory.models.save(DEFAULT_NAME, first)
        directory.models.promote(DEFAULT_NAME, first.version, at=0)
        with trained_models.retraining(directory, settings, history, "weekly", hear):
            assert heard.wait(60)
        assert "trained again" in said[0]
        assert len(directory.models.entries(DEFAULT_NAME)) == 2
        with trained_models.retraining(directory, settings, history, None, hear):
            pass
    assert passes >= 1
