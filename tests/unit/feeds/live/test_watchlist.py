"""The list of symbols to collect: several people and programs change it, and no change is lost."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tapeline.errors import StorageError
from tapeline.feeds.live import watchlist
from tapeline.feeds.live.watchlist import Watchlist

_PROCESS = """
import sys
from pathlib import Path
from typer.testing import CliRunner
from tapeline.cli.main import app

for number in range(25):
    command = ["symbols", "add", f"P{sys.argv[2]}X{number}", "--no-check", "--data-dir", sys.argv[1]]
    assert CliRunner().invoke(app, command).exit_code == 0
"""


def test_no_change_is_lost_among_threads_and_processes(tmp_path: Path) -> None:
    """150 symbols are added one by one at the same time, and 50 others taken away."""
    names = Watchlist(tmp_path / "symbols.txt")
    names.save([f"OLD{number}" for number in range(50)])
    processes = [subprocess.Popen([sys.executable, "-c", _PROCESS, tmp_path, str(number)]) for number in range(2)]

    def add(prefix: str) -> None:
        own = Watchlist(tmp_path / "symbols.txt")
        for number in range(25):
            own.change(lambda kept, number=number: [*kept, f"{prefix}X{number}"])

    def remove() -> None:
        own = Watchlist(tmp_path / "symbols.txt")
        for number in range(50):
            own.change(lambda kept, number=number: [each for each in kept if each != f"OLD{number}"])

    threads = [threading.Thread(target=add, args=(f"T{number}",)) for number in range(4)]
    threads.append(threading.Thread(target=remove))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0]
    expected = [f"{who}X{number}" for who in ("T0", "T1", "T2", "T3", "P0", "P1") for number in range(25)]
    assert sorted(names.load()) == sorted(expected)


def test_a_change_that_is_refused_leaves_the_list_as_it_is(tmp_path: Path) -> None:
    names = Watchlist(tmp_path / "new" / "symbols.txt")
    assert names.change(lambda kept: [*kept, "A", "B"]) == ["A", "B"]

    def refuse(kept: list[str]) -> list[str]:
        kept.clear()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        names.change(refuse)
    assert names.load() == ["A", "B"]


def test_a_list_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    names = Watchlist(tmp_path / "symbols.txt")
    names.path.write_bytes(b"\xff\xfe")
    with pytest.raises(StorageError, match="cannot be read"):
        names.change(lambda kept: [*kept, "A"])
    assert names.path.read_bytes() == b"\xff\xfe"


def test_a_change_from_before_the_list_was_followed_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between loading the list and following it, a model may be trained for minutes."""
    monkeypatch.setattr(watchlist, "_LOOK_SECONDS", 0.001)
    names = Watchlist(tmp_path / "symbols.txt")
    names.save(["A"])
    known = names.load()
    names.save(["A", "B"])
    told: queue.Queue[list[str]] = queue.Queue()
    stopping = threading.Event()
    thread = names.follow(known, told.put, stopping, pytest.fail)
    assert told.get(timeout=60) == ["A", "B"]
    stopping.set()
    thread.join()
    assert told.empty()
