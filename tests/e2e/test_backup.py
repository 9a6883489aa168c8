"""Backups: of one moment while a replay writes, verified, private, and put back only where nothing is overwritten."""

from __future__ import annotations

import contextlib
import json
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
