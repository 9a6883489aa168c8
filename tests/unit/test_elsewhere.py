"""Behave as on Windows and macOS, as far as modules let themselves be told: no machine with either is at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tapeline.app import whole_folders
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.core import trusted_code
from tapeline.runtime.atomic_files import remove_leftovers, write_atomically
from tapeline.runtime.open_files import allow_open_files

#: What Windows lacks.
MISSING = ("fcntl", "grp", "pwd", "resource", "termios")


def test_every_module_is_imported_without_what_only_unix_has() -> None:
    """In a process of its own, in which the modules and functions that Windows lacks are gone."""
    code = f"""
import os, pkgutil, sys, importlib, asyncio, multiprocessing, subprocess, tempfile, ssl
import numba, pyarrow, lightgbm, exchange_calendars, uvicorn, yfinance, boto3, filelock
sys.modules.update(dict.fromkeys({MISSING!r}))
for name in ("fchown", "geteuid", "getuid", "fork", "O_NOFOLLOW", "getpgid", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
import tapeline
for found in pkgutil.walk_packages(tapeline.__path__, "tapeline."):
    if found.name != "tapeline.__main__":
        importlib.import_module(found.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_files_are_replaced_after_they_were_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows neither moves nor replaces a file that is open."""
    opened: list[str] = []

    def replace(source: Path, target: Path) -> None:
        opened.extend(each.name for each in Path("/dev/fd").iterdir() if each.resolve() == source)
        os.rename(source, target)  # noqa: PTH104

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.delattr(os, "O_NOFOLLOW")
    for name in ("fcntl", "resource"):
        monkeypatch.setitem(sys.modules, name, None)
    write_atomically(tmp_path / "kept.json", b"1")
    assert (tmp_path / "kept.json").read_bytes() == b"1"
    assert opened == []
    assert remove_leftovers([tmp_path]) == 0
    assert allow_open_files(10_000) is None


def test_where_nothing_tells_owners_only_the_users_folder_and_the_package_hold_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_code, "_HAS_OWNERS", False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    for name in ("me/cache", "public"):
        (tmp_path / name).mkdir(parents=True)
    assert trusted_code.is_trusted_folder(tmp_path / "me" / "cache")
    assert trusted_code.is_trusted_folder(Path(trusted_code.__file__).parent)
    assert not trusted_code.is_trusted_folder(tmp_path / "public")


def test_symbols_that_are_names_of_devices_are_kept_as_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = LocalArchive(tmp_path)
    paths = {symbol: archive.path(symbol, "1d") for symbol in ("PRN", "PRNT", ".X")}
    assert [path.name for path in paths.values()] == ["PRN.parquet", "PRNT.parquet", "%2EX.parquet"]
    monkeypatch.setattr("tapeline.backends.files.file_archive.os.name", "nt")
    name = str(archive.path("PRN", "1d")).rpartition("/")[2]
    monkeypatch.undo()
    assert name == "%50RN.parquet"
    (tmp_path / "1d").mkdir()
    (tmp_path / "1d" / name).touch()
    assert archive.symbols("1d") == ["PRN"]


def test_a_folder_that_cannot_be_opened_is_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    whole_folders._sync(tmp_path)
    assert len(synced) == 1
    monkeypatch.setattr(os, "name", "nt")
    whole_folders._sync(tmp_path)
    assert len(synced) == 1
