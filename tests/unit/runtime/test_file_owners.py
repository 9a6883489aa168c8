"""What root makes in a folder of somebody else is theirs, so that their service can go on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.owned_folders import ROOT, SERVICE, folder_of_a_service, not_of_the_folders_owner

from tapeline.alerts.journal import Journal
from tapeline.app.config import Settings
from tapeline.app.data_directory import DATABASE_FILE, nobody_writes
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.backends.sqlite.database import Database
from tapeline.feeds.live.watchlist import Watchlist
from tapeline.runtime import file_owners
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import make_private_file, make_private_folder
from tapeline.web.users import Role, Users

#: Does as the service does what needs every file: lists and log-ins are read and changed, both databases written to.
SERVING = """
import argon2, filelock, json, os, sqlite3, sys
from pathlib import Path
from tapeline.alerts.journal import Journal
from tapeline.app.config import Settings
from tapeline.app.data_directory import nobody_writes
from tapeline.backends.sqlite.database import Database
from tapeline.feeds.live.watchlist import Watchlist
from tapeline.web.users import Role, Users
folder, user = Path(sys.argv[1]), int(sys.argv[2])
os.setgroups([]), os.setgid(user), os.setuid(user)
with nobody_writes(Settings(data_dir=folder)):
    database, journal = Database(folder / "tapeline.db"), Journal(folder / "alerts.db", create=True)
    with database.writing():
        journal.delete_damaged()
Watchlist(folder / "symbols.txt").change(lambda kept: [*kept, "MSFT"])
Users(folder / "users.json").add("vic", Role.VIEWER, "correct horse battery")
print(*Watchlist(folder / "symbols.txt").load(), *Users(folder / "users.json").load())
"""


@pytest.fixture
def owned_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with folder_of_a_service(monkeypatch) as folder:
        yield folder


def administrate(folder: Path) -> contextlib.ExitStack:
    """Do what commands do in a data directory. The databases stay open, with their journals, until the stack ends."""
    Watchlist(folder / "symbols.txt").save(["NVDA"])
    Users(folder / "users.json").add("ann", Role.ADMIN, "correct horse battery")
    LocalFolder(folder / "models").write("default/1/model.txt", b"tree")
    stack = contextlib.ExitStack()
    with nobody_writes(Settings(data_dir=folder)):
        database = stack.enter_context(contextlib.closing(Database(folder / DATABASE_FILE)))
        stack.enter_context(contextlib.closing(Journal(folder / "alerts.db", create=True)))
        with database.writing():
            pass
    return stack


def test_everything_that_root_makes_is_the_folders_owners(owned_folder: Path) -> None:
    with administrate(owned_folder):
        names = {path.name for path in owned_folder.rglob("*")}
        assert {"users.json", "users.lock", "processing.lock", "tapeline.db-wal", "tapeline.db-shm", "1"} <= names
        assert not_of_the_folders_owner(owned_folder) == []


@pytest.mark.skipif(not ROOT, reason="only root can give files away, and become the user they were given to")
def test_the_service_goes_on_after_commands_of_root(owned_folder: Path) -> None:
    with administrate(owned_folder):
        command = [sys.executable, "-c", SERVING, str(owned_folder), str(SERVICE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout) == ("", "NVDA MSFT ann vic\n")


def test_a_file_that_is_replaced_is_the_folders_owners_and_stays_private(owned_folder: Path) -> None:
    path = owned_folder / "scans.json"
    for content in (b"1", b"2"):
        write_atomically(path, content, 0o600)
        if ROOT:
            assert path.stat().st_uid == SERVICE
        assert not_of_the_folders_owner(owned_folder) == []
        assert path.stat().st_mode & 0o777 == 0o600


def test_in_a_folder_of_roots_all_stays_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(os, "fchown", lambda *values: given.append(values[0]), raising=False)
    assert Path("/").stat().st_uid == 0
    with (tmp_path / "made").open("wb") as made:
        file_owners.give_to_owner_of(Path("/"), made.fileno())
    assert given == []


def test_a_link_in_place_of_what_was_made_gives_nothing_away(
    owned_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of the folder may put a link to a folder of root's where root just made one."""
    given: list[int] = []
    monkeypatch.setattr(os, "fchown", lambda *values: given.append(values[0]), raising=False)
    (owned_folder / "models").symlink_to(tmp_path)
    file_owners.give_folder_to_owner_of(owned_folder, owned_folder / "models")
    assert given == []
    (owned_folder / "real").mkdir()
    file_owners.give_folder_to_owner_of(owned_folder, owned_folder / "real")
    assert len(given) == 1


@pytest.mark.parametrize("missing", ["fchown", "geteuid"])
def test_where_files_have_no_owners_nothing_is_given_away(
    missing: str, owned_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, missing)
    write_atomically(owned_folder / "a.json", b"1")
    make_private_folder(owned_folder / "b")
    make_private_file(owned_folder / "b" / "c")
    assert (owned_folder / "a.json").read_bytes() == b"1"


def test_what_cannot_be_given_away_is_written_all_the_same(owned_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a share that lets root do nothing, or in a container without the capability."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    write_atomically(owned_folder / "a.json", b"1")
    make_private_file(owned_folder / "b")
    assert {path.name for path in owned_folder.iterdir()} == {"a.json", "b"}
