"""Processes killed at random moments lose nothing and damage nothing: replays, commits, merges, conversions."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tests.conftest import random_bars

BARS, SYMBOLS, KILLS = 4_000, 12, 20
#: Kills of the store and of conversions. `KILLS=200` in the environment is a long run, of a few minutes.
MORE_KILLS = int(os.environ.get("KILLS", "24"))


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


def killing(what: str, seed: int, kills: int, folder: Path) -> list[str]:
    """Return the words of the last line that the program `killing` prints."""
    program = [sys.executable, "-m", "tests.e2e.killing", what, str(seed), str(kills), str(folder)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=240 + 10 * kills, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


Replay = Callable[[int, int, Path], list[str]]


@pytest.fixture(scope="module")
def replay(replayed_file: Path) -> Iterator[Replay]:
    """Return what replays the file with kills; one process that has imported everything does it for all tests."""
    options = ("replay", str(replayed_file), "--json", "--no-dashboard")
    program = [sys.executable, "-m", "tests.e2e.killing", "replay", str(BARS * SYMBOLS), *options]
    errors = replayed_file.with_name("errors")
    with (
        errors.open("w") as written,
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, text=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(seed: int, kills: int, folder: Path) -> list[str]:
            bound = threading.Timer(240 + 10 * kills, process.kill)
            bound.start()
            try:
                print(seed, kills, folder, file=process.stdin, flush=True)
                answer = process.stdout.readline()
            finally:
                bound.cancel()
            assert answer, f"no answer, it ended with {process.wait()}: {errors.read_text()}"
            return answer.split()

        try:
            yield ask
            process.stdin.close()
            assert process.wait(60) == 0, errors.read_text()
        finally:
            process.kill()  # nothing, where it has ended


@pytest.fixture(scope="module")
def whole(replay: Replay, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What an uninterrupted run ends with."""
    folder = tmp_path_factory.mktemp("whole")
    assert replay(0, 0, folder) == ["killed", "0", "exit", "0"]
    return contents(folder / "tapeline.db")


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_after_20_kills_are_those_of_an_uninterrupted_run(
    seed: int, replay: Replay, whole: dict[str, list[Any]], tmp_path: Path
) -> None:
    answer = replay(seed, KILLS, tmp_path)
    assert answer[2:] == ["exit", "0"]
    assert int(answer[1]) >= KILLS - 3  # a child may be faster than its killer
    killed = contents(tmp_path / "tapeline.db")
    assert len(whole["rows"]) == BARS * SYMBOLS - len(whole["rejects"])
    assert whole["rejects"]
    assert any(row.prediction for row in whole["rows"]), "the model predicted nothing"
    for name, expected in whole.items():
        assert killed[name] == expected, name


def test_every_commit_is_there_whole_or_not_at_all_after_each_kill(tmp_path: Path) -> None:
    """Blocks are verified, and all rows compared, after each kill during commits, corrections and merges."""
    kills = MORE_KILLS * 3 // 4
    answer = killing("commits", 3, kills, tmp_path)
    assert answer[:2] == ["killed", str(kills)]
    assert int(answer[3]) > 2 * kills, "few commits were made between two kills"
    assert int(answer[5]) > kills // 2, "no blocks were merged"


def test_a_conversion_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    kills = MORE_KILLS // 4
    answer = killing("conversions", 4, kills, tmp_path)
    assert answer[:2] == ["killed", str(kills)]
    if kills >= 20:
        assert 0 < int(answer[3]) < kills, "every kill fell before the commit, or after it"
