"""Copy a data directory while it is in use, verify the copy, and put one in place again.

A backup is a folder of the same files, with `backup.json` beside them: the size and the SHA-256 of each. Databases are
copied with SQLite's own backup in one step, so each is of one moment however much is written meanwhile; files that are
replaced as a whole are copied as they are. Folders appear under their name when they are complete and verified
(`whole_folders`). Kernels that were compiled there are machine code and no data: they are neither copied nor put back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tapeline import __version__
from tapeline.alerts.journal import JOURNAL_FILE, Journal
from tapeline.app.checking import DAMAGED_FOLDER, flaws
from tapeline.app.config import Settings
from tapeline.app.data_directory import DATABASE_FILE, nobody_writes, open_data_directory
from tapeline.app.whole_folders import KERNELS_FOLDER, FolderPlace, holds_something
from tapeline.backends.files.file_errors import translating_file_errors
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_errors import translating_sqlite_errors
from tapeline.core.foreign import Bounds, load_json
from tapeline.errors import DecodeError, StorageError
from tapeline.runtime.private_files import PRIVATE, make_private_file, make_private_folder

MANIFEST_FILE = "backup.json"

_FORMAT = 1
_BLOCK = 1 << 20
_MANIFEST = Bounds(64 << 20, parts=1_000_000, values=10_000_000)
_DATABASES = (DATABASE_FILE, JOURNAL_FILE)
_NOT_COPIED = (*_DATABASES, MANIFEST_FILE)
_NOT_COPIED_ENDS = (".lock", ".tmp", ".part", "-wal", "-shm", "-journal")
_NOT_COPIED_FOLDERS = (DAMAGED_FOLDER, "demo", KERNELS_FOLDER)
_REPLACED = "replaced-"  # what a folder is called, or ends with, that a restore moved aside


def back_up(settings: Settings, target: Path, *, at: datetime) -> int:
    """Copy the data directory to the folder `target`, which is new or empty, and return the number of bytes.

    Any process may go on writing meanwhile. Raises `StorageError` when there are no data, when something in them is
    damaged, when the copy cannot be written, and when what was written does not read back.
    """
    folder = settings.data_dir
    if not (folder / DATABASE_FILE).exists():
        raise StorageError(f"{folder}: no data here yet; nothing was copied")
    if target.resolve().is_relative_to(folder.resolve()):
        raise StorageError(f"{target}: is inside the data directory; name a folder outside of it")
    with FolderPlace(target).made() as part:
        with open_data_directory(settings, create=False) as directory:
            _copy_database(directory.database, part / DATABASE_FILE)
        if (folder / JOURNAL_FILE).exists():
            with contextlib.closing(Journal(folder / JOURNAL_FILE, create=False)) as journal:
                journal.copy(part / JOURNAL_FILE)
        for path in _files(folder):
            with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
                _copy(path, part / path.relative_to(folder))
        for flaw in flaws(settings.model_copy(update={"data_dir": part})):
            raise StorageError(f"{folder / flaw.file}: {flaw.text}; run `tapeline check --repair`, then back up again")
        return _write_manifest(part, at)


def restore(source: Path, settings: Settings, *, overwrite: bool, at: datetime) -> Path | None:
    """Put a backup in the place of the data directory, and return where what was there is now, None for nothing.

    With `overwrite` what is in a data directory is moved aside: beside it, or into a folder in it where it cannot be
    renamed, as a mounted one. The files belong to the owner of the directory. Raises `StorageError` without it, for a
    backup that is not complete or not as it was written, and when it cannot be copied; then all stays as it was.
    """
    files = _manifest(source)
    _compare(source, files)
    folder, place = settings.data_dir, FolderPlace(settings.data_dir)
    replaced: Path | None = None
    with contextlib.ExitStack() as stack:
        if holds_something(folder):
            if not overwrite:
                raise StorageError(f"{folder}: is not empty; name another --data-dir, or --overwrite to move it aside")
            stack.enter_context(nobody_writes(settings))
            replaced = place.aside(f"{_REPLACED}{at:%Y%m%dT%H%M%SZ}")
        with place.made(replaced) as part:
            wanted = {name: facts for name, facts in files.items() if not _is_kernel(name)}
            for name in wanted:
                _copy(source / name, part / name)
            _compare(part, wanted)
    return replaced


# -- files -------------------------------------------------------------------------------------------------------------


def _files(folder: Path, *, everything: bool = False) -> list[Path]:
    """Return the files to copy, pointers before what they point to: nothing that is pointed to is ever changed."""
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_symlink() or not path.is_file():
            continue
        if everything or not (
            (len(parts) == 1 and path.name in _NOT_COPIED)
            or any(part.endswith(_NOT_COPIED_ENDS) for part in (parts[0], parts[-1]))
            or parts[0] in _NOT_COPIED_FOLDERS
            or (len(parts) > 1 and parts[0].startswith(_REPLACED))
        ):
            found.append(path)
    return sorted(found, key=lambda path: (len(path.parts), path))


def _is_kernel(name: str) -> bool:
    """Return whether this is compiled code, which backups of earlier versions have as well."""
    return name.partition("/")[0] == KERNELS_FOLDER


def _copy(path: Path, target: Path) -> None:
    with translating_file_errors(target):
        make_private_folder(target.parent)
        make_private_file(target)
        with path.open("rb") as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, _BLOCK)
        target.chmod(PRIVATE)


def _copy_database(database: Database, target: Path) -> None:
    """Copy a database of one moment, with the note that it is being written to taken out."""
    make_private_file(target)
    with translating_sqlite_errors(target), contextlib.closing(sqlite3.connect(target)) as copy:
        database.reader.backup(copy)
    with contextlib.closing(Database(target, create=False)) as opened, opened.writing():
        pass


# -- the list of files -------------------------------------------------------------------------------------------------


def _write_manifest(folder: Path, at: datetime) -> int:
    files = {path.relative_to(folder).as_posix(): _facts(path) for path in _files(folder, everything=True)}
    document = {"format": _FORMAT, "tapeline": __version__, "at": at.astimezone(UTC).isoformat(), "files": files}
    with translating_file_errors(folder / MANIFEST_FILE):
        make_private_file(folder / MANIFEST_FILE)
        (folder / MANIFEST_FILE).write_text(json.dumps(document, indent=1), "utf-8")
    _compare(folder, _manifest(folder))
    return sum(facts["bytes"] for facts in files.values())


def _facts(path: Path) -> dict[str, Any]:
    with translating_file_errors(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


def _manifest(folder: Path) -> dict[str, Any]:
    """Return the files that a backup says it has. Raises `StorageError` for a folder that is no backup."""
    path = folder / MANIFEST_FILE
    try:
        with translating_file_errors(path):
            document = load_json(path.read_bytes(), _MANIFEST)
        files = document["files"]
        if document["format"] != _FORMAT or not isinstance(files, dict):
            raise StorageError(f"{path}: made by a newer tapeline; upgrade tapeline")
    except FileNotFoundError:
        raise StorageError(f"{folder}: is no backup, or not a complete one ({MANIFEST_FILE} is missing)") from None
    except (DecodeError, KeyError, TypeError) as error:
        raise StorageError(f"{path}: is damaged; take another backup") from error
    return files


def _compare(folder: Path, files: dict[str, Any]) -> None:
    """Raise `StorageError` unless the folder has just these files, as they were."""
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder, everything=True)}
    there.pop(MANIFEST_FILE, None)
    for name in sorted(files.keys() | there.keys()):
        if name not in there:
            raise StorageError(f"{folder / name}: is missing from the backup; take another one")
        if files.get(name) != _facts(there[name]):
            raise StorageError(f"{folder / name}: is not what was backed up; take another backup")
