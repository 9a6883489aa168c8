"""Opening a file of bars and passing over its rows in blocks of columns, with bounded memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tapeline.market import Ints
from tapeline.sources.files.layout import NUMBERS, SourceError, places, symbol_of
from tapeline.sources.files.values import Times

_ROW_BYTES = 64  # about what a line of CSV takes
_MIN_BYTES, _MAX_BYTES = 1 << 16, 1 << 20
_NULLS = ["", "null"]

#: A line whose quotes are all closed at the end of a field. Any other one would swallow the lines behind it.
_FIELD = rb'(?:"(?:[^"]|"")*+"|[^",]*+)'
_WHOLE_QUOTES = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+")
_BOUNDARY = np.frombuffer(b",\r\n", np.uint8)
_NOT_CSV = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a file, as Arrow columns by meaning (see `layout.places`).

    `row` is where each one is in the file. `malformed` are those that have no columns: where, why, and what they are.
    `raw(i)` is what the i-th of the others is in the file.
    """

    columns: dict[str, Any]
    row: Ints
    malformed: list[tuple[int, str, bytes]]
    raw: Callable[[int], bytes]


class Reader(Protocol):
    """A file that was found fit to be read when it was opened. `blocks` passes over it from its start, every time."""

    path: Path

    def blocks(self, rows: int, times: Times) -> Iterator[Block]:
        """Blocks of about `rows` rows. Raises `SourceError` where the file is damaged, behind the rows before that."""
        ...


def open_reader(path: Path) -> Reader:
    """Looks at the beginning of a file. Raises `SourceError` when no bars can be read from it."""
    try:
        if path.is_dir():
            raise SourceError(f"{path}: is a folder; name the files in it, such as {path}/*.csv")
        if not path.is_file() and path.exists():
            raise SourceError(f"{path}: is not a regular file; store it as one first (it is read more than once)")
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    if not magic:
        raise SourceError(f"{path}: is empty")
    if magic == b"PAR1":
        return ParquetReader(path)
    if path.suffix.lower() in {".parquet", ".pq"}:
        raise SourceError(f"{path}: is not Parquet (it begins with {magic!r}); if it is CSV, name it .csv")
    return CsvReader(path, zipped=magic[:2] == b"\x1f\x8b")


class CsvReader:
    """CSV, plain or gzipped."""

    def __init__(self, path: Path, *, zipped: bool) -> None:
        self.path = path
        self._zipped = zipped
        try:
            block = next(self._lines(_MIN_BYTES))
        except StopIteration:
            raise SourceError(f"{path}: is empty") from None
        lines = block.split(b"\n")
        header = next((i for i, line in enumerate(lines) if line.strip()), None)
        if header is None:
            raise SourceError(f"{path}: has only blank lines")
        names = self._names(lines[header])
        self._places = places(names, path)
        if "symbol" not in self._places:
            symbol_of(path)
        self._width = len(names)
        self._header_lines = header + 1
        self._header_bytes = sum(len(line) + 1 for line in lines[: header + 1])
        if not any(line.strip() for line in lines[header + 1 :]):
            raise SourceError(f"{path}: has a header line but no rows")

    def _names(self, line: bytes) -> list[str]:
        try:
            text = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise SourceError(f"{self.path}: is neither UTF-8 text nor Parquet; save it as CSV in UTF-8") from error
        if _NOT_CSV.search(text):
            raise SourceError(f"{self.path}: is not text; CSV, CSV.gz and Parquet can be read")
        if "\r" in text:
            raise SourceError(f"{self.path}: its lines end with carriage returns only; save it with line feeds")
        return next(csv.reader([text]))

    def blocks(self, rows: int, times: Times) -> Iterator[Block]:
        line = 1
        for block in self._lines(min(max(rows * _ROW_BYTES, _MIN_BYTES), _MAX_BYTES)):
            data = block
            if line == 1:
                data, line = block[self._header_bytes :], 1 + self._header_lines
            if data:
                lines = _Lines(data)
                yield self._parse(lines, data, line, times)
                line += len(lines)

    def _parse(self, lines: _Lines, data: bytes, first_line: int, times: Times) -> Block:
        wrong = lines.broken()
        blank = lines.blank() + list(wrong)
        table, widths = self._table(lines.without(wrong) if wrong else data, times)
        kept = np.delete(np.arange(len(lines)), [number for number, _ in widths])
        if len(kept) != len(table):
            last = first_line + len(lines) - 1
            raise SourceError(f"{self.path}: lines {first_line}-{last} cannot be told apart; check their quotes")
        for number, width in widths:
            if lines[number].strip():
                wrong[number] = f"{width} columns instead of {self._width}"
        malformed = [(first_line + i, reason, lines[i]) for i, reason in sorted(wrong.items())]
        if blank:
            with_text = ~np.isin(kept, blank)
            table, kept = table.filter(pa.array(with_text)), kept[with_text]
        columns = {meaning: table.column(meaning).combine_chunks() for meaning in self._places}
        return Block(columns, kept + first_line, malformed, lambda i: lines[int(kept[i])])

    def _table(self, data: bytes, times: Times) -> tuple[Any, list[tuple[int, int]]]:
        """The lines as an Arrow table, and which of them (from 0) were left out, having so many columns.

        Typed where every value fits, which is fast; as text where one does not.
        """
        widths: list[tuple[int, int]] = []

        def leave_out(row: Any) -> str:
            widths.append((row.number - 1, row.actual_columns))
            return "skip"

        names = [f"column {i}" for i in range(self._width)]
        for meaning, place in self._places.items():
            names[place] = meaning
        text = dict.fromkeys(self._places, pa.string())
        typed = dict.fromkeys(NUMBERS, pa.float64())
        typed |= {"symbol": pa.dictionary(pa.int32(), pa.string()), "timestamp": times.arrow_type}
        for types in [text] if times.arrow_type is None else [typed, text]:
            widths.clear()
            try:
                table = pyarrow.csv.read_csv(
                    pa.BufferReader(data),
                    # one block, one thread: only then are the numbers of the rows known
                    pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
                    pyarrow.csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=leave_out),
                    pyarrow.csv.ConvertOptions(
                        column_types=types, include_columns=list(self._places), null_values=_NULLS
                    ),
                )
            except pa.ArrowInvalid:
                if types is text:
                    raise
            else:
                return table, widths
        raise AssertionError

    def _lines(self, size: int) -> Iterator[bytes]:
        """The file's bytes in pieces of about `size`, each of whole lines."""
        rest = b""
        try:
            with self._open() as file:
                # read1: what could be decompressed before damaged data is handed over, not lost
                while piece := file.read1(size):
                    rest += piece
                    if len(rest) < size:
                        continue
                    cut = rest.rfind(b"\n") + 1
                    if cut:
                        yield rest[:cut]
                        rest = rest[cut:]
                    elif len(rest) > _MAX_BYTES:
                        raise SourceError(f"{self.path}: has a line longer than {_MAX_BYTES:,} bytes: it is not CSV")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
            advice = "its gzip data is cut short or damaged; what could be read is used"
            raise SourceError(f"{self.path}: {advice}") from error
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read: {error.strerror}") from error
        if rest:
            yield rest

    def _open(self) -> io.BufferedReader | gzip.GzipFile:
        return gzip.open(self.path, "rb") if self._zipped else self.path.open("rb")


