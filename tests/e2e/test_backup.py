"""Backups: of one moment while a replay writes, verified, private, and put back only where nothing is overwritten."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from tapeline.app.config import Settings
from tapeline.app.data_directory import DATABASE_FILE, processing_alone, watchlist_in
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.messages import Commit
from tapeline.core.rows import Row
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor
from tests.conftest import random_bars
from tests.fakes.sources import ListSource
from tests.faults.flips import filled, invoke
from tests.owned_folders import folder_of_a_service, not_of_the_folders_owner


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = filled(tmp_path_factory.mktemp("whole") / "data")
    watchlist_in(folder).save(["TSLA"])
    return folder


def rows(folder: Path) -> dict[str, list[Row]]:
    with contextlib.closing(Database(folder / DATABASE_FILE, create=False)) as database:
        store = SqliteStore(database)
        return {symbol: list(store.rows(symbol)) for symbol in store.extents()}


def test_a_backup_during_a_replay_is_of_one_moment_and_restores(tmp_path: Path) -> None:
    """A backup is taken after each of some commits; each holds the rows of all symbols up to the same bar."""
    settings = Settings(data_dir=tmp_path / "data")
    bars = random_bars(3, 400)
    made: list[Path] = []
    with processing_alone(settings) as directory:

        class Store(SqliteStore):
            def commit(self, commit: Commit) -> None:
                super().commit(commit)
                target = tmp_path / f"backup{len(made)}"
                code, _, said = invoke(settings.data_dir, "backup", str(target))
                assert code == 0, said
                made.append(target)

        batches = [bars[start : start + 300] for start in range(0, len(bars), 300)]
        Pipeline(ListSource(batches), directory.stream, Store(directory.database), Processor(())).run()
        whole = rows(settings.data_dir)
    assert made
    for backup in made:
        restored = tmp_path / f"{backup.name}-restored"
        code, _, said = invoke(restored, "restore", str(backup))
        assert code == 0, said
        found = rows(restored)
        (count,) = {len(each) for each in found.values()}
        assert found == {symbol: each[:count] for symbol, each in whole.items()}
        database = Database(restored / DATABASE_FILE, create=False)
        with contextlib.closing(database):
            _, position = SqliteStore(database).load()
            assert position == 3 * count
            assert not database.ended_uncleanly
            again = Pipeline(ListSource(batches), SqliteStream(database), SqliteStore(database), Processor(()))
            again.run()
        assert rows(restored) == whole


def test_all_files_are_in_a_backup_and_only_their_owner_can_read_them(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    assert invoke(data, "backup", str(target))[0] == 0
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert {DATABASE_FILE, "alerts.db", "symbols.txt", "backup.json"} <= names
    assert not {name for name in names if name.endswith((".lock", "-wal", "-shm"))}
    assert {stat.S_IMODE((target / name).stat().st_mode) for name in names} == {0o600}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    restored = tmp_path / "restored"
    assert invoke(restored, "restore", str(target))[0] == 0
    assert rows(restored) == rows(data)
    assert watchlist_in(restored).load() == ["TSLA"]
    assert invoke(restored, "alerts", "list", "--json")[1] == invoke(data, "alerts", "list", "--json")[1]


def test_nothing_is_overwritten_unless_it_is_asked_for(data: Path, tmp_path: Path) -> None:
    target, other = tmp_path / "backup", tmp_path / "other"
    assert invoke(data, "backup", str(target))[0] == 0
    code, _, said = invoke(data, "backup", str(target))
    assert (code, "is not empty" in said) == (1, True)
    other.mkdir()
    (other / "note.txt").write_text("mine")
    code, _, said = invoke(other, "restore", str(target))
    assert (code, "is not empty" in said) == (1, True)
    assert [path.name for path in other.iterdir()] == ["note.txt"]
    assert invoke(other, "restore", str(target), "--overwrite")[0] == 0
    assert rows(other) == rows(data)
    (aside,) = tmp_path.glob("other.replaced-*")
    assert (aside / "note.txt").read_text() == "mine"


@pytest.mark.parametrize("what", ["a changed byte", "a missing file", "one more file", "no list", "a list of nothing"])
def test_a_backup_that_is_not_what_was_written_is_refused(what: str, data: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    assert invoke(data, "backup", str(target))[0] == 0
    if what == "a changed byte":
        content = bytearray((target / DATABASE_FILE).read_bytes())
        content[5000] ^= 1
        (target / DATABASE_FILE).write_bytes(content)
    elif what == "a missing file":
        (target / "symbols.txt").unlink()
    elif what == "one more file":
        (target / "users.json").write_text("{}")
    elif what == "no list":
        (target / "backup.json").unlink()
    else:
        (target / "backup.json").write_text(json.dumps([]))
    code, _, said = invoke(tmp_path / "data", "restore", str(target))
    assert (code, "Traceback" in said) == (1, False), said
    assert not (tmp_path / "data").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_damaged_data_are_not_backed_up(data: Path, tmp_path: Path) -> None:
    target, folder = tmp_path / "backup", tmp_path / "data"
    assert invoke(data, "backup", str(target))[0] == 0
    assert invoke(folder, "restore", str(target))[0] == 0
    with contextlib.closing(Database(folder / DATABASE_FILE)) as database, database.transaction() as connection:
        connection.execute("UPDATE newest SET volume = volume + 1")
    code, _, said = invoke(folder, "backup", str(tmp_path / "second"))
    assert (code, "tapeline check --repair" in said) == (1, True), said
    assert not (tmp_path / "second").exists()


# -- where the data directory stays ------------------------------------------------------------------------------------


@pytest.fixture
def backup(data: Path, tmp_path: Path) -> Path:
    assert invoke(data, "backup", str(tmp_path / "backup"))[0] == 0
    return tmp_path / "backup"


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the system refuses to move, as it does a mount point."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    move = os.rename

    def rename(source: Path, target: Path) -> None:
        if folder in {Path(source), Path(target)}:
            raise OSError(errno.EBUSY, "Device or resource busy")
        move(source, target)

    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "replace", rename)
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("there", [(), ("lost+found",), (".numba",)], ids=str)
def test_a_backup_is_put_into_a_mounted_folder(there: tuple[str, ...], data: Path, backup: Path, mounted: Path) -> None:
    for name in there:
        (mounted / name).mkdir()
        (mounted / name / "kept").touch()
    before = mounted.stat().st_ino
    code, _, said = invoke(mounted, "restore", str(backup))
    assert code == 0, said
    assert rows(mounted) == rows(data)
    assert mounted.stat().st_ino == before
    assert all((mounted / name / "kept").exists() for name in there)
    assert not [name for name in names(mounted.parent) | names(mounted) if name.endswith(".part")]


def test_what_was_in_a_mounted_folder_is_moved_aside_in_it_and_not_backed_up(
    data: Path, backup: Path, mounted: Path, tmp_path: Path
) -> None:
    (mounted / "note.txt").write_text("mine")
    (mounted / "processing.lock").touch()
    assert invoke(mounted, "restore", str(backup))[0] == 1
    code, _, said = invoke(mounted, "restore", str(backup), "--overwrite")
    assert code == 0, said
    (aside,) = mounted.glob("replaced-*")
    assert str(aside) in said
    assert names(aside) == {"note.txt"}
    assert (mounted / "processing.lock").exists()
    assert rows(mounted) == rows(data)
    assert invoke(mounted, "backup", str(tmp_path / "again"))[0] == 0
    assert not list((tmp_path / "again").glob("replaced-*"))


@pytest.mark.parametrize("good", range(6))
def test_a_failure_in_the_middle_leaves_a_mounted_folder_as_it_was(
    good: int, backup: Path, mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails after some moves, and works again when they are taken back."""
    for name in ("note.txt", "alerts.db", "symbols.txt"):
        (mounted / name).write_text(f"old {name}")
    replace, moves = os.replace, 0

    def failing(source: Path, target: Path) -> None:
        nonlocal moves
        moves += 1
        if moves == good + 1:
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    code, _, said = invoke(mounted, "restore", str(backup), "--overwrite")
    assert (code, "Input/output error" in said) == (1, True), said
    left = {name for name in names(mounted) if not name.endswith(".lock")}
    assert {name: (mounted / name).read_text() for name in left} == {
        name: f"old {name}" for name in ("note.txt", "alerts.db", "symbols.txt")
    }


