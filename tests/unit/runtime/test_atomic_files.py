"""A file is written whole or not at all, and leftovers of killed processes are not taken for files being written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tapeline.app import config
from tapeline.app.data_directory import collecting_alone, processing_alone
from tapeline.runtime import atomic_files
from tapeline.runtime.atomic_files import remove_leftovers, write_atomically

#: Writes a file until it is killed in the middle of one.
WRITER = """
import os, sys, time
from pathlib import Path
from tapeline.runtime import atomic_files
def stop(handle):
    print("writing", flush=True)
    time.sleep(60)
atomic_files.os.fsync = stop
atomic_files.write_atomically(Path(sys.argv[1]), b"new")
"""


def killed_while_writing(path: Path) -> Path:
    """Kill a process while it writes the file, and return what it left."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    (left,) = path.parent.glob(f".{path.name}-*.tmp")
    return left


def grow_old(path: Path) -> None:
    before = time.time() - 3600
    os.utime(path, (before, before))


def test_a_written_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", b"1")
    write_atomically(tmp_path / "a.json", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"2"


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_removed_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    left = killed_while_writing(path)
    assert remove_leftovers([tmp_path]) == 0  # it is fresh: somebody might be about to lock it
    grow_old(left)
    assert remove_leftovers([tmp_path]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert path.read_bytes() == b"old"


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def looked_at_meanwhile(handle: int) -> None:
        (temporary,) = tmp_path.glob(".*.tmp")
        grow_old(temporary)
        assert remove_leftovers([tmp_path]) == 0
        fsync(handle)

    monkeypatch.setattr(atomic_files.os, "fsync", looked_at_meanwhile)
    write_atomically(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"


def test_other_files_and_links_are_left_alone(tmp_path: Path) -> None:
    names = [".python-versions", ".a.json-abcdefgh", "a.json-abcdefgh.tmp", ".a.json-ABCDEFGH.tmp", ".abcdefgh.tmp"]
    target = tmp_path / "target"
    target.write_bytes(b"")
    for name in names:
        (tmp_path / name).write_bytes(b"")
        grow_old(tmp_path / name)
    grow_old(target)
    (tmp_path / ".a.json-abcdefgh.tmp").symlink_to(target)
    assert remove_leftovers([tmp_path, tmp_path / "nowhere"]) == 0
    assert len(list(tmp_path.iterdir())) == len(names) + 2


def test_leftovers_of_killed_processes_are_removed_at_the_start(tmp_path: Path) -> None:
    settings = config.load(data_dir=tmp_path)
    for alone in (processing_alone, collecting_alone):
        for folder in (".", "archive/1m", "models", "models/default", "models/default/1"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            left = tmp_path / folder / ".x-abcdefgh.tmp"
            left.write_bytes(b"")
            grow_old(left)
        with alone(settings):
            assert not list(tmp_path.rglob("*.tmp"))
