"""Read Parquet files as blocks of columns.

A few kilobytes of Parquet can stand for gigabytes: what a file says about itself is compared with its size first, and
text is read as a dictionary, which holds a value once however many rows have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tapeline.core.foreign import parquet_fault
from tapeline.errors import FileError
from tapeline.feeds.files.blocks import RowBlock
from tapeline.feeds.files.column_values import Times
from tapeline.feeds.files.layout import column_indexes, symbol_of

_READ_BYTES = 1 << 15  # of each column at once; otherwise Arrow keeps whole row groups in memory

#: Characters of a text; no symbol, number or time has as many.
_LONGEST_TEXT = 256


class ParquetReader:
    """Read Parquet as pandas, polars, Arrow, DuckDB or Spark write it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
                fault = parquet_fault(file.metadata, path.stat().st_size)
        except (pa.ArrowException, OSError) as error:
            raise FileError(
                f"{path}: is not a whole Parquet file ({_first_line(error)}); write or copy it again"
            ) from error
        if fault:
            raise FileError(f"{path}: {fault}: it is damaged, or made to do harm")
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
        self._texts = [name for name in self._names.values() if _is_text(schema.field(name).type)]

    def blocks(self, rows: int, times: Times) -> Iterator[RowBlock]:
        """Yield blocks of at most `rows` rows. Raise `FileError` where the file is damaged, after the rows before."""
        first = 1
        try:
            with pyarrow.parquet.ParquetFile(
                self.path, buffer_size=_READ_BYTES, pre_buffer=False, read_dictionary=self._texts
            ) as file:
                names = list(self._names.values())
                for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=False):
                    columns = {meaning: _shortened(batch.column(name)) for meaning, name in self._names.items()}
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
    text = _is_text(kind)
    if meaning == "symbol":
        return text
    number = types.is_integer(kind) or types.is_floating(kind)
    if meaning == "timestamp":
        return bool(text or number or types.is_timestamp(kind) or types.is_date(kind))
    return bool(text or number or types.is_decimal(kind))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _shortened(column: Any) -> Any:
    """Return a column whose long texts are cut, with a mark that no symbol, number or time has."""
    if not pa.types.is_dictionary(column.type):
        return column
    texts = column.dictionary
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest is None or longest <= _LONGEST_TEXT:
        return column
    cut = pc.utf8_slice_codeunits(texts, 0, _LONGEST_TEXT)
    marked = pc.binary_join_element_wise(cut, "…", "")
    return pa.DictionaryArray.from_arrays(column.indices, pc.if_else(pc.equal(cut, texts), texts, marked))


def _as_json(columns: dict[str, Any]) -> Callable[[int], bytes]:
    def raw(i: int) -> bytes:
        row = {meaning: column[i].as_py() for meaning, column in columns.items()}
        return json.dumps(row, default=str).encode()

    return raw


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")
