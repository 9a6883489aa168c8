"""Files of version 1 are converted whole, once, or not at all; the next run goes on from them."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.fakes.models import FakeModel
from tests.fakes.sources import ListSource
from tests.version_1 import DELIVERIES, POSITION, rows_of_version_1, write_version_1

from tapeline.app import config
from tapeline.app.data_directory import DATABASE_FILE, open_data_directory, processing_alone
from tapeline.backends.sqlite import database as database_module
from tapeline.backends.sqlite.block_table import SEALED
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.schema import SCHEMA_VERSION
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import OHLCV, Bars
from tapeline.core.rows import Row
from tapeline.errors import InUseError, StorageError
from tapeline.runtime.appending import Progress
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor

FORMING = START + 120 * MINUTE
COPIES = 1  # makes 3 symbols more, of 14,520 bars: four blocks each


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write_version_1(tmp_path / DATABASE_FILE)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return write_version_1(tmp_path / DATABASE_FILE, COPIES)


def query(path: Path, text: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(text).fetchall()


def version(path: Path) -> int:
    return int(query(path, "SELECT value FROM meta WHERE name = 'schema_version'")[0][0])


def rows_of_store(store: SqliteStore) -> dict[str, list[Row]]:
    return {row.stock_symbol: list(store.rows(row.stock_symbol)) for row in store.latest()}


def test_bars_forecasts_rejects_and_positions_stay(old: Path) -> None:
    before = rows_of_version_1(old)
    tables = ("log", "sources", "symbols", "rejects")
    kept = {name: query(old, f"SELECT * FROM {name} ORDER BY 1") for name in tables}
    assert {len(rows) for rows in before.values()} == {121}
    assert {row.prediction for rows in before.values() for row in rows} == {None, "UP", "DOWN", "HOLD"}
    done: list[float] = []
    with closing(Database(old, create=False, progress=done.append)) as database:
        store = SqliteStore(database)
        assert rows_of_store(store) == before
        assert list(store.latest()) == [rows[-1] for rows in before.values()]
        assert store.count() == 3 * 121
        states, position = store.load()
        assert (sorted(states), position) == (["S00", "S01", "S02"], POSITION)
        assert [reject.raw for reject in store.rejects()] == [b"S00,nan,\xff"] * 2
        assert SqliteStream(database).resume("list") == str(DELIVERIES)
        assert database.notices == ()
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, 1.0)
    for name, content in kept.items():
        found = query(old, f"SELECT * FROM {name} ORDER BY 1")
        assert [row[: len(content[0])] for row in found] == content
    assert query(old, "SELECT name FROM sqlite_master WHERE name IN ('rows', 'layouts')") == []
    assert query(old, "PRAGMA freelist_count") == [(0,)]
    assert query(old, "PRAGMA integrity_check") == [("ok",)]


def test_a_second_open_converts_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(old).close()
    content = old.read_bytes()
    monkeypatch.setattr(database_module, "convert", None)
    monkeypatch.setattr(database_module, "shrink", None)
    Database(old, progress=pytest.fail).close()
    assert old.read_bytes() == content


def test_a_file_of_version_2_gets_a_checksum_for_everything(large: Path) -> None:
    Database(large).close()
    with closing(sqlite3.connect(large)) as connection, connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not table.startswith(("sqlite_", "block_totals")):
                connection.execute(f"ALTER TABLE {table} DROP COLUMN crc")
        connection.execute("DROP TABLE block_totals")
        connection.execute("UPDATE meta SET value = 2 WHERE name = 'schema_version'")
    done: list[float] = []
    with closing(Database(large, progress=done.append)) as database:
        assert version(large) == SCHEMA_VERSION
        assert (done[0], done[-1]) == (0.0, 1.0)
        assert not [*damaged_parts(database)]
        assert SqliteStore(database).count() == sum(map(len, rows_of_store(SqliteStore(database)).values()))


def test_long_histories_become_blocks_of_at_most_4096_bars(large: Path) -> None:
    before, size = rows_of_version_1(large), large.stat().st_size
    done: list[float] = []
    with closing(Database(large, progress=done.append)) as database:
        store = SqliteStore(database)
        assert rows_of_store(store) == before
        assert max(count for (count,) in database.reader.execute("SELECT count FROM blocks")) == SEALED
        assert store.count() == sum(map(len, before.values()))
    assert len(done) > 12
    assert large.stat().st_size < size / 5


class NextRun:
    """A run of today's code over a converted file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: list[str] = []

    def __call__(self, batches: list[Bars], open_: Callable[[Path], Database] = Database) -> Progress:
        with closing(open_(self.path)) as database:
            model = FakeModel(trained_until=START + 20 * MINUTE)
            source = ListSource([Bars.of(())] * DELIVERIES + batches)
            pipeline = Pipeline(
                source, SqliteStream(database), SqliteStore(database), Processor((), model), notify=self.notices.append
            )
            return pipeline.run()


