"""What the machine refused is said in a line, wherever in the chain of errors it is; anything else stays a defect."""

from __future__ import annotations

import errno
import sqlite3
import threading
from pathlib import Path

import pyarrow
import pytest

from tapeline.runtime.machine_refusals import refused_by_machine


def test_a_full_disk_is_named_with_its_file() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/data/tapeline.db")
    assert refused_by_machine(error) == (
        "/data/tapeline.db: the disk is full; free some space; nothing committed was lost"
    )


def test_a_refusal_is_found_as_the_cause_of_another_error() -> None:
    error = ImportError("x")
    error.__cause__ = MemoryError()
    assert "there is not enough memory" in refused_by_machine(error)


def test_a_thread_that_cannot_be_started_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise RuntimeError("can't start new thread")  # as CPython words it, in every version since 3.0

    monkeypatch.setattr(threading, "_start_new_thread", refuse, raising=False)
    monkeypatch.setattr(threading, "_start_joinable_thread", refuse, raising=False)
    with pytest.raises(RuntimeError) as found:
        threading.Thread(target=print).start()
    assert "no process or thread can be started" in refused_by_machine(found.value)


def test_a_thread_that_arrow_cannot_start_is_a_refusal() -> None:
    error = pyarrow.ArrowException("Unknown error: Failed to launch worker thread: Resource temporarily unavailable")
    assert "no process or thread can be started" in refused_by_machine(error)


def test_a_database_of_another_library_that_cannot_be_opened_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as found:
        sqlite3.connect(tmp_path / "missing" / "cache.db")
    wrapped = ValueError("what a library made of it")
    wrapped.__cause__ = found.value
    assert "a database file cannot be used (unable to open database file)" in refused_by_machine(wrapped)


@pytest.mark.parametrize("error", [RuntimeError("of ours"), ValueError(), OSError(errno.ECONNRESET, "reset")])
def test_a_defect_of_ours_is_no_refusal(error: Exception) -> None:
    assert refused_by_machine(error) == ""
