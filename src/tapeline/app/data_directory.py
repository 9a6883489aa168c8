"""Open a data directory: the folder that holds all a program keeps on this machine, and the locks of its one writer.

`tapeline.db` is the embedded stream and store, `archive/` the history, `models/` the registry, `symbols.txt` the
watch-list. Beside them lie `users.json`, `alerts.db` and `evaluation.json`. Folders and files are made for their owner
alone (0700, 0600).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tapeline.app import config
from tapeline.app.config import Settings
from tapeline.errors import InUseError, StorageError
from tapeline.runtime.atomic_files import remove_leftovers
from tapeline.runtime.private_files import PRIVATE, make_private_file, make_private_folder

if TYPE_CHECKING:  # few commands need all of these, and some take long to import
    from tapeline.backends.files.file_archive import LocalArchive
    from tapeline.backends.sqlite.database import Database
    from tapeline.backends.sqlite.sqlite_store import SqliteStore
    from tapeline.backends.sqlite.sqlite_stream import SqliteStream
    from tapeline.feeds.live.watchlist import Watchlist
    from tapeline.forecast.range_registry import RangeRegistry
    from tapeline.forecast.registry import Registry
    from tapeline.web.users import Users

DATABASE_FILE = "tapeline.db"

#: The longest that a start after an unclean end looks for damage.
CHECK_SECONDS = 5.0

#: Parts of the file that every commit stands on.
_STOOD_ON = frozenset({"file", "symbols", "models", "meta", "log"})


def _ignore(_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Hold an opened data directory: the stream and store over its one database file. `with` closes the file."""

    path: Path
    database: Database
    stream: SqliteStream
    store: SqliteStore

    @property
    def models(self) -> Registry:
        """Return the registry of its models."""
        return models_in(self.path)

    @property
    def ranges(self) -> RangeRegistry:
        """Return the registry of its range models."""
        return ranges_in(self.path)

    @property
    def holds_bars(self) -> bool:
        """Return whether there is something to show: rows, or records that are to become some."""
        return bool(self.store.count() or self.stream.end())

    def __enter__(self) -> DataDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()


def settings_for_reading(data_dir: str | Path | None) -> Settings:
    """Return the settings with the data directory to read: a demo's where the default one is empty."""
    settings = config.load(data_dir=data_dir)
    demo = settings.data_dir / "demo"
    if data_dir is None and not (settings.data_dir / DATABASE_FILE).exists() and demo.exists():
        return settings.model_copy(update={"data_dir": demo})
    return settings


def archive_in(path: Path) -> LocalArchive:
    """Return the archive of history in the data directory at `path`."""
    from tapeline.backends.files.file_archive import LocalArchive

    return LocalArchive(path / "archive")


def models_in(path: Path) -> Registry:
    """Return the registry of models in the data directory at `path`."""
    from tapeline.backends.files.file_registry import LocalFolder
    from tapeline.forecast.registry import Registry

    return Registry(LocalFolder(path / "models"))


def ranges_in(path: Path) -> RangeRegistry:
    """Return the registry of range models in the data directory at `path`, in the same folder."""
    from tapeline.backends.files.file_registry import LocalFolder
    from tapeline.forecast.range_registry import RangeRegistry

    return RangeRegistry(LocalFolder(path / "models"))


def watchlist_in(path: Path) -> Watchlist:
    """Return the list of the symbols that are collected into the data directory at `path`."""
    from tapeline.feeds.live.watchlist import Watchlist

    return Watchlist(path / "symbols.txt")


def users_in(path: Path) -> Users:
    """Return who may log in to the page over the data directory at `path`."""
    from tapeline.web.users import Users

    return Users(path / "users.json")


def open_data_directory(
    settings: Settings,
    *,
    create: bool,
    progress: Callable[[float], None] = _ignore,
    notify: Callable[[str], None] = _ignore,
) -> DataDirectory:
    """Open the data directory. Raises `StorageError` when it cannot be used, or is not there and not to be made.

    Data of an earlier version are converted first, with `progress` from 0 to 1, unless another process is writing there
    (`InUseError`). `notify` is given what the user should know: about that, and about bars that cannot be read.
    """
    alone = functools.partial(_locked, settings.data_dir, "processing.lock", "writing there in an earlier format")
    return _opened(settings, create, alone, progress, notify)


