"""Test that commands tell what is stored: `show --as-known` what was known, `symbols list` what is not collected."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import START, random_bars
from tests.rows import random_rows
from tests.stored import fill, session_bars
from typer.testing import CliRunner

from tapeline.cli.inspect_commands import show
from tapeline.cli.main import app
from tapeline.core.times import DAY, MINUTE


def shown(capsys: pytest.CaptureFixture[str], path: Path, *, as_known: bool) -> list[dict[str, object]]:
    show("AAPL", last=1, as_known=as_known, data_dir=path, json=True)
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_symbols_that_are_stored_but_not_collected_are_named(tmp_path: Path) -> None:
    fill(tmp_path, random_bars(2, 2, 1))
    done = CliRunner().invoke(app, ["symbols", "list", "--data-dir", str(tmp_path)], catch_exceptions=False)
    assert done.stdout.startswith("no symbols are collected yet: ")
    assert "stored, but not collected: S00, S01;" in done.stderr


def test_indicators_of_what_was_known_are_computed_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPELINE_INDICATORS", "sma_2")
    bars = session_bars(("AAPL",), START // DAY * DAY, START + DAY, 15 * MINUTE)
    known = np.full((len(bars), 5), np.nan)
    known[-2] = 1.0, 2.0, 0.5, 1.5, 10.0
    path = fill(tmp_path, replace(random_rows(bars, ()), known=known))
    (now,), (then,) = (shown(capsys, path, as_known=as_known) for as_known in (False, True))
    close = bars.close[-2:]
    assert now["price"] == then["price"] == close[1]
    assert now["indicator"] == {"sma_2": (close[0] + close[1]) / 2}
    assert then["indicator"] == {"sma_2": (1.5 + close[1]) / 2}
