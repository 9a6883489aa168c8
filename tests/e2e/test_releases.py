"""A data directory of every earlier release is opened, read and gone on with."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.conftest import random_bars
from tests.faults.flips import invoke
from tests.release_data import MINUTES, RELEASES


@pytest.fixture(scope="module", params=sorted(RELEASES.glob("*.tar.xz")), ids=lambda path: path.name)
def data_directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    return folder


def answer(folder: Path, *arguments: str) -> object:
    code, out, said = invoke(folder, *arguments, "--json")
    assert code == 0, said
    return json.loads(out)


def test_what_a_release_stored_is_read(data_directory: Path) -> None:
    rows = answer(data_directory, "show", "S00", "--last", str(MINUTES))
    assert len(rows) == MINUTES  # type: ignore[arg-type]
    assert [row["timestamp"] for row in rows if row["volume"] == 7.0] != []  # type: ignore[attr-defined]
    assert {row.get("model") is None for row in rows} == {True, False}  # type: ignore[attr-defined]
    assert len(answer(data_directory, "rejects")) == 2  # type: ignore[arg-type]
    assert "rsi_14" in str(answer(data_directory, "alerts", "list"))
    assert "S00" in str(answer(data_directory, "symbols", "list"))
    assert answer(data_directory, "models", "list")


def test_bars_that_come_after_an_upgrade_have_ranges(data_directory: Path) -> None:
    """Symbols that are new to it, and with bars until their second session."""
    file = data_directory / "later.csv"
    lines = [
        f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume:.0f}"
        for bar in random_bars(4, 3 * MINUTES // 2)
        if bar.symbol in {"S02", "S03"}
    ]
    file.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *lines]))
    code, _, said = invoke(data_directory, "replay", str(file), "--no-dashboard")
    assert code == 0, said
    found = answer(data_directory, "forecast", "S02")
    assert found["model"] in said  # type: ignore[call-overload, index]
    assert found["decided"] > 100  # type: ignore[call-overload, index]


def test_nothing_that_a_release_stored_counts_as_damaged(data_directory: Path) -> None:
    code, _, said = invoke(data_directory, "check")
    assert code == 0, said
