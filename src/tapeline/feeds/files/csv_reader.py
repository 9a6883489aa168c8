"""Read CSV files as blocks of columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from tapeline.core.market import OHLCV
from tapeline.errors import FileError
from tapeline.feeds.files.blocks import RowBlock
from tapeline.feeds.files.column_times import Times
from tapeline.feeds.files.column_values import plain_numbers
from tapeline.feeds.files.csv_head import cells_of, csv_head
from tapeline.feeds.files.file_sample import Sample
from tapeline.feeds.files.interpretation import interpret
from tapeline.feeds.files.lines import Lines
from tapeline.feeds.files.opened_bytes import DAMAGE, pieces
from tapeline.feeds.files.read_options import ReadOptions

_ROW_BYTES = 64  # about what a line takes
_MIN_BYTES, _MAX_BYTES = 1 << 15, 1 << 20
_HEAD_BYTES, _TAIL_BYTES = 1 << 16, 1 << 14
_HEAD_ROWS, _TAIL_ROWS = 600, 150  # a session of minutes, and enough to tell how times are written
_NULLS = ["", "null"]


class CsvReader:
    """Read CSV in pieces of whole lines, so that memory does not grow with the file."""

    def __init__(self, path: Path, packing: str, options: ReadOptions) -> None:
        self.path = path
        self._packing = packing
        self._encoding = options.encoding
        block = next(self._lines(_HEAD_BYTES), None)
        if block is None:
            raise FileError(f"{path}: is empty")
        lines = block.split(b"\n")
        head = csv_head(path, lines, options.columns, options.layout)
        self._separator = head.separator
        self._width = len(head.names)
        self._header_lines = head.skipped
        self._header_bytes = sum(len(line) + 1 for line in lines[: head.skipped])
        rows = [line for line in lines[head.skipped :] if line.strip()]
        if not rows:
            raise FileError(f"{path}: has a header line but no rows")
        cells = self._cells(rows[:_HEAD_ROWS] + self._tail(len(block))[-_TAIL_ROWS:])

        @cache
        def column(index: int) -> Any:
            return pa.array([row[index] for row in cells], pa.string())

        sample = Sample(head.names, column, self._whole, head.layout, head.groups)
        self.reading = interpret(path, sample, options)
        self._text = {
            index for _, group in self.reading.groups for name, index in group.items()
            if name in {*OHLCV, "adjusted"} and not plain_numbers(column(index), self.reading.decimal)
        }  # fmt: skip

    def blocks(self, rows: int, times: Times) -> Iterator[RowBlock]:
        """Yield blocks of about `rows` rows. Raise `FileError` where the file is damaged, after the rows before it."""
        line = 1
        for block in self._lines(min(max(rows * _ROW_BYTES, _MIN_BYTES), _MAX_BYTES)):
            data = block
            if line == 1:
                data, line = block[self._header_bytes :], 1 + self._header_lines
            if data:
                lines = Lines(data, self._separator)
                yield from self._parse(lines, data, line, times)
                line += len(lines)

    def _cells(self, lines: list[bytes]) -> list[list[str]]:
        """Return the cells of those lines that have as many as the header, without a fault."""
        texts = (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
        rows = (cells_of(text, self._separator) for text in texts if text.count('"') % 2 == 0)
        return [row for row in rows if len(row) == self._width]

    def _tail(self, seen: int) -> list[bytes]:
        """Return the last lines of a file that goes on after its head, as far as they can be had without reading it."""
        size = self.path.stat().st_size
        if self._packing or size <= seen:
            return []
        with self.path.open("rb") as file:
            file.seek(max(seen, size - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
        if self._encoding:
            tail = tail.decode(self._encoding, "replace").encode()
        return [line for line in tail.split(b"\n")[1:] if line.strip()]

    def _whole(self, index: int) -> Iterable[str]:
        """Yield the texts of a column in all rows of the file."""
        for block in self._lines(_MAX_BYTES):
            yield from (row[index] for row in self._cells(block.split(b"\n")))

    def _parse(self, lines: Lines, data: bytes, first_line: int, times: Times) -> Iterator[RowBlock]:
        wrong = lines.broken()
        blank = lines.blank() + list(wrong)
        readable = lines.without(wrong) if wrong else data
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
        for symbol, group in self.reading.groups:
            columns = {meaning: table.column(str(index)).combine_chunks() for meaning, index in group.items()}
            yield RowBlock(columns, kept + first_line, malformed, lambda i: lines[int(kept[i])], symbol)
            malformed = []

    def _table(self, data: bytes, times: Times) -> tuple[Any, list[tuple[int, int]]]:
        """Return the lines as an Arrow table, and those left out: index from 0, and how many columns each has.

        The columns are named by their index. They are typed where every value fits, which is fast, and text where one
        does not.
        """
        widths: list[tuple[int, int]] = []

        def leave_out(row: Any) -> str:
            widths.append((row.number - 1, row.actual_columns))
            return "skip"

        names = [str(i) for i in range(self._width)]
        text, typed = self._types(times)
        for types in [typed, text]:
            widths.clear()
            try:
                table = pyarrow.csv.read_csv(
                    pa.BufferReader(data),
                    # one block, one thread: otherwise the row numbers are unknown
                    pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
                    pyarrow.csv.ParseOptions(
                        delimiter=self._separator, ignore_empty_lines=False, invalid_row_handler=leave_out
                    ),
                    pyarrow.csv.ConvertOptions(
                        column_types=types, include_columns=list(types), null_values=_NULLS,
                        decimal_point=self.reading.decimal,
                    ),
                )  # fmt: skip
            except pa.ArrowInvalid as error:
                invalid = error
            else:
                return table, widths
        raise FileError(f"{self.path}: cannot be read as CSV: {invalid}") from invalid

    def _types(self, times: Times) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the Arrow types of the columns, by their index, to read all as text, and to read them typed."""
        text: dict[str, Any] = {}
        typed: dict[str, Any] = {}
        for _, group in self.reading.groups:
            for meaning, index in group.items():
                text[str(index)] = typed[str(index)] = pa.string()
                if meaning == "symbol":
                    typed[str(index)] = pa.dictionary(pa.int32(), pa.string())
                elif meaning == "timestamp" and "clock" not in group:
                    typed[str(index)] = times.arrow_type
                elif meaning in {*OHLCV, "adjusted"} and index not in self._text:
                    typed[str(index)] = pa.float64()
        return text, typed

    def _lines(self, size: int) -> Iterator[bytes]:
        """Yield the file's bytes in pieces of about `size`, each of whole lines."""
        rest = b""
        damage = None
        try:
            for piece in pieces(self.path, self._packing, size, self._encoding):
                rest += piece
                if len(rest) < size:
                    continue
                cut = rest.rfind(b"\n") + 1
                if cut:
                    yield rest[:cut]
                    rest = rest[cut:]
                elif len(rest) > _MAX_BYTES:
                    raise FileError(f"{self.path}: has a line longer than {_MAX_BYTES:,} bytes: it is not CSV")
        except FileError as error:
            if not isinstance(error.__cause__, DAMAGE):
                raise
            damage = error
        if damage:
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
            raise damage
        if rest:
            yield rest
