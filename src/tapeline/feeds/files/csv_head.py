"""Look at the beginning of a CSV file: its separator, its header lines, and how wide its rows are."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tapeline.errors import FileError
from tapeline.feeds.files.column_roles import plain, roles_in
from tapeline.feeds.files.known_layouts import LAYOUTS, headless_layout, layout_of

_SEPARATORS = ",;\t|"
_MOST_HEADER_LINES = 20
_LEVELS = {"price", "ticker", ""}
_JSON = re.compile(r'\s*(\[\s*([\[{]|$)|\{\s*("|$))')
_NOT_CSV = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class CsvHead:
    """Say how the text is laid out: `skipped` lines before the first row, whose columns have these `names`.

    `groups` are the columns of each symbol where the header has a line of symbols.
    """

    separator: str
    names: tuple[str, ...]
    skipped: int
    layout: str
    groups: tuple[tuple[str, dict[str, int]], ...] = ()


def csv_head(path: Path, lines: Sequence[bytes], given: Mapping[str, str], layout: str | None) -> CsvHead:
    """Return how a file that begins with these lines is laid out. Raise `FileError` for what is no CSV.

    `given` are columns that the user named, and `layout` is the one that the user did.
    """
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise FileError(f"{path}: has only blank lines")
    _check_text(path, lines[first])
    texts = [line.decode("utf-8-sig", "replace").strip("\r\n ") for line in lines[: first + _MOST_HEADER_LINES]]
    separator = _separator(texts[first:])
    rows = [cells_of(text, separator) for text in texts]
    if headless := _headless(rows[first], layout):
        names = LAYOUTS[headless].header[: len(rows[first])]
        return CsvHead(separator, names, first, headless)
    if levels := _two_levels(rows[first : first + 3]):
        names, groups = levels
        return CsvHead(separator, names, first + 3, "yfinance", groups)
    at = _header(rows, first, given)
    _check_text(path, lines[at])
    names = tuple(_widened(rows[at], rows[at + 1 :]))
    return CsvHead(separator, names, at + 1, layout_of([plain(name) for name in names if name.strip()], path.name))


def cells_of(text: str, separator: str) -> list[str]:
    """Return the cells of a line, none of one that is no CSV."""
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return []


def _check_text(path: Path, line: bytes) -> None:
    try:
        text = line.decode("utf-8-sig").strip("\r\n ")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path}: is neither UTF-8 text nor Parquet; if it is CSV of another encoding, name that: --encoding cp1252"
        ) from error
    if _NOT_CSV.search(text):
        raise FileError(f"{path}: is not text; CSV, also packed as gz, zst or zip, and Parquet can be read")
    if _JSON.match(text):
        raise FileError(f"{path}: this is JSON, which is not read; write it as CSV or Parquet")
    if "\r" in text:
        raise FileError(f"{path}: its lines end with carriage returns only; save it with line feeds")


def _separator(texts: Sequence[str]) -> str:
    """Return the separator that most of the lines have equally often, and more than once.

    Of ties, that which the header has more of (rows have decimal commas, too), and the comma where that does not tell.
    """

    def score(separator: str) -> tuple[int, int]:
        bare = [re.sub(r'"[^"]*"', "", text).count(separator) for text in texts]
        widths = Counter(count for count in bare if count > 1)
        return max(widths.values(), default=0), bare[0]

    return max(_SEPARATORS, key=score)


def _headless(cells: Sequence[str], layout: str | None) -> str:
    found = headless_layout(cells)
    if found and layout and LAYOUTS[layout].header:
        return layout
    return found


def _two_levels(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], tuple[tuple[str, dict[str, int]], ...]] | None:
    """Return names and groups of a header of pandas of prices, of tickers, and of the index."""
    if len(rows) < 3 or len({len(row) for row in rows}) > 1 or len(rows[0]) < 5:
        return None
    upper, lower, index = rows
    if not index[0].strip() or any(cell.strip() for cell in index[1:]) or plain(upper[0]) not in _LEVELS:
        return None
    if roles_in([*upper[1:], "date"]) < roles_in([*lower[1:], "date"]):
        upper, lower = lower, upper
    names = (index[0], *upper[1:])
    return names, by_symbol(names, lower[1:])


def by_symbol(names: Sequence[str], tickers: Sequence[str]) -> tuple[tuple[str, dict[str, int]], ...]:
    """Return the columns of each ticker by their meaning; the first name is that of the times, the others in order."""
    found: dict[str, dict[str, int]] = {}
    for index, (name, ticker) in enumerate(zip(names[1:], tickers, strict=True), 1):
        meaning = {"adj_close": "adjusted"}.get(plain(name), plain(name))
        if meaning in {"open", "high", "low", "close", "volume", "adjusted"}:
            found.setdefault(ticker.strip(), {"timestamp": 0})[meaning] = index
    return tuple((ticker, own) for ticker, own in found.items() if {"open", "high", "low", "close"} <= own.keys())


def _header(rows: Sequence[Sequence[str]], first: int, given: Mapping[str, str]) -> int:
    """Return the line of the header: the first one unless a later one is one and that is not."""
    wanted = len(given)
    for at in range(first, len(rows)):
        if roles_in(rows[at]) + wanted >= 5:
            return at
    return first


def _widened(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the names with one more where the rows have one more column: after them if it is empty, else before."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths or widths.most_common(1)[0][0] != len(names) + 1:
        return list(names)
    wide = [row for row in rows if len(row) == len(names) + 1]
    trailing = all(not row[-1].strip() for row in wide)
    return [*names, "(nothing)"] if trailing else ["(row)", *names]
