"""Read Parquet files as blocks of columns.

A few kilobytes of Parquet can stand for gigabytes: what a file says about itself is compared with its size first, and
text is read as a dictionary, which holds a value once however many rows have it.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tapeline.core.foreign import parquet_fault
from tapeline.error_text import one_line
from tapeline.errors import FileError
from tapeline.feeds.files.blocks import RowBlock
from tapeline.feeds.files.column_roles import column_indexes, plain, roles_in
from tapeline.feeds.files.column_times import Times
from tapeline.feeds.files.csv_head import by_symbol
from tapeline.feeds.files.epoch_columns import PERIODS, of_periods
from tapeline.feeds.files.file_sample import Sample
from tapeline.feeds.files.interpretation import interpret
from tapeline.feeds.files.known_layouts import layout_of
from tapeline.feeds.files.read_options import ReadOptions
from tapeline.feeds.files.time_forms import is_text
from tapeline.runtime.machine_refusals import refused_by_machine

#: Bytes of each column at once of a large file; otherwise Arrow keeps whole row groups in memory. A small file is read
#: without: there a page that claims gigabytes is found to be too short before memory for it is touched.
_READ_BYTES = 1 << 15
_LARGE_FILE = 1 << 24

_SAMPLE_ROWS = 1000
_PAIR = re.compile(r"\('([^']*)', '([^']*)'\)")

#: What Arrow raises over damaged bytes; names of columns need not even be text.
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)

#: Characters of a text; no symbol, number or time has as many.
_LONGEST_TEXT = 256


class ParquetReader:
    """Read Parquet as pandas, polars, Arrow, DuckDB or Spark write it."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
                fault = parquet_fault(file.metadata, path.stat().st_size)
        except _UNREADABLE as error:
            raise _refusal(path, "is not a whole Parquet file", error, "write or copy it again") from error
        if fault:
            raise FileError(f"{path}: {fault}: it is damaged, or made to do harm")
        if not rows:
            raise FileError(f"{path}: has columns but no rows")
        names, groups = _names(schema.names)
        for _, group in groups or (("", column_indexes(names, path, options.columns)),):
            for meaning, index in group.items():
                kind = schema.field(index).type
                if not _fits(meaning, kind):
                    raise FileError(f"{path}: column {names[index]} holds {kind}, which cannot be a {meaning}")
        self._schema, self._rows = schema, rows
        self._frequencies = {index: _frequency(path, field) for index, field in enumerate(schema)}
        self.reading = interpret(
            path,
            Sample(
                names,
                self._first_rows,
                lambda index: map(str, self._whole(index)),
                _layout(names, groups, path),
                groups,
            ),
            options,
        )

    def _batches(self, rows: int, used: list[int]) -> Iterator[Any]:
        texts = [self._schema.names[index] for index in used if is_text(self._schema.field(index))]
        names = [self._schema.names[index] for index in used]
        large = self.path.stat().st_size > _LARGE_FILE
        with pyarrow.parquet.ParquetFile(
            self.path, buffer_size=_READ_BYTES if large else 0, pre_buffer=False, read_dictionary=texts
        ) as file:
            for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=False):
                yield batch.select(names)

    def _first_rows(self, index: int) -> Any:
        """Return the first values of a column; text as text."""
        parts: list[Any] = []
        try:
            for batch in self._batches(_SAMPLE_ROWS, [index]):
                column = _shortened(self._plain(batch.column(0), index))
                parts.append(column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column)
                if sum(map(len, parts)) >= _SAMPLE_ROWS:
                    break
        except _UNREADABLE as error:
            raise _refusal(self.path, "is damaged", error, "write or copy it again") from error
        if sum(map(len, parts)) < min(self._rows, _SAMPLE_ROWS):
            raise FileError(f"{self.path}: is damaged (it lacks rows that it speaks of); write or copy it again")
        return pa.chunked_array(parts).combine_chunks()[:_SAMPLE_ROWS]

    def _whole(self, index: int) -> Iterator[Any]:
        """Yield all values of a column, as far as they can be read."""
        with contextlib.suppress(*_UNREADABLE):
            for batch in self._batches(_SAMPLE_ROWS, [index]):
                yield from self._plain(batch.column(0), index).to_pylist()

    def _plain(self, column: Any, index: int) -> Any:
        """Return a column in a type that the rest knows: pandas' periods as times, text in Arrow's usual form."""
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        if frequency := self._frequencies.get(index):
            starts = of_periods(column.fill_null(0).to_numpy(zero_copy_only=False), frequency)
            return pa.array(starts, mask=column.is_null().to_numpy(zero_copy_only=False)).cast(pa.timestamp("ms"))
        return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column

    def blocks(self, rows: int, times: Times) -> Iterator[RowBlock]:
        """Yield blocks of at most `rows` rows. Raise `FileError` where the file is damaged, after the rows before."""
        first = 1
        try:
            used = sorted({index for _, group in self.reading.groups for index in group.values()})
            for batch in self._batches(rows, used):
                places = {
                    index: _shortened(self._plain(batch.column(place), index)) for place, index in enumerate(used)
                }
                for symbol, group in self.reading.groups:
                    columns = {meaning: places[index] for meaning, index in group.items()}
                    yield RowBlock(columns, np.arange(first, first + len(batch)), [], _as_json(columns), symbol)
                first += len(batch)
        except _UNREADABLE as error:
            what = f"is damaged after row {first - 1:,}"
            raise _refusal(self.path, what, error, "the rows before are used") from error