def test_the_next_run_goes_on_from_the_stored_bars(old: Path) -> None:
    before = rows_of_version_1(old)
    bars = random_bars(3, 140)
    minute = np.arange(len(bars)) // 3
    run = NextRun(old)
    progress = run([bars[minute >= 125]])
    assert progress.corrected == 0
    assert len(run.notices) == 1
    assert "computing all 3 symbols again from their stored bars" in run.notices[0]
    with closing(Database(old)) as database:
        found = rows_of_store(SqliteStore(database))
    for symbol, rows in found.items():
        wanted = [bar for bar in bars if bar.symbol == symbol]
        if symbol == "S01":  # what was forming at minute 120 was never said to be final
            last = before[symbol][-1]
            wanted[120] = replace(wanted[120], close=last.price, volume=last.volume)
        assert [(row.timestamp, row.price, row.volume, row.final) for row in rows] == [
            (bar.timestamp, bar.close, bar.volume, True) for bar in wanted
        ]
        said = [(row.prediction, row.probability, row.model) for row in rows]
        assert said[:120] == [(row.prediction, row.probability, row.model) for row in before[symbol][:120]]
        assert all(row.prediction for row in rows[120:])
    assert run([]).bars_in == 0
    assert len(run.notices) == 1


def test_a_correction_after_the_conversion_finds_no_old_checkpoint(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("INSERT INTO checkpoints SELECT symbol, timestamp - 6000000, data FROM states")
    bars = random_bars(3, 140)
    wrong = bars[30 * 3 : 30 * 3 + 1]
    progress = NextRun(old)([replace(wrong, volume=wrong.volume + 1)])
    assert progress.corrected == 1
    with closing(Database(old)) as database:
        row = list(SqliteStore(database).rows("S00"))[30]
        assert row.volume == float(wrong.volume[0]) + 1
        assert row.as_known == {name: float(getattr(wrong, name)[0]) for name in OHLCV}


# -- what may go wrong -------------------------------------------------------------------------------------------------


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Assert that the file is the same file of version 1 afterwards, and can be converted."""
    before = rows_of_version_1(path)
    yield
    assert version(path) == 1
    assert rows_of_version_1(path) == before
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    with closing(Database(path)) as database:
        assert rows_of_store(SqliteStore(database)) == before


def test_an_exception_in_the_middle_leaves_the_file_as_it_was(large: Path) -> None:
    def fail(done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with unchanged(large), pytest.raises(KeyboardInterrupt):
        Database(large, progress=fail)


def test_a_full_disk_leaves_the_file_as_it_was(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = database_module.convert

    def on_a_full_disk(connection: sqlite3.Connection, progress: Callable[[float], None]) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 3}")
        really(connection, progress)

    with unchanged(large), monkeypatch.context() as patched:
        patched.setattr(database_module, "convert", on_a_full_disk)
        with pytest.raises(StorageError, match="the disk is full; free some space"):
            Database(large)
        patched.undo()


def test_bars_of_no_symbol_are_not_dropped_silently(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("DELETE FROM symbols WHERE symbol = 'S01'")
    with pytest.raises(StorageError, match="121 bars are of no known symbol"):
        Database(old)
    assert version(old) == 1


@pytest.mark.parametrize("part", [0.0, 0.4, 1.0])
def test_a_kill_before_the_commit_leaves_the_file_as_it_was(part: float, large: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from tapeline.backends.sqlite.database import Database; "
        "part = float(sys.argv[2]); "
        "Database(Path(sys.argv[1]), progress=lambda done: done < part or os.kill(os.getpid(), signal.SIGKILL))"
    )
    with unchanged(large):
        done = subprocess.run([sys.executable, "-c", program, str(large), str(part)], check=False)
        assert done.returncode == -signal.SIGKILL


def test_without_room_the_file_keeps_its_size_and_says_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = old.stat().st_size
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("tapeline.backends.sqlite.conversion.shutil.disk_usage", lambda _: usage)
    told: list[str] = []
    with open_data_directory(config.load(data_dir=old.parent), create=False, notify=told.append) as directory:
        assert directory.store.count() == 3 * 121
    assert old.stat().st_size >= size
    assert len(told) == 1
    assert "keeps its size" in told[0]
    assert "run VACUUM" in told[0]
    assert query(old, "PRAGMA freelist_count")[0][0] > 0


# -- who converts ------------------------------------------------------------------------------------------------------


def test_a_reader_converts_when_nobody_writes_there(old: Path) -> None:
    with open_data_directory(config.load(data_dir=old.parent), create=False) as directory:
        assert directory.store.count() == 3 * 121
    assert version(old) == SCHEMA_VERSION


def test_the_writer_converts_under_its_own_lock(old: Path) -> None:
    settings = config.load(data_dir=old.parent)
    with processing_alone(settings) as directory:
        assert directory.store.count() == 3 * 121
        with open_data_directory(settings, create=False) as reader:
            assert reader.store.count() == 3 * 121


def test_a_reader_converts_nothing_beside_a_writer_of_the_old_version(old: Path) -> None:
    import filelock

    with filelock.FileLock(old.parent / "processing.lock"), pytest.raises(InUseError) as refused:
        open_data_directory(config.load(data_dir=old.parent), create=False)
    assert str(refused.value) == (
        f"{old.parent}: another tapeline is writing there in an earlier format; stop it or choose another --data-dir"
    )
    assert version(old) == 1


def test_a_reader_beside_a_conversion_does_not_wait_for_it(old: Path) -> None:
    settings = config.load(data_dir=old.parent)
    begun, go_on = threading.Event(), threading.Event()

    def pause(_: float) -> None:
        begun.set()
        assert go_on.wait(30)

    opened: list[Any] = []
    thread = threading.Thread(
        target=lambda: opened.append(open_data_directory(settings, create=False, progress=pause).database.close())
    )
    thread.start()
    assert begun.wait(30)
    started = time.monotonic()
    with pytest.raises(InUseError):
        open_data_directory(settings, create=False)
    assert time.monotonic() - started < 5
    go_on.set()
    thread.join(30)
    assert opened
    with open_data_directory(settings, create=False) as directory:
        assert directory.store.count() == 3 * 121


def test_a_file_that_cannot_be_written_is_refused_in_one_line(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapeline.backends.sqlite.database.os.access", lambda *_: False)
    with pytest.raises(StorageError, match=r"made by an earlier tapeline.* check its permissions$"):
        Database(old, create=False)
    assert version(old) == 1


def test_a_long_conversion_is_shown_on_stderr(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tapeline.cli import console, main

    monkeypatch.setattr(console, "_WORTH_SAYING_SECONDS", 0.0)
    monkeypatch.setattr(sys, "argv", ["tapeline", "show", "S00", "--data-dir", str(old.parent), "--json"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert not ended.value.code
    said = capsys.readouterr()
    assert said.err.splitlines() == ["converting the data of an earlier version, once: 33%"]
    assert said.out.startswith("[")
