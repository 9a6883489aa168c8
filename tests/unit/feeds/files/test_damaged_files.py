"""Damaged files of every layout are read as far as they can be, or refused in a line."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.damaged_files import run

from tapeline.feeds.files import FileSource
from tapeline.feeds.files.parquet_reader import ParquetReader


def test_damaged_files_are_read_or_refused_and_every_row_is_accounted_for() -> None:
    found = run(110, seed=1)
    assert found["refused"]
    assert found["read"]


def small_parquet(path: Path, extra: str) -> Path:
    prices = {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
    table = pa.table({"symbol": ["A"], "timestamp": [1_549_895_400_000], **prices, extra: [1]})
    pyarrow.parquet.write_table(table, path, store_schema=False)
    return path


def test_a_column_whose_name_is_no_text_is_damage(tmp_path: Path) -> None:
    path = small_parquet(tmp_path / "names.parquet", "extra")
    path.write_bytes(path.read_bytes().replace(b"extra", b"\xe9xtra"))
    [problem] = FileSource([path]).problems
    assert problem.startswith(f"{path}: is not a whole Parquet file (")


def test_a_file_without_the_rows_it_speaks_of_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParquetReader, "_batches", lambda *_: iter(()))
    [problem] = FileSource([small_parquet(tmp_path / "empty.parquet", "extra")]).problems
    assert "it lacks rows that it speaks of" in problem


def test_a_machine_without_memory_does_not_blame_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def batches(*_: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(ParquetReader, "_batches", batches)
    [problem] = FileSource([small_parquet(tmp_path / "good.parquet", "extra")]).problems
    assert "good.parquet: there is not enough memory" in problem
