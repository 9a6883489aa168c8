"""Test the archive in a folder: saves that fail, and files that are not its own."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.archived import same, series

from tapeline.backends.files.file_archive import LocalArchive
from tapeline.errors import StorageError


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = LocalArchive(tmp_path)
    archive.save(series())

    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"TSLA\.parquet: No space left on device; free some space"):
        archive.save(series(close=20.0))
    assert same(archive.load("TSLA", "1m"), series())
    assert files(tmp_path) == ["1m/TSLA.parquet"]


def test_the_remains_of_a_killed_save_are_no_series(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    archive.save(series())
    (tmp_path / "1m" / ".AAPL.parquet-x1").write_bytes(b"PAR1")
    assert archive.symbols("1m") == ["TSLA"]
    assert same(archive.load("TSLA", "1m"), series())


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("")
    archive = LocalArchive(tmp_path / "archive")
    with pytest.raises(StorageError, match=r"archive/1m/TSLA\.parquet: "):
        archive.load("TSLA", "1m")
    with pytest.raises(StorageError, match=r"archive/1m/TSLA\.parquet: "):
        archive.save(series())


@pytest.mark.parametrize(
    "facts",
    [None, "{", "[]", "{}", '{"version": 1}', '{"version": 1, "currency": "", "start": 0, "covered": 0, "actions": 1}'],
)
def test_parquet_of_other_programs_is_refused(tmp_path: Path, facts: str | None) -> None:
    path = tmp_path / "1m" / "TSLA.parquet"
    path.parent.mkdir()
    table = pa.table({name: [1.0] for name in ("timestamp", "open", "high", "low", "close", "volume")})
    pq.write_table(table.replace_schema_metadata(facts and {"tapeline": facts}), path)
    with pytest.raises(StorageError, match=r"TSLA\.parquet: not an archive of tapeline, or damaged; delete it"):
        LocalArchive(tmp_path).load("TSLA", "1m")
