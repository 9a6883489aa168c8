"""A replay killed at random moments and restarted each time ends with what an uninterrupted run ends with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tests.conftest import random_bars

BARS, SYMBOLS, KILLS = 4_000, 12, 20


def contents(path: Path) -> dict[str, list[Any]]:
    """Return all that a run must reproduce: rows, states, rejects, and the positions in sources and stream."""
    database = Database(path, create=False)
    try:
        store = SqliteStore(database)
        states, position = store.load()
        sources = database.reader.execute("SELECT name, resume FROM sources ORDER BY 1").fetchall()
        return {
            "rows": [row for symbol in sorted(states) for row in store.rows(symbol)],
            "states": sorted((symbol, state.timestamp, state.data) for symbol, state in states.items()),
            "rejects": sorted((reject.place, reject.reason, reject.raw) for reject in store.rejects()),
            "sources": sources,
            "position": [position],
        }
    finally:
        database.close()


@pytest.fixture(scope="module")
def replayed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars as CSV, with a bad row now and then."""
    path = tmp_path_factory.mktemp("file") / "bars.csv"
    with path.open("w") as file:
        file.write("symbol,timestamp,open,high,low,close,volume\n")
        for number, bar in enumerate(random_bars(SYMBOLS, BARS, seed=3)):
            close = "nan" if number % 997 == 500 else bar.close
            file.write(f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{close},{bar.volume:.0f}\n")
    return path


def killing(seed: int, kills: int, file: Path, folder: Path) -> str:
    arguments = ["replay", str(file), "--data-dir", str(folder), "--json", "--no-dashboard"]
    program = [sys.executable, "-m", "tests.e2e.killing", str(seed), str(kills), str(BARS * SYMBOLS), str(folder)]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_after_20_kills_are_those_of_an_uninterrupted_run(seed: int, replayed_file: Path, tmp_path: Path) -> None:
    assert killing(0, 0, replayed_file, tmp_path / "whole") == "killed 0 exit 0"
    answer = killing(seed, KILLS, replayed_file, tmp_path / "killed").split()
    assert answer[2:] == ["exit", "0"]
    assert int(answer[1]) >= KILLS - 3  # a child may be faster than its killer
    whole, killed = (contents(tmp_path / name / "tapeline.db") for name in ("whole", "killed"))
    assert len(whole["rows"]) == BARS * SYMBOLS - len(whole["rejects"])
    assert whole["rejects"]
    assert any(row.prediction for row in whole["rows"]), "the model predicted nothing"
    for name, expected in whole.items():
        assert killed[name] == expected, name
