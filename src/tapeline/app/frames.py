"""Compute indicators for people with a data frame: `tapeline.analyse(frame, ["sma_20", "rsi_14"])`.

This is the engine that runs live, so a value computed from history is the value that was seen on the day.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tapeline.core.market import FAULTS, Bars, Floats, Ints, faults
from tapeline.errors import InputError
from tapeline.indicators import DEFAULT, Engine, parse

_PRICES = ("open", "high", "low", "close")
_TIMES = ("timestamp", "datetime", "date", "time")
_SYMBOLS = ("symbol", "ticker", "stock_symbol")


def analyse(frame: Any, specs: Sequence[str] = DEFAULT) -> Any:
    """Return the frame with a float64 column for every output of the indicators; rows, order and index stay.

    `frame` is a pandas or Polars frame (the result is of the same kind), or anything with the Arrow or the dataframe
    interchange protocol (the result is a `pyarrow.Table`). Columns, in upper or lower case: `close`; `open high low
    volume` where an indicator needs them; `symbol` for several symbols in one frame; `timestamp` (or `date`, or a
    pandas time index), which must not go back within a symbol. A naive time is UTC.

    A value that is not warm is absent: NaN in pandas, null elsewhere. An impossible bar (NaN, a negative price, high
    below low) has no values and does not touch the state; `why_absent` lists them. Raises `InputError` for the frame,
    `SpecError` for the specs.
    """
    table = _table(frame)
    wanted = [parse(spec) for spec in specs]
    inputs: set[str] = {name for spec in wanted for name in spec.indicator.inputs}
    bars = _bars(frame, table, inputs)
    good = faults(bars) == 0
    used = bars if good.all() else bars[good]
    engine = Engine([spec.text for spec in wanted])
    values = np.full((len(bars), len(engine.outputs)), np.nan)
    values[good] = engine.update(used, session=engine.sessions(used))
    return _joined(frame, table, engine.outputs, values)


def why_absent(frame: Any) -> list[tuple[int, str]]:
    """Return the rows without values because their bar is impossible: the index, from 0, and the reason."""
    found = faults(_bars(frame, _table(frame), set()))
    return [(int(row), FAULTS[found[row]]) for row in np.flatnonzero(found)]


def _table(frame: Any) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if _is_frame_of("pandas", frame):
        return pa.Table.from_pandas(frame, preserve_index=False)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    if hasattr(frame, "__dataframe__"):
        import pyarrow.interchange

        return pyarrow.interchange.from_dataframe(frame)
    raise InputError(f"a {type(frame).__name__} is no data frame: give pandas, Polars or Arrow")


def _is_frame_of(library: str, frame: Any) -> bool:
    """Return whether this is a data frame of a library, without importing it: who has such a frame has imported it."""
    return library in sys.modules and isinstance(frame, sys.modules[library].DataFrame)


def _bars(frame: Any, table: pa.Table, inputs: set[str]) -> Bars:
    columns = {str(name).strip().lower(): index for index, name in reversed(list(enumerate(table.column_names)))}
    count = table.num_rows
    missing = [name for name in ("close", *sorted(inputs & {*_PRICES, "volume"})) if name not in columns]
    if missing:
        raise InputError(f"no column {missing[0]}; the frame has: {', '.join(map(str, table.column_names))}")
    close = _numbers(table, columns, "close")
    prices = {name: _numbers(table, columns, name) if name in columns else close for name in _PRICES}
    volume = _numbers(table, columns, "volume") if "volume" in inputs else np.zeros(count)
    symbols: tuple[str, ...] = ("",)
    code = np.zeros(count, np.int32)
    name = next((name for name in _SYMBOLS if name in columns), None)
    if name is not None:
        column = table.column(columns[name]).cast(pa.string()).combine_chunks().dictionary_encode()
        if column.null_count:
            raise InputError(f"column {name} is empty in row {int(np.argmax(column.is_null()))}")
        symbols = tuple(column.dictionary.to_pylist())
        code = column.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    timestamp = _times(frame, table, columns)
    if timestamp is None:
        if "session" in inputs:
            raise InputError(f"an indicator needs the trading session of each row: add a column of times ({_TIMES[0]})")
        timestamp = np.arange(count, dtype=np.int64)
    order = np.lexsort((np.arange(count), code))
    back = (np.diff(timestamp[order]) < 0) & (np.diff(code[order]) == 0)
    if back.any():
        row = int(order[int(np.argmax(back)) + 1])
        raise InputError(f"row {row} is earlier than the row before it of the same symbol: sort the frame by time")
    return Bars(
        symbols, code, timestamp, prices["open"], prices["high"], prices["low"], close, volume,
        np.ones(count, np.bool_),
    )  # fmt: skip


def _numbers(table: pa.Table, columns: dict[str, int], name: str) -> Floats:
    try:
        column = table.column(columns[name]).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"column {name} is not numbers: {error}") from error
    values: Floats = pc.fill_null(column, np.nan).to_numpy().astype(np.float64)
    return values


def _times(frame: Any, table: pa.Table, columns: dict[str, int]) -> Ints | None:
    """Return the UTC epoch ms of each row, None where the frame has no times."""
    name = next((name for name in _TIMES if name in columns), None)
    if name is None:
        index = getattr(frame, "index", None)
        if not _is_frame_of("pandas", frame) or not hasattr(index, "tz"):
            return None
        column = pa.chunked_array([pa.array(index)])
    else:
        column = table.column(columns[name])
    if column.null_count:
        raise InputError(f"column {name or 'index'} is empty in row {int(np.argmax(column.is_null()))}")
    try:
        return _epoch(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"column {name or 'index'} is not times: {error}") from error


def _epoch(column: pa.ChunkedArray) -> Ints:
    found: Ints
    if pa.types.is_integer(column.type):
        found = column.cast(pa.int64()).to_numpy()
        return np.where(np.abs(found) < 10**11, found * 1000, found)  # seconds until the year 5138, else ms
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        zoned = len(column) > 0 and bool(re.search(r"(Z|[+-]\d\d:?\d\d)$", column[0].as_py()))
        column = column.cast(pa.timestamp("ms", "UTC" if zoned else None))
    milliseconds = pa.timestamp("ms", getattr(column.type, "tz", None))
    found = column.cast(milliseconds, safe=False).cast(pa.int64()).to_numpy()
    return found


def _joined(frame: Any, table: pa.Table, outputs: Sequence[str], values: Floats) -> Any:
    columns = {name: np.ascontiguousarray(values[:, output]) for output, name in enumerate(outputs)}
    if _is_frame_of("pandas", frame):
        return frame.assign(**columns)
    arrays = {name: pa.array(column, from_pandas=True) for name, column in columns.items()}  # NaN becomes null
    if _is_frame_of("polars", frame):
        return frame.with_columns(type(frame)(pa.table(arrays)).get_columns())
    for name, array in arrays.items():
        index = table.schema.get_field_index(name)
        table = table.append_column(name, array) if index < 0 else table.set_column(index, name, array)
    return table
