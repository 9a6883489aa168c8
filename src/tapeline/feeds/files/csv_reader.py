"""Read CSV files as blocks of columns."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from tapeline.core.market import OHLCV
from tapeline.errors import FileError
from tapeline.feeds.files.blocks import RowBlock
from tapeline.feeds.files.column_values import Times
from tapeline.feeds.files.layout import column_indexes, symbol_of
from tapeline.feeds.files.lines import Lines

_ROW_BYTES = 64  # about what a line takes
_MIN_BYTES, _MAX_BYTES = 1 << 15, 1 << 20
_PROBED_LINES = 8
_NULLS = ["", "null"]
_NOT_CSV = re.compile(r"[\x00-\x08\x0e-\x1f]")


class CsvReader:
    """Read CSV, plain or gzipped, in pieces of whole lines, so that memory does not grow with the file."""

    def __init__(self, path: Path, *, zipped: bool) -> None:
        self.path = path
        self._zipped = zipped
        try:
            block = next(self._lines(_MIN_BYTES))
        except StopIteration:
            raise FileError(f"{path}: is empty") from None
        lines = block.split(b"\n")
        header = next((i for i, line in enumerate(lines) if line.strip()), None)
        if header is None:
            raise FileError(f"{path}: has only blank lines")
        names = self._names(lines[header])
        self._indexes = column_indexes(names, path)
        if "symbol" not in self._indexes:
            symbol_of(path)
        self._width = len(names)
        self._header_lines = header + 1
        self._header_bytes = sum(len(line) + 1 for line in lines[: header + 1])
        if not any(line.strip() for line in lines[header + 1 :]):
            raise FileError(f"{path}: has a header line but no rows")

    def _names(self, line: bytes) -> list[str]:
        try:
            text = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise FileError(f"{self.path}: is neither UTF-8 text nor Parquet; save it as CSV in UTF-8") from error
        if _NOT_CSV.search(text):
            raise FileError(f"{self.path}: is not text; CSV, CSV.gz and Parquet can be read")
        if "\r" in text:
            raise FileError(f"{self.path}: its lines end with carriage returns only; save it with line feeds")
        return next(csv.reader([text]))

    def blocks(self, rows: int, times: Times) -> Iterator[RowBlock]:
        """Yield blocks of about `rows` rows. Raise `FileError` where the file is damaged, after the rows before it."""
        line = 1
        for block in self._lines(min(max(rows * _ROW_BYTES, _MIN_BYTES), _MAX_BYTES)):
            data = block
            if line == 1:
                data, line = block[self._header_bytes :], 1 + self._header_lines
            if data:
                lines = Lines(data)
                yield self._parse(lines, data, line, times)
                line += len(lines)

    def _parse(self, lines: Lines, data: bytes, first_line: int, times: Times) -> RowBlock:
        wrong = lines.broken()
        blank = lines.blank() + list(wrong)
        readable = lines.without(wrong) if wrong else data
        if times.arrow_type is None:  # a few lines, as text, show what the times are; then all can be read typed
            probe = b"\n".join(readable.split(b"\n", _PROBED_LINES)[:_PROBED_LINES])
            times.read(self._table(probe, times)[0].column("timestamp").combine_chunks())
        table, widths = self._table(readable, times)
        kept = np.delete(np.arange(len(lines)), [number for number, _ in widths])
        if len(kept) != len(table):
            last = first_line + len(lines) - 1
            raise FileError(f"{self.path}: lines {first_line}-{last} cannot be told apart; check their quotes")
        for number, width in widths:
            if lines[number].strip():
                wrong[number] = f"{width} columns instead of {self._width}"
        malformed = [(first_line + i, reason, lines[i]) for i, reason in sorted(wrong.items())]
        if blank:
            with_text = ~np.isin(kept, blank)
            table, kept = table.filter(pa.array(with_text)), kept[with_text]
        columns = {meaning: table.column(meaning).combine_chunks() for meaning in self._indexes}
        return RowBlock(columns, kept + first_line, malformed, lambda i: lines[int(kept[i])])

    def _table(self, data: bytes, times: Times) -> tuple[Any, list[tuple[int, int]]]:
        """Return the lines as an Arrow table, and those left out: index from 0, and how many columns each has.

        The columns are typed where every value fits, which is fast, and text where one does not.
        """
        widths: list[tuple[int, int]] = []

        def leave_out(row: Any) -> str:
            widths.append((row.number - 1, row.actual_columns))
            return "skip"

        names = [f"column {i}" for i in range(self._width)]
        for meaning, index in self._indexes.items():
            names[index] = meaning
        text = dict.fromkeys(self._indexes, pa.string())
        typed = dict.fromkeys(OHLCV, pa.float64())
        typed |= {"symbol": pa.dictionary(pa.int32(), pa.string()), "timestamp": times.arrow_type}
        for types in [text] if times.arrow_type is None else [typed, text]:
            widths.clear()
            try:
                table = pyarrow.csv.read_csv(
                    pa.BufferReader(data),
                    # one block, one thread: otherwise the row numbers are unknown
                    pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
                    pyarrow.csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=leave_out),
                    pyarrow.csv.ConvertOptions(
                        column_types=types, include_columns=list(self._indexes), null_values=_NULLS
                    ),
                )
            except pa.ArrowInvalid as error:
                invalid = error
            else:
                return table, widths
        raise FileError(f"{self.path}: cannot be read as CSV: {invalid}") from invalid

    def _lines(self, size: int) -> Iterator[bytes]:
        """Yield the file's bytes in pieces of about `size`, each of whole lines."""
        rest = b""
        try:
            with self._open() as file:
                # read1 hands over what was decompressed before damaged data
                while piece := file.read1(size):
                    rest += piece
                    if len(rest) < size:
                        continue
                    cut = rest.rfind(b"\n") + 1
                    if cut:
                        yield rest[:cut]
                        rest = rest[cut:]
                    elif len(rest) > _MAX_BYTES:
                        raise FileError(f"{self.path}: has a line longer than {_MAX_BYTES:,} bytes: it is not CSV")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
            advice = "its gzip data is cut short or damaged; what could be read is used"
            raise FileError(f"{self.path}: {advice}") from error
        except OSError as error:
            raise FileError(f"{self.path}: cannot be read: {error.strerror}") from error
        if rest:
            yield rest

    def _open(self) -> io.BufferedReader | gzip.GzipFile:
        return gzip.open(self.path, "rb") if self._zipped else self.path.open("rb")
