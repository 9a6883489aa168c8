"""What runs beside a pipeline: training again on a schedule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import random_bars

from tapeline.app import config, running
from tapeline.app import wiring as bootstrap
from tapeline.core.market import Bars
from tapeline.forecast.registry import DEFAULT_NAME
from tapeline.research.training import fit


def test_an_old_model_is_trained_again_and_a_new_one_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_RETRAIN_SECONDS", 0.01)
    said, heard = [], threading.Event()

    def hear(text: str) -> None:
        said.append(text)
        heard.set()

    monkeypatch.setattr(running, "notice", hear)
    settings = config.load(data_dir=tmp_path)
    bars = random_bars(4, 900)
    passes = 0

    def history() -> Iterator[Bars]:
        nonlocal passes
        passes += 1
        yield bars

    with bootstrap.writing(settings) as home:
        first = fit([bars[:2400]])
        home.models.save(DEFAULT_NAME, first)
        home.models.promote(DEFAULT_NAME, first.version, at=0)
        with running.retraining(home, settings, history, "weekly"):
            assert heard.wait(60)
        assert "trained again" in said[0]
        assert len(home.models.entries(DEFAULT_NAME)) == 2
        with running.retraining(home, settings, history, None):
            pass
    assert passes >= 1