def _names(names: list[str]) -> tuple[list[str], tuple[tuple[str, dict[str, int]], ...]]:
    """Return the columns' names, and those of each ticker where pandas wrote two levels: `('Close', 'AAPL')`."""
    pairs = [_PAIR.fullmatch(name) for name in names]
    if sum(pair is not None for pair in pairs) < 4:
        return names, ()
    first = [pair[1] if pair else name for name, pair in zip(names, pairs, strict=True)]
    second = [pair[2] if pair else "" for pair in pairs]
    if roles_in(first) < roles_in([*second, "date"]):
        first, second = second, first
    at = next((i for i, pair in enumerate(pairs) if pair is None or not pair[1] or not pair[2]), 0)
    rest = [i for i in range(len(names)) if i != at]
    found = by_symbol([first[at], *(first[i] for i in rest)], [second[i] for i in rest])
    order = [at, *rest]
    return first, tuple((symbol, {name: order[place] for name, place in group.items()}) for symbol, group in found)


def _layout(names: list[str], groups: tuple[tuple[str, dict[str, int]], ...], path: Path) -> str:
    return "yfinance" if groups else layout_of([plain(name) for name in names], path.name)


def _frequency(path: Path, field: Any) -> str:
    """Return the frequency of a column of pandas' periods, which are stored as numbers; '' for any other column."""
    text = (field.metadata or {}).get(b"ARROW:extension:metadata", b"")
    if isinstance(field.type, pa.BaseExtensionType):
        text = field.type.__arrow_ext_serialize__()
    found = re.search(rb'"freq": ?"([A-Za-z]+)', text)
    if found and found[1].decode() not in PERIODS:
        unit = found[1].decode()
        raise FileError(f"{path}: column {field.name} holds periods of {unit}; write their start as a time")
    return found[1].decode() if found else ""


def _fits(meaning: str, kind: Any) -> bool:
    """Return whether a Parquet column of this type can hold values of this meaning."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    text = is_text(pa.field("", kind))
    if meaning in {"symbol", "final"}:
        return bool(text or types.is_integer(kind) or (types.is_boolean(kind) and meaning == "final"))
    if meaning == "clock":
        return bool(text or types.is_integer(kind) or types.is_time(kind))
    number = types.is_integer(kind) or types.is_floating(kind)
    if meaning == "timestamp":
        return bool(text or number or types.is_timestamp(kind) or types.is_date(kind))
    return bool(text or number or types.is_decimal(kind))


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


def _refusal(path: Path, what: str, error: Exception, advice: str) -> FileError:
    """Return what to say of a file that cannot be read; a machine without memory or files left does not blame it."""
    text = refused_by_machine(error) or f"{what} ({one_line(error).rstrip('.')}); {advice}"
    return FileError(f"{path}: {text}")
