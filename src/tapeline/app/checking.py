"""Look for damage in everything that a data directory holds, and repair what can be fetched or computed again."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tapeline.alerts.journal import JOURNAL_FILE, Journal
from tapeline.alerts.saved_scans import SCANS_FILE, SavedScans
from tapeline.app.config import Settings
from tapeline.app.data_directory import (
    DATABASE_FILE,
    archive_in,
    models_in,
    nobody_writes,
    open_data_directory,
    ranges_in,
    users_in,
    watchlist_in,
)
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.salvage import Salvaged, salvage
from tapeline.core.bars import usual_interval
from tapeline.core.market import Bars
from tapeline.core.messages import Delivery
from tapeline.core.series import split_series
from tapeline.error_text import counted
from tapeline.errors import InUseError, StorageError, TapelineError
from tapeline.runtime.private_files import make_private_folder

#: Copies of what was damaged are kept here, in the data directory.
DAMAGED_FOLDER = "damaged"

_SIDE_FILES = ("-wal", "-shm", "-journal")
_RECENT_ROWS = 500


@dataclass(frozen=True, slots=True)
class Flaw:
    """Name something damaged: the file in the data directory, what is wrong, and what a repair makes of it."""

    file: str
    text: str
    remedy: str


def flaws(settings: Settings) -> Iterator[Flaw]:
    """Yield what is damaged in the data directory. What is not there is not damaged."""
    folder = settings.data_dir
    if (folder / DATABASE_FILE).exists():
        try:
            with open_data_directory(settings, create=False) as directory:
                for part in damaged_parts(directory.database):
                    yield Flaw(DATABASE_FILE, part.text, part.remedy)
        except InUseError:
            raise
        except StorageError as error:
            yield Flaw(DATABASE_FILE, str(error), "the file is rewritten from what can be read")
    yield from _flaws_of_files(folder)


def _flaws_of_files(folder: Path) -> Iterator[Flaw]:
    for path, error in _damaged_series(archive_in(folder)):
        yield Flaw(str(path.relative_to(folder)), str(error), "moved away, and fetched again by the next run")
    if (folder / JOURNAL_FILE).exists():
        with contextlib.ExitStack() as stack:
            try:
                journal = stack.enter_context(contextlib.closing(Journal(folder / JOURNAL_FILE, create=False)))
                lines = journal.damage()
            except StorageError as error:
                lines = [str(error)]
        for line in lines:
            yield Flaw(JOURNAL_FILE, line, "deleted; a rule is to be added again")
    try:
        for line in (*models_in(folder).listing().faults, *ranges_in(folder).listing().damaged):
            yield Flaw("models", line, "not repaired: train again, or restore a backup")
    except TapelineError as error:
        yield Flaw("models", str(error), "not repaired: train again, or restore a backup")
    scans = SavedScans(folder / SCANS_FILE)
    lists = (
        ("symbols.txt", watchlist_in(folder).load),
        ("users.json", users_in(folder).load),
        (SCANS_FILE, scans.load),
    )
    for name, load in lists:
        try:
            load()
        except TapelineError as error:
            yield Flaw(name, str(error), "not repaired: write it again, or restore a backup")


def _damaged_series(archive: LocalArchive) -> Iterator[tuple[Path, StorageError]]:
    for interval in archive.intervals():
        for symbol in archive.symbols(interval):
            try:
                archive.load(symbol, interval)
            except StorageError as error:
                yield archive.path(symbol, interval), error


# -- repair ------------------------------------------------------------------------------------------------------------


def repair(settings: Settings, stamp: str, say: Callable[[str], None]) -> None:
    """Repair what `flaws` finds, and keep what was damaged in the folder `damaged/STAMP`.

    `say` is given a line about each thing that was done. Raises `InUseError` where another process uses the data.
    """
    folder = settings.data_dir
    kept = folder / DAMAGED_FOLDER / stamp
    with nobody_writes(settings):
        for path, _ in list(_damaged_series(archive_in(folder))):
            _move(path, kept / path.relative_to(folder))
            say(f"{path}: moved to {kept}; the next run fetches it again")
        if (folder / JOURNAL_FILE).exists():
            _repair_journal(folder / JOURNAL_FILE, kept, say)
        if (folder / DATABASE_FILE).exists() and any(flaw.file == DATABASE_FILE for flaw in flaws(settings)):
            found = _write_anew(folder / DATABASE_FILE, kept)
            say(f"{folder / DATABASE_FILE}: rewritten from what is whole; the damaged file is in {kept}")
            for table, number in found.rows.items():
                were = "was" if number == 1 else "were"
                say(f"{counted(number, 'row')} of {table} {were} damaged")
            _bring_back(settings, found, say)


def _write_anew(path: Path, kept: Path) -> Salvaged:
    """Put a new database in the place of a damaged one, of which a copy stays in `kept`."""
    make_private_folder(kept)
    new = path.with_name(f".{path.name}-repaired.tmp")
    _delete(new)
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as old:
            old.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
            _be_alone(old, path)
            found = salvage(old, new)
    except sqlite3.Error:
        found = Salvaged(rows={"all tables": 1}, again=True)  # not even the list of tables can be read
        _delete(new)
    except StorageError:  # the new file cannot be written: the old one stays as it is
        _delete(new)
        raise
    _keep(path, kept / path.name)
    for end in _SIDE_FILES:  # or SQLite would take the old file's journal for the new one's
        if (side := Path(f"{path}{end}")).exists():
            _move(side, kept / side.name)
    if new.exists():
        new.replace(path)
    else:
        path.unlink()
    return found


def _delete(database: Path) -> None:
    for file in (database, *(Path(f"{database}{end}") for end in _SIDE_FILES)):
        file.unlink(missing_ok=True)


def _be_alone(old: sqlite3.Connection, path: Path) -> None:
    """Raise `InUseError` where another process has the file open; leave the mode of its journal otherwise."""
    try:
        old.execute("PRAGMA locking_mode=EXCLUSIVE")
        old.execute("BEGIN IMMEDIATE")
        old.execute("ROLLBACK")
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        old.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            raise InUseError(f"{path}: another program reads it; stop it, such as a page, and repair again") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        pass  # too damaged for that; what can be read is read all the same


def _keep(path: Path, copy: Path) -> None:
    """Keep the file under another name as well: as a second link where the file system has them, else as a copy."""
    if copy.exists() and copy.samefile(path):
        return  # by a repair of this second that was stopped
    try:
        os.link(path, copy)
    except OSError:
        shutil.copy2(path, copy)


def _move(path: Path, target: Path) -> None:
    make_private_folder(target.parent)
    path.replace(target)


def _bring_back(settings: Settings, found: Salvaged, say: Callable[[str], None]) -> None:
    """Append what the archive has of lost bars to the stream, so that the next run processes them as late bars."""
    archive = archive_in(settings.data_dir)
    with open_data_directory(settings, create=True) as directory:
        for symbol, first, last in found.lost:
            stored = directory.store.rows(symbol, limit=_RECENT_ROWS).bars.timestamp
            base, interval = split_series(symbol)
            bars = _archived(archive, base, first, last, interval or usual_interval(stored))
            bars = replace(bars, symbols=(symbol,)) if len(bars) else bars
            if len(bars):
                directory.stream.append("repair", Delivery(bars))
            say(
                f"{symbol}: a block of bars was lost; {len(bars):,} of them come back from the archive with the next "
                "run; forecasts about them are gone"
            )
    if found.again:
        say("sources begin again with the next run: what is known is passed over, what is missing is stored")


def _archived(archive: LocalArchive, symbol: str, first: int, last: int, interval: int | None) -> Bars:
    """Return the archived bars of a symbol from one time to another, of the interval that is stored (None: any)."""
    for name in archive.intervals():
        with contextlib.suppress(StorageError):
            series = archive.load(symbol, name)
            if series is not None and interval in {None, usual_interval(series.bars.timestamp)}:
                return series.bars[(series.bars.timestamp >= first) & (series.bars.timestamp <= last)]
    return Bars.of(())


def _repair_journal(path: Path, kept: Path, say: Callable[[str], None]) -> None:
    """Delete what is damaged in the journal of alerts; one that cannot be read at all begins anew."""
    try:
        with contextlib.closing(Journal(path, create=False)) as journal:
            damaged = journal.damage()
            if not damaged:
                return
            make_private_folder(kept)
            journal.copy(kept / path.name)
            journal.delete_damaged()
    except StorageError:
        _move(path, kept / path.name)
        damaged = ["it could not be read, and starts empty"]
    for line in damaged:
        say(f"{path}: {line}")
