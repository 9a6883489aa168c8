"""Write files that a user names: bars and what was computed for them as CSV or Parquet, and reports."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tapeline.core.market import Bars
from tapeline.errors import NotEnoughHistoryError, StorageError
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.csv_cells import without_formulas


def bar_table(bars: Bars, columns: Mapping[str, Any] | None = None) -> pa.Table:
    """Return the bars as columns that `tapeline replay` reads (times in epoch ms), and beside them `columns` [n]."""
    return pa.table(
        {
            "symbol": pa.DictionaryArray.from_arrays(bars.code, list(bars.symbols)).cast(pa.string()),
            "timestamp": bars.timestamp,
            **{name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
            **(columns or {}),
        }
    )


def csv_times(table: pa.Table) -> pa.Table:
    """Return the table with its times in epoch ms, as CSV files have them."""
    index = table.schema.get_field_index("timestamp")
    return table.set_column(index, "timestamp", table.column(index).cast(pa.int64()))


def write_tables(out: Path, tables: Iterator[pa.Table]) -> None:
    """Write the tables one after the other; what was there before stays until all is written.

    In CSV, texts that a spreadsheet would compute begin with `'` (`runtime.csv_cells`).

    Raises `NotEnoughHistoryError` without a table and `StorageError` when the file cannot be written.
    """
    first = next(tables, None)
    if first is None:
        raise NotEnoughHistoryError("there are no bars to write")
    part = out.with_name(f".{out.name}.part")
    with _written(out):
        try:
            parquet = out.suffix == ".parquet"
            opened = pyarrow.parquet.ParquetWriter if parquet else pyarrow.csv.CSVWriter
            with opened(str(part), first.schema) as writer:
                for table in itertools.chain([first], tables):
                    writer.write_table(table if parquet else without_formulas(table))
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)


def write_text(out: Path, text: str) -> None:
    """Write a text file, whole or not at all. Raises `StorageError` when it cannot be written."""
    with _written(out):
        write_atomically(out, text.encode())


@contextlib.contextmanager
def _written(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{out}: cannot be written: {error.strerror or error}; name another file") from error
