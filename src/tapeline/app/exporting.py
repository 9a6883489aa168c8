"""Write stored rows to files: one file for people's own tools, or a folder that looks like the copy on S3.

The folder has the columns and the layout of what Firehose writes for Athena (services/analytics.tf): one Parquet file
for each date, under `dt=2019-02-11/`. Firehose goes by the date of writing; here, where all is written at once, it is
the UTC date of the bar. Like Firehose, both take final bars only.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from tapeline.app import arrow_columns
from tapeline.app.stored_history import Selection, StoredHistory, outputs_of
from tapeline.core.rows import FORECAST, Rows
from tapeline.core.times import DAY
from tapeline.errors import NotEnoughHistoryError, StorageError
from tapeline.forecast.range_model import RangeModel

#: Rows held before they are written, about, and dates whose files may be open at once.
_HELD_ROWS = 262_144
_OPEN_DATES = 100

_FILE = "rows.parquet"

#: The columns of the folder's files, in the order of the table that Athena has. The time is `ts` there, since
#: `timestamp` is a keyword of Hive.
PARTITION_COLUMNS = (
    "stock_symbol", "ts", "price", "volume", "indicator", "prediction", "open", "high", "low", "final",
    *(name for name in FORECAST if name != "prediction"), "model", "horizons", "range_model", "written_at",
)  # fmt: skip


def bar_tables(history: StoredHistory, selection: Selection) -> Iterator[pa.Table]:
    """Yield the final bars of one symbol after the other, with forecasts and a column for each output.

    Where there are range models, there is a column for what is expected over each horizon, too. Candles alone have no
    columns of forecasts, since these are about stored bars.
    """
    stored = not all(map(history.resamples, selection.symbols))
    outputs = outputs_of(selection.indicators)
    names = arrow_columns.names_of(outputs, forecasts=stored, ranges=stored and bool(history.ranges))
    names.remove("final")
    for symbol in selection.symbols:
        for rows in history.pages(symbol, selection):
            final = _final(rows)
            if len(final):
                yield arrow_columns.table(final, names, history.ranges)


def write_partitions(
    history: StoredHistory,
    selection: Selection,
    out: Path,
    *,
    now: int,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the folder `out`, whole or not at all, and return how many rows it has.

    `now` (UTC epoch ms) stands in `written_at`; `progress` gets the number of rows written since its last call. At most
    about `_HELD_ROWS` rows are held, or those of one symbol and date. Raises `StorageError` when `out` is there or
    cannot be written, and `NotEnoughHistoryError` when there is nothing to write.
    """
    part = out.with_name(f".{out.name}.part")
    written = 0
    try:
        if out.exists():
            raise StorageError(f"{out}: is there already; name another folder, or delete it")
        shutil.rmtree(part, ignore_errors=True)
        for window in _windows(history, selection):
            with _Dates(part) as dates:
                for symbol in window.symbols:
                    for rows in history.pages(symbol, window):
                        final = _final(rows)
                        dates.put(final, history.ranges, now)
                        progress(len(final))
            written += dates.written
        if not written:
            raise NotEnoughHistoryError("there are no bars to write")
        part.replace(out)
    except OSError as error:
        raise StorageError(f"{out}: cannot be written: {error.strerror or error}; name another folder") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written


def _windows(history: StoredHistory, selection: Selection) -> Iterator[Selection]:
    """Yield selections of whole dates that together make this one, of about `_HELD_ROWS` rows each."""
    if not selection.symbols:
        return
    extents = [history.extent(symbol) for symbol in selection.symbols]
    low, high = selection.within(min(first for first, _ in extents), max(last for _, last in extents))
    rows_a_day = max(sum(map(history.a_day, selection.symbols)), 1)
    days = int(min(max(_HELD_ROWS / rows_a_day, 1), _OPEN_DATES))
    while low < high:
        stop = min((low // DAY + days) * DAY, high)
        yield replace(selection, start=low, end=stop)
        low = stop


class _Dates:
    """Write rows to the file of their date. Rows are held until there are many, so that files have few row groups."""

    def __init__(self, folder: Path) -> None:
        self.written = 0
        self._folder = folder
        self._held: dict[int, list[pa.Table]] = {}
        self._count = 0
        self._writers: dict[int, pyarrow.parquet.ParquetWriter] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Dates:
        return self

    def __exit__(self, *raised: object) -> None:
        with self._stack:
            if raised[0] is None:
                self._flush()

    def put(self, rows: Rows, ranges: Mapping[str, RangeModel], now: int) -> None:
        day = rows.bars.timestamp // DAY
        edges = np.flatnonzero(np.diff(day, prepend=-(1 << 40), append=1 << 40)).tolist()
        whole = _partition_table(rows, ranges, now)
        for first, last in itertools.pairwise(edges):
            self._held.setdefault(int(day[first]), []).append(whole.slice(first, last - first))
        self._count += len(rows)
        if self._count > _HELD_ROWS:
            self._flush()

    def _flush(self) -> None:
        for day, tables in sorted(self._held.items()):
            table = pa.concat_tables(tables)
            if day not in self._writers:
                folder = self._folder / f"dt={np.datetime64(day, 'D')}"
                folder.mkdir(parents=True)
                opened = pyarrow.parquet.ParquetWriter(str(folder / _FILE), table.schema, compression="snappy")
                self._writers[day] = self._stack.enter_context(opened)
            self._writers[day].write_table(table)
        self._held.clear()
        self.written += self._count
        self._count = 0


def _partition_table(rows: Rows, ranges: Mapping[str, RangeModel], now: int) -> pa.Table:
    """Return rows under the names and types that Athena's table has."""
    own = {
        "stock_symbol": lambda: arrow_columns.column(rows, "symbol"),
        "ts": lambda: pa.array(rows.bars.timestamp),
        "price": lambda: arrow_columns.column(rows, "close"),
        "indicator": lambda: arrow_columns.indicator_map(rows),
        "horizons": lambda: arrow_columns.horizon_map(rows, ranges),
        "written_at": lambda: pa.array(np.full(len(rows), now)),
    }
    return pa.table(
        {name: own[name]() if name in own else arrow_columns.column(rows, name) for name in PARTITION_COLUMNS}
    )


def _final(rows: Rows) -> Rows:
    return rows if rows.bars.final.all() else rows[rows.bars.final]
