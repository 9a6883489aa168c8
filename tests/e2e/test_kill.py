"""A replay killed at random moments and restarted each time ends with what an uninterrupted run ends with."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import random_bars

BARS, SYMBOLS, KILLS = 4_000, 12, 20


def contents(database: Path) -> dict[str, list[Any]]:
    """All that a run must reproduce: rows with their names, states, rejects and positions."""
    connection = sqlite3.connect(database)
    queries = {
        "rows": "SELECT s.symbol, r.timestamp, open, high, low, price, volume, final, prediction, probability, "
        "m.version, l.names, indicator FROM rows r JOIN symbols s ON s.id = r.symbol JOIN layouts l ON l.id = r.layout "
        "LEFT JOIN models m ON m.id = r.model ORDER BY 1, 2",
        "states": "SELECT s.symbol, timestamp, data FROM states JOIN symbols s ON s.id = states.symbol ORDER BY 1",
        "rejects": "SELECT place, reason, raw FROM rejects ORDER BY 1, 2",
        "sources": "SELECT name, resume FROM sources ORDER BY 1",
        "position": "SELECT value FROM meta WHERE name = 'position'",
    }
    try:
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}
    finally:
        connection.close()


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
    assert any(row[8] for row in whole["rows"]), "the model predicted nothing"
    for name, expected in whole.items():
        assert killed[name] == expected, name
