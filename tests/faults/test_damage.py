"""Flipped bits: what commands print is what was stored, or damage is named; and a repair brings back what it can."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tapeline.app.config import Settings
from tapeline.app.data_directory import DATABASE_FILE, archive_in, open_data_directory, processing_alone
from tapeline.app.page_wiring import page_data_of
from tapeline.backends.sqlite.checked_rows import CHECKED
from tapeline.backends.sqlite.database import Database
from tapeline.core.messages import Series
from tapeline.errors import StorageError
from tests.conftest import MINUTE, START, random_bars
from tests.faults.flips import READING, baseline, faults_of, filled, flip, invoke, repaired

Wanted = dict[tuple[str, ...], tuple[int, str, str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("whole") / "data")


@pytest.fixture(scope="module")
def wanted(whole: Path) -> Wanted:
    return baseline(whole)


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


def change(folder: Path, statement: str, file: str = DATABASE_FILE) -> None:
    """Change a value behind the back of its checksum, as a flipped bit does."""
    with closing(sqlite3.connect(folder / file)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


@pytest.mark.parametrize(("bits", "seed"), [(1, 1), (1, 2), (3, 3), (20, 4), (200, 5)])
def test_no_flipped_bit_is_shown_as_a_value(bits: int, seed: int, damaged: Path, wanted: Wanted) -> None:
    flip(damaged / DATABASE_FILE, bits, random.Random(seed))
    assert faults_of(damaged, wanted, READING) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_damaged_is_there_again_after_a_repair_and_a_replay(
    seed: int, whole: Path, damaged: Path, wanted: Wanted
) -> None:
    flip(damaged / DATABASE_FILE, 3, random.Random(seed))
    assert repaired(whole, damaged, wanted) == ""


@pytest.mark.parametrize(
    ("table", "column", "named"),
    [
        ("newest", "volume", "its newest row is damaged"), ("rejects", "reason", "rejected records are damaged"),
        ("symbols", "symbol", "of the symbols is damaged"), ("models", "version", "of the models is damaged"),
        ("states", "data", "what is remembered of it is damaged"), ("meta", "value", "how far the log was processed"),
    ],
)  # fmt: skip
def test_a_changed_row_is_named_by_whoever_reads_it(table: str, column: str, named: str, damaged: Path) -> None:
    with closing(sqlite3.connect(damaged / DATABASE_FILE)) as connection:
        if not connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
            pytest.fail(f"{table} is empty")
    where = " WHERE name = 'position'" if table == "meta" else ""
    new = {"data": "zeroblob(length(data))", "volume": "volume + 1", "value": "value + 1"}
    change(
        damaged,
        f"UPDATE {table} SET {column} = {new.get(column, f'{column} || chr(65)')}{where}".replace("chr(65)", "'A'"),
    )
    with open_data_directory(Settings(data_dir=damaged), create=False) as directory:
        directory.store.load()
        for row in directory.store.latest():
            directory.store.rows(row.stock_symbol)
        list(directory.store.rejects())
        assert any(named in line for line in directory.store.damaged), directory.store.damaged
        health = page_data_of(directory, live=False).health
        assert health is not None
        assert any(named in line for line in health()["errors"])


def test_every_table_has_checksums(whole: Path) -> None:
    with closing(sqlite3.connect(whole / DATABASE_FILE)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {name for name in tables if not name.startswith("sqlite_")} == {*CHECKED, "blocks"}


def test_bars_that_vanish_from_the_index_are_missed(damaged: Path) -> None:
    change(damaged, "DELETE FROM blocks WHERE id = (SELECT min(id) FROM blocks)")
    _, _, said = invoke(damaged, "show", "S00", "--last", "5000", "--json")
    assert "which bars it has is damaged" in said


def test_a_start_after_an_unclean_end_names_damage(damaged: Path) -> None:
    settings = Settings(data_dir=damaged)
    change(damaged, "UPDATE newest SET volume = volume + 1")
    told: list[str] = []
    with processing_alone(settings, notify=told.append):
        assert told == []  # the last program ended by itself: nothing is looked for
        change(damaged, "UPDATE sources SET resume = resume || ' '")
        with open_data_directory(settings, create=False) as other:
            assert other.database.ended_uncleanly
        shutil.copytree(damaged, damaged.with_name("killed"))
    with processing_alone(Settings(data_dir=damaged.with_name("killed")), notify=told.append):
        assert sum("a row of newest is damaged" in line for line in told) == 3
    change(damaged.with_name("killed"), "UPDATE meta SET value = 1 WHERE name = 'writing'")
    change(damaged.with_name("killed"), "UPDATE symbols SET symbol = 'X' WHERE id = 1")
    with (
        pytest.raises(StorageError, match="run `tapeline check --repair` first"),
        processing_alone(Settings(data_dir=damaged.with_name("killed"))),
    ):
        pass


def test_check_names_each_file_and_a_repair_keeps_what_was_damaged(damaged: Path) -> None:
    code, out, _ = invoke(damaged, "check", "--json")
    assert (code, json.loads(out)) == (0, [])
    archive = archive_in(damaged)
    archive.save(Series("S00", "1m", random_bars(1, 50), currency="USD"))
    path = archive.path("S00", "1m")
    content = path.read_bytes()
    path.write_bytes(content[:200] + b"\xff" + content[201:])
    change(damaged, "UPDATE rules SET text = 'close > 1'", "alerts.db")
    change(damaged, "UPDATE newest SET close = close + 1")
    code, out, _ = invoke(damaged, "check", "--json")
    assert code == 1
    assert {flaw["file"] for flaw in json.loads(out)} == {DATABASE_FILE, "alerts.db", "archive/1m/S00.parquet"}
    _, out, _ = invoke(damaged, "doctor", "--json")
    assert any(finding["check"] == DATABASE_FILE and finding["state"] == "fail" for finding in json.loads(out))
    code, out, said = invoke(damaged, "check", "--repair")
    assert code == 0, out + said
    (kept,) = (damaged / "damaged").iterdir()
    assert {file.relative_to(kept).as_posix() for file in kept.rglob("*") if file.is_file()} == {
        DATABASE_FILE, "alerts.db", "archive/1m/S00.parquet",
    }  # fmt: skip


def test_a_repair_that_cannot_be_finished_leaves_the_file_as_it_was(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(damaged, "UPDATE newest SET volume = volume + 1")
    before = invoke(damaged, "check", "--json")

    def full(database: Database) -> None:
        raise StorageError(f"{database.path}: the disk is full")

    monkeypatch.setattr(Database, "settle", full)
    code, _, said = invoke(damaged, "check", "--repair")
    assert (code, "the disk is full" in said) == (1, True)
    assert invoke(damaged, "check", "--json") == before
    assert not list(damaged.glob(".*.tmp*"))


def test_a_file_is_not_settled_while_its_log_is_read(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "a.db")) as database, closing(sqlite3.connect(tmp_path / "a.db")) as other:
        database.settle()
        with database.writing():
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM meta").fetchone()
        database._writer.execute("PRAGMA busy_timeout=0")  # rather than 30 seconds
        with pytest.raises(StorageError, match="locked"):
            database.settle()


def test_lost_bars_come_back_from_the_archive(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    bars = random_bars(1, 600)
    lines = [f"{b.symbol},{b.timestamp},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in bars]
    file.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *lines]) + "\n")
    folder = tmp_path / "data"
    assert invoke(folder, "replay", str(file), "--no-dashboard", "--json")[0] == 0
    archive_in(folder).save(Series("S00", "1m", bars, currency="USD"))
    change(folder, "UPDATE blocks SET payload = zeroblob(length(payload))")
    change(folder, "DELETE FROM log")
    assert invoke(folder, "check")[0] == 1
    code, _, said = invoke(folder, "check", "--repair")
    assert (code, "600 of them come back from the archive" in said) == (0, True), said
    empty = tmp_path / "none.csv"
    empty.write_text(f"symbol,timestamp,open,high,low,close,volume\nS00,{START + MINUTE * 600},1,1,1,1,1\n")
    assert invoke(folder, "replay", str(empty), "--no-dashboard", "--json")[0] == 0
    with open_data_directory(Settings(data_dir=folder), create=False) as directory:
        found = directory.store.rows("S00").bars
        assert np.array_equal(found.close[:600], bars.close)
        assert len(found) == 601
