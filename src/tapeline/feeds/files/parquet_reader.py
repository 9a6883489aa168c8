"""Read Parquet files as blocks of columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from tapeline.errors import FileError
from tapeline.feeds.files.blocks import RowBlock
from tapeline.feeds.files.column_values import Times
from tapeline.feeds.files.layout import column_indexes, symbol_of

_READ_BYTES = 1 << 15  # of each column at once; otherwise Arrow keeps whole row groups in memory


class ParquetReader:
    """Read Parquet as pandas, polars, Arrow, DuckDB or Spark write it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise FileError(
                f"{path}: is not a whole Parquet file ({_first_line(error)}); write or copy it again"
            ) from error
        indexes = column_indexes(schema.names, path)
        if not rows:
            raise FileError(f"{path}: has columns but no rows")
        for meaning, index in indexes.items():
            kind = schema.field(index).type
            if not _fits(meaning, kind):
                raise FileError(f"{path}: column {schema.names[index]} holds {kind}, which cannot be a {meaning}")
        if "symbol" not in indexes:
            symbol_of(path)
        self._names = {meaning: schema.names[index] for meaning, index in indexes.items()}

    def blocks(self, rows: int, times: Times) -> Iterator[RowBlock]:
        """Yield blocks of at most `rows` rows. Raise `FileError` where the file is damaged, after the rows before."""
        first = 1
        try:
            with pyarrow.parquet.ParquetFile(self.path, buffer_size=_READ_BYTES, pre_buffer=False) as file:
                names = list(self._names.values())
                for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=False):
                    columns = {meaning: batch.column(name) for meaning, name in self._names.items()}
                    yield RowBlock(columns, np.arange(first, first + len(batch)), [], _as_json(columns))
                    first += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise FileError(
                f"{self.path}: is damaged after row {first - 1:,} ({_first_line(error)}); the rows before are used"
            ) from error


def _fits(meaning: str, kind: Any) -> bool:
    """Return whether a Parquet column of this type can hold values of this meaning."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    text = types.is_string(kind) or types.is_large_string(kind)
    if meaning == "symbol":
        return bool(text)
    number = types.is_integer(kind) or types.is_floating(kind)
    if meaning == "timestamp":
        return bool(text or number or types.is_timestamp(kind) or types.is_date(kind))
    return bool(text or number or types.is_decimal(kind))


def _as_json(columns: dict[str, Any]) -> Callable[[int], bytes]:
    def raw(i: int) -> bytes:
        row = {meaning: column[i].as_py() for meaning, column in columns.items()}
        return json.dumps(row, default=str).encode()

    return raw


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")