def test_a_link_to_the_data_directory_stays_one(data: Path, backup: Path, tmp_path: Path) -> None:
    """As `/var/lib/tapeline`, which systemd makes one to a folder that it gives the service."""
    real, link = tmp_path / "private" / "tapeline", tmp_path / "tapeline"
    real.mkdir(parents=True)
    (real / "note.txt").write_text("mine")
    link.symlink_to(real)
    code, _, said = invoke(link, "restore", str(backup), "--overwrite")
    assert code == 0, said
    assert link.is_symlink()
    assert link.resolve() == real
    assert rows(real) == rows(data)
    (aside,) = real.parent.glob("tapeline.replaced-*")
    assert (aside / "note.txt").read_text() == "mine"


@pytest.mark.parametrize("is_mounted", [False, True])
def test_restored_files_belong_to_the_owner_of_the_directory(
    is_mounted: bool, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder_of_a_service(monkeypatch) as folder:
        owner = folder.stat().st_uid
        (folder / "lost+found" if is_mounted else folder / "note.txt").mkdir()
        code, _, said = invoke(folder, "restore", str(backup), *(() if is_mounted else ("--overwrite",)))
        assert code == 0, said
        assert folder.stat().st_uid == owner
        assert set(not_of_the_folders_owner(folder)) <= {"lost+found"}
        assert DATABASE_FILE in names(folder)


def test_compiled_kernels_are_neither_copied_nor_put_back(data: Path, tmp_path: Path) -> None:
    folder, target = tmp_path / "data", tmp_path / "backup"
    shutil.copytree(data, folder)
    (folder / ".numba").mkdir()
    (folder / ".numba" / "ema.nbc").write_bytes(b"code")
    assert invoke(folder, "backup", str(target))[0] == 0
    assert not (target / ".numba").exists()
    (target / ".numba").mkdir()  # as in a backup of an earlier version
    (target / ".numba" / "ema.nbc").write_bytes(b"code")
    listed = json.loads((target / "backup.json").read_text())
    listed["files"][".numba/ema.nbc"] = {"bytes": 4, "sha256": hashlib.sha256(b"code").hexdigest()}
    (target / "backup.json").write_text(json.dumps(listed))
    code, _, said = invoke(tmp_path / "restored", "restore", str(target))
    assert code == 0, said
    assert not (tmp_path / "restored" / ".numba").exists()
    assert rows(tmp_path / "restored") == rows(data)
