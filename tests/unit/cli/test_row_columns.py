"""`tapeline show` prints one line a bar, and as many columns as fit or were named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.conftest import random_bars
from tests.stored import fill

from tapeline.cli.inspect_commands import show
from tapeline.cli.row_columns import fitting, named_columns
from tapeline.errors import UnknownIndicatorError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("show"), random_bars(1, 30, 3))


def test_columns_are_chosen_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show("s00", last=2, columns="Close, price, sma_5,low_80_5", data_dir=folder)
    head, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert head == ["time (UTC)", "close", "price", "sma_5", "low_80_5"]
    assert len(rows) == 2
    assert all(row[1] == row[2] for row in rows)
    assert rows[0][4] == "-"
    show("S00", last=2, data_dir=folder)
    assert {"open", "close", "volume", "sma_20", "rsi_14"} <= set(capsys.readouterr().out.splitlines()[0].split("\t"))
    with pytest.raises(UnknownIndicatorError, match="did you mean"):
        named_columns("pricee")


def test_a_terminal_gets_the_columns_that_fit(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fitting({"a": ["1"], "bb": ["22"], "c": ["333"]}, 7) == ["a", "bb"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    show("S00", last=3, data_dir=folder)
    out, said = capsys.readouterr()
    rows = out.splitlines()[1:]  # the heading is styled
    assert len(rows) == 3
    assert max(map(len, rows)) <= 70
    assert "more columns do not fit" in said