class ParquetReader:
    """Parquet, as pandas, polars, Arrow, DuckDB or Spark write it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise SourceError(
                f"{path}: is not a whole Parquet file ({_first_line(error)}); write or copy it again"
            ) from error
        self._places = places(schema.names, path)
        if not rows:
            raise SourceError(f"{path}: has columns but no rows")
        for meaning, place in self._places.items():
            kind = schema.field(place).type
            if not _fits(meaning, kind):
                raise SourceError(f"{path}: column {schema.names[place]} holds {kind}, which cannot be a {meaning}")
        if "symbol" not in self._places:
            symbol_of(path)
        self._names = {meaning: schema.names[place] for meaning, place in self._places.items()}

    def blocks(self, rows: int, times: Times) -> Iterator[Block]:
        first = 1
        try:
            with pyarrow.parquet.ParquetFile(self.path, buffer_size=_MIN_BYTES) as file:
                names = list(self._names.values())
                for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=False):
                    columns = {meaning: batch.column(name) for meaning, name in self._names.items()}
                    yield Block(columns, np.arange(first, first + len(batch)), [], _as_json(columns))
                    first += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(
                f"{self.path}: is damaged behind row {first - 1:,} ({_first_line(error)}); the rows before are used"
            ) from error


class _Lines:
    """The lines of a block of bytes, from 0; found without making an object of each."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bytes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(self._bytes == ord("\n"))
        self._ends = ends if data.endswith(b"\n") else np.append(ends, len(data))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> bytes:
        start = self._ends[place - 1] + 1 if place else 0
        return self._data[start : self._ends[place]].removesuffix(b"\r")

    def blank(self) -> list[int]:
        """The lines without a character."""
        short = np.flatnonzero(np.diff(self._ends, prepend=-1) <= 2)
        return [place for place in short.tolist() if not self[place]]

    def broken(self) -> dict[int, str]:
        """The lines that the CSV parser must not see, and why. Most blocks are clean, which is seen at once."""
        if self._clean():
            return {}
        broken = {}
        for place in range(len(self)):
            line = self[place]
            if b"\r" in line:
                broken[place] = "a carriage return inside the line"
            elif b'"' in line and not _WHOLE_QUOTES.fullmatch(line):
                broken[place] = "a quote that does not enclose a field"
            elif not line.isascii():
                try:
                    line.decode()
                except UnicodeDecodeError:
                    broken[place] = "not UTF-8 text"
        return broken

    def without(self, places: Iterable[int]) -> bytes:
        """The block with these lines made empty."""
        lines = self._data.split(b"\n")
        for place in places:
            lines[place] = b""
        return b"\n".join(lines)

    def _clean(self) -> bool:
        data = self._data
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
            return False
        quotes = np.flatnonzero(self._bytes == ord('"'))
        if not len(quotes):
            return True
        if len(quotes) % 2:
            return False
        opening, closing = quotes[::2], quotes[1::2]
        before = self._bytes[opening - 1]
        behind = self._bytes[np.minimum(closing + 1, len(data) - 1)]
        return bool(
            (np.isin(before, _BOUNDARY) | (opening == 0)).all()
            and (np.isin(behind, _BOUNDARY) | (closing == len(data) - 1)).all()
            and (np.searchsorted(self._ends, opening) == np.searchsorted(self._ends, closing)).all()
        )


def _fits(meaning: str, kind: Any) -> bool:
    """Whether a Parquet column of this type can hold such values."""
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