def _opened(
    settings: Settings, create: bool, alone: Callable[[], AbstractContextManager[None]],
    progress: Callable[[float], None], notify: Callable[[str], None],
) -> DataDirectory:  # fmt: skip
    from tapeline.backends.sqlite.database import Database
    from tapeline.backends.sqlite.sqlite_store import SqliteStore
    from tapeline.backends.sqlite.sqlite_stream import SqliteStream

    database = Database(settings.data_dir / DATABASE_FILE, create=create, alone=alone, progress=progress)
    for text in database.notices:
        notify(text)
    return DataDirectory(settings.data_dir, database, SqliteStream(database), SqliteStore(database, notify))


@contextlib.contextmanager
def processing_alone(
    settings: Settings, *, progress: Callable[[float], None] = _ignore, notify: Callable[[str], None] = _ignore
) -> Iterator[DataDirectory]:
    """Open the data directory, made where it is missing, for the one process that may process into it.

    Data of an earlier version are converted as in `open_data_directory`. Raises `InUseError` for a second process, and
    `StorageError` when it cannot be used.
    """
    with (
        _locked(settings.data_dir, "processing.lock", "writing there"),
        _cleared(settings.data_dir),
        _opened(settings, True, contextlib.nullcontext, progress, notify) as directory,
    ):
        if directory.database.ended_uncleanly:
            _check_before_writing(directory)
        with directory.database.writing():
            yield directory


@contextlib.contextmanager
def nobody_writes(settings: Settings) -> Iterator[None]:
    """Keep every other process from processing and from collecting into the data directory.

    Raises `InUseError` where one does, and `StorageError` when the directory cannot be used.
    """
    with (
        _locked(settings.data_dir, "processing.lock", "writing there"),
        _locked(settings.data_dir, "collecting.lock", "collecting into it"),
    ):
        yield


def check_after_unclean_end(directory: DataDirectory) -> None:
    """Look for damage, for some seconds, if the last process that wrote there was killed and none writes now.

    What is found is said to whoever the directory was opened for, and is in `store.damaged`.
    """
    with contextlib.suppress(StorageError):
        if directory.database.ended_uncleanly:
            with _locked(directory.path, "processing.lock", "writing there"):
                _checked(directory)


def _check_before_writing(directory: DataDirectory) -> None:
    """Raise `StorageError` for damage that writing would make worse; of other damage, tell only."""
    unsafe = _checked(directory)
    if unsafe:
        raise StorageError(f"{directory.database.path}: {unsafe}; run `tapeline check --repair` first")


def _checked(directory: DataDirectory) -> str:
    """Tell what is damaged. Return the first thing that processing stands on, '' where there is none."""
    from tapeline.backends.sqlite.file_check import OutOfTimeError, damaged_parts

    unsafe = ""
    with contextlib.suppress(OutOfTimeError):
        for part in damaged_parts(directory.database, CHECK_SECONDS):
            directory.database.damage.note((part.table, part.text), part.text)
            if part.table in _STOOD_ON:
                unsafe = unsafe or part.text
    return unsafe


@contextlib.contextmanager
def collecting_alone(settings: Settings) -> Iterator[None]:
    """Be the one process that collects into the data directory, which is made where it is missing.

    Raises `InUseError` for a second process, and `StorageError` when it cannot be used.
    """
    with _locked(settings.data_dir, "collecting.lock", "collecting into it"), _cleared(settings.data_dir):
        yield


@contextlib.contextmanager
def _cleared(path: Path) -> Iterator[None]:
    """Remove what killed processes left of files that they were writing."""
    below = ("archive/*", "models", "models/*", "models/*/*")
    remove_leftovers([path, *(folder for pattern in below for folder in path.glob(pattern) if folder.is_dir())])
    yield


@contextlib.contextmanager
def _locked(path: Path, name: str, doing: str) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(path / name, mode=PRIVATE)
    try:
        make_private_folder(path)
        make_private_file(path / name)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise InUseError(f"{path}: another tapeline is {doing}; stop it or choose another --data-dir") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; check its permissions or choose another --data-dir") from error
    try:
        yield
    finally:
        lock.release()
