"""Find out what a filter of DuckDB's leaves to be read: which symbols, which spans of their time, which columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.fs

from tapeline.app.stored_history import PAGE_BARS, Selection, StoredHistory
from tapeline.core.rows import Rows

_FORMAT, _NO_FILES = pyarrow.dataset.ParquetFileFormat(), pyarrow.fs.LocalFileSystem()

#: The type of times in SQL: in the unit that DuckDB has, so that its filters need no conversion.
TIME = pa.timestamp("us", "UTC")

#: A symbol and a span of its time, start <= t < end in UTC epoch ms; None for all of it.
Span = tuple[str, int | None, int | None]


def passing(history: StoredHistory, indicators: tuple[str, ...], condition: Any, schema: pa.Schema) -> Iterator[Rows]:
    """Yield pages that may hold rows which pass the filter, in the order of the symbols, then of time."""
    ever: list[Span] = [(symbol, None, None) for symbol in history.symbols]
    for symbol, _, _ in _possible(ever, condition, schema):
        start, end = history.extent(symbol)
        step = PAGE_BARS * history.interval(symbol)
        windows: list[Span] = [(symbol, first, min(first + step, end)) for first in range(start, end, step)]
        for _, first, last in _possible(windows, condition, schema):
            yield from history.pages(symbol, Selection((symbol,), indicators, first, last))


def _possible(spans: list[Span], condition: Any, schema: pa.Schema) -> list[Span]:
    """Return those of the spans (symbol, start, end) in which a row may pass the filter.

    Arrow answers this for the fragments of a dataset, by what is known of all of a fragment's rows. The fragments here
    stand for no files; none is opened.
    """
    if condition is None:
        return spans
    fragments = [
        _FORMAT.make_fragment(str(index), _NO_FILES, partition_expression=_known(*span))
        for index, span in enumerate(spans)
    ]
    dataset = pyarrow.dataset.FileSystemDataset(fragments, schema, _FORMAT, _NO_FILES)
    return [spans[int(fragment.path)] for fragment in dataset.get_fragments(condition)]


def _known(symbol: str, start: int | None, end: int | None) -> Any:
    """Return what is known of every row in a span, as an expression."""
    known = pc.field("symbol") == symbol
    if start is not None and end is not None:
        first, last = (pa.scalar(time * 1000, TIME) for time in (start, end))
        known &= (pc.field("timestamp") >= first) & (pc.field("timestamp") < last)
    return known


def uses(condition: Any, name: str, schema: pa.Schema) -> bool:
    """Return whether a filter refers to this column. An expression does not tell, so it is tried without the column."""
    if condition is None:
        return False
    without = schema.remove(schema.get_field_index(name))
    try:
        pyarrow.dataset.Scanner.from_batches(iter(()), schema=without, filter=condition)
    except (pa.ArrowInvalid, KeyError):
        return True
    return False
