"""`tapeline scan` and `tapeline.scan`: the same question asked on the command line and in Python."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import random_bars
from tests.stored import fill
from typer.testing import CliRunner

import tapeline
from tapeline.cli.main import app
from tapeline.errors import UnknownIndicatorError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bars = random_bars(4, 30, 3)
    return fill(tmp_path_factory.mktemp("scan"), replace(bars, volume=bars.volume * 100))


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["scan", *arguments, "--data-dir", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_question_is_saved_asked_by_name_and_forgotten(folder: Path) -> None:
    found = json.loads(run(folder, "price > 0", "--columns", "price,sma_5", "--save", "all", "--json"))
    assert found["matched"] == found["looked_at"] == 4
    assert json.loads(run(folder, "all", "--json")) == found
    assert len(run(folder, "all", "--limit", "1").splitlines()) == 2
    assert "e+" not in run(folder, "volume > 0", "--columns", "volume"), "volumes have all their digits"
    assert [each["name"] for each in json.loads(run(folder, "--saved", "--json"))] == ["all"]
    run(folder, "--forget", "all")
    assert json.loads(run(folder, "--saved", "--json")) == []


def test_where_nothing_is_known_the_first_reason_and_the_age_are_said(folder: Path) -> None:
    arguments = ["scan", "rsi_14 > 0 and sma_50 > 0", "--data-dir", str(folder)]
    said = " ".join(CliRunner().invoke(app, arguments, catch_exceptions=False).stderr.split())
    assert "0 of 4 series; for 4 it is not known: sma_50 needs 50 closed bars, S00 has 30" in said
    assert re.search(r"the newest bar is of 20\d\d-.* UTC, [\d,]+ days ago", said)


def test_a_mistyped_symbol_or_column_is_named_with_the_one_that_may_be_meant(folder: Path) -> None:
    done = CliRunner().invoke(app, ["scan", "price > 0 for S01,S0X", "--data-dir", str(folder)], catch_exceptions=False)
    assert "no rows of S0X in" in done.stderr
    assert "did you mean S0" in done.stderr
    with pytest.raises(UnknownIndicatorError, match=r"; did you mean bar_change\?"):
        run(folder, "price > 0", "--columns", "bar_chagne")


def test_python_gives_the_matches_as_a_frame(folder: Path) -> None:
    frame = tapeline.scan("price > 0", columns=["rsi_14", "prediction"], sort="-rsi_14", data_dir=folder)
    assert list(frame.columns) == ["symbol", "interval", "timestamp", "final", "rsi_14", "prediction"]
    assert frame.rsi_14.is_monotonic_decreasing
    found = json.loads(run(folder, "price > 0", "--columns", "rsi_14", "--sort=-rsi_14", "--json"))
    assert frame.rsi_14.tolist() == [match["rsi_14"] for match in found["matches"]]
