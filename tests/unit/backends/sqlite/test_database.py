"""Opening the data file: what a user may have done to it, and who may write."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from tapeline.app import config
from tapeline.app.data_directory import processing_alone
from tapeline.backends.sqlite.checked_rows import put_rows
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.schema import SCHEMA_VERSION
from tapeline.errors import StorageError


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tapeline.db"
    Database(path).close()
    with sqlite3.connect(path) as connection:
        put_rows(connection, "meta", [("schema_version", SCHEMA_VERSION + 1)])
    connection.close()
    with pytest.raises(StorageError, match="newer tapeline"):
        Database(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tapeline.db"
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(StorageError, match="not a tapeline database"):
        Database(path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        Database(tmp_path / "file" / "tapeline.db")
    with pytest.raises(StorageError, match="cannot be written"):
        Database(Path("/proc/tapeline/tapeline.db"))


def test_reading_where_there_is_nothing_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="tapeline demo"):
        Database(tmp_path / "none" / "tapeline.db", create=False)
    assert not (tmp_path / "none").exists()


def test_a_full_disk_is_said_and_what_was_committed_stays(tmp_path: Path) -> None:
    database = Database(tmp_path / "tapeline.db")
    with database.transaction() as connection:
        connection.execute("INSERT INTO symbols (symbol) VALUES ('AAPL')")
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    database._writer.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageError, match="disk is full"), database.transaction() as connection:
        connection.execute("INSERT INTO log VALUES (0, 1, zeroblob(1000000), 0)")
    assert database.reader.execute("SELECT symbol FROM symbols").fetchall() == [("AAPL",)]
    database.close()


def test_a_failed_transaction_leaves_nothing_and_does_not_block_the_next(tmp_path: Path) -> None:
    database = Database(tmp_path / "tapeline.db")
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as connection:
        connection.executemany("INSERT INTO symbols (symbol) VALUES (?)", [("GONE",), ("GONE",)])
    with database.transaction() as connection:
        connection.execute("INSERT INTO symbols (symbol) VALUES ('KEPT')")
    assert database.reader.execute("SELECT symbol FROM symbols").fetchall() == [("KEPT",)]
    database.close()


def test_threads_take_turns_to_write(tmp_path: Path) -> None:
    database = Database(tmp_path / "tapeline.db")

    def count() -> None:
        for _ in range(50):
            with database.transaction() as connection:
                (value,) = connection.execute("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'n'").fetchone()
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('n', ?, 0)", (value + 1,))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.reader.execute("SELECT value FROM meta WHERE name = 'n'").fetchone() == (200,)
    database.close()


def test_a_second_process_may_not_write_into_the_same_directory(tmp_path: Path) -> None:
    settings = config.load(data_dir=tmp_path)
    with (
        processing_alone(settings),
        pytest.raises(StorageError, match="another tapeline is writing there"),
        processing_alone(settings),
    ):
        pass
    with processing_alone(settings) as home:
        assert home.path == tmp_path


def test_a_thread_that_ends_takes_its_connection_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "tapeline.db")
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def recorded(path: Path, **options: Any) -> sqlite3.Connection:
        found: sqlite3.Connection = connect(path, **options)
        if path == database.path:
            made.append(found)
        return found

    def read() -> None:
        with database.reading() as reader:
            reader.execute("SELECT count(*) FROM symbols").fetchone()

    monkeypatch.setattr(sqlite3, "connect", recorded)
    for _ in range(3):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert [is_open(connection) for connection in made] == [False] * 3
    read()
    assert is_open(made[-1])
    database.close()
    assert not is_open(made[-1])


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True
