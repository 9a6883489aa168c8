"""Read the columns of a pandas, Polars or Arrow frame as NumPy arrays, and join columns to it.

Columns of float64 and of times are read where they are, and the values are joined where they are: copying them would
take as long as computing an indicator each. Other columns are converted by Arrow.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tapeline.app.frame_symbols import FrameSymbols, refuse_empty
from tapeline.app.frame_times import are_dates, epoch_of
from tapeline.app.frame_values import on_all_cores
from tapeline.core.market import Floats, Ints
from tapeline.errors import InputError
from tapeline.feeds.files.column_roles import ALIASES, plain
from tapeline.feeds.files.time_forms import form_of

#: Values of a result from which on it takes less time to put columns together one by one than to copy them.
_LARGE = 300_000

_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)


class Frame:
    """Read an Arrow table. Columns are known by their index, because a name may stand twice."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.names: Sequence[Any] = table.column_names

    def numbers(self, index: int) -> Floats:
        """Return the column as float64, NaN where it is empty. It may be the frame's own memory: only read it."""
        try:
            column = self._arrow(index).cast(pa.float64())
        except _ERRORS as error:
            why = _first_not_number(self._cells(index)) or error
            raise InputError(f"column {self._name(index)} is not numbers: {why}") from error
        found: Floats = (pc.fill_null(column, np.nan) if column.null_count else column).to_numpy()
        return found

    def symbols(self, index: int) -> FrameSymbols:
        """Return the column as symbols."""
        try:
            return FrameSymbols.of(self._name(index), self._arrow(index))
        except _ERRORS as error:
            raise InputError(f"column {self._name(index)} is not symbols: {error}") from error

    def times(self, index: int, zone: str | None = None, date_format: str | None = None) -> tuple[Ints, str | None]:
        """Return the column as UTC epoch ms, and its zone; see `frame_times.epoch_of`."""
        try:
            column = self._arrow(index)
            refuse_empty(self._name(index), column)
            return epoch_of(self._name(index), column, zone, date_format)
        except _ERRORS as error:
            raise InputError(f"column {self._name(index)} is not times: {error}") from error

    def joined(self, outputs: Sequence[str], values: Floats) -> Any:
        """Return the frame with a column for each output, in place of one of that name. NaN becomes null."""
        table = self._table
        for name, array in _nullable(outputs, values).items():
            same = table.schema.get_all_field_indices(name)  # a name may stand twice
            for index in same:
                table = table.set_column(index, name, array)
            table = table if same else table.append_column(name, array)
        return table

    def _name(self, index: int) -> str:
        return str(self.names[index]).strip().lower()

    def _arrow(self, index: int) -> pa.ChunkedArray:
        return self._table.column(index)

    def _cells(self, index: int) -> list[Any]:
        return self._arrow(index).to_pylist()  # type: ignore[no-any-return]


class PolarsFrame(Frame):
    """Read a Polars frame, converting only the columns that are asked for."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.names = frame.columns

    def joined(self, outputs: Sequence[str], values: Floats) -> Any:
        """Return the frame with a column for each output, in place of one of that name. NaN becomes null."""
        added = type(self._frame)(pa.table(_nullable(outputs, values))).get_columns()
        if set(outputs).isdisjoint(self.names):
            return self._frame.hstack(added)  # without the query engine, which takes longer than 1,000 bars
        return self._frame.with_columns(added)

    def _arrow(self, index: int) -> pa.ChunkedArray:
        return pa.chunked_array([self._frame.to_series(index).to_arrow()])


class PandasFrame(Frame):
    """Read a pandas frame."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._pandas = sys.modules["pandas"]
        self.levels = _levels(self._pandas, frame.index)
        self.names = [*frame.columns, *self.levels]
        self._unique = frame.columns.is_unique

    def numbers(self, index: int) -> Floats:
        """Return the column as float64, NaN where it is empty. It may be the frame's own memory: only read it."""
        column = self._column(index)
        return np.ascontiguousarray(column.to_numpy()) if column.dtype == np.float64 else super().numbers(index)

    def times(self, index: int, zone: str | None = None, date_format: str | None = None) -> tuple[Ints, str | None]:
        """Return the column as UTC epoch ms, and its zone; see `frame_times.epoch_of`."""
        column = self._column(index)
        if isinstance(column.dtype, self._pandas.PeriodDtype):
            column = column.dt.to_timestamp()
        plain = column.dtype.kind == "M" and not isinstance(column.dtype, self._pandas.ArrowDtype)
        zoned = getattr(column.dtype, "tz", None) is not None
        if not plain or (zone and not zoned):
            return super().times(index, zone, date_format)
        found = self._epoch(self._name(index), self._pandas.DatetimeIndex(column))
        if zoned:
            return found, str(column.dtype.tz)
        return found, "UTC" if are_dates(found) else None

    def joined(self, outputs: Sequence[str], values: Floats) -> Any:
        """Return the frame with a column for each output, in place of one of that name."""
        names = self._pandas.Index(outputs, name=self._frame.columns.name)
        added = self._pandas.DataFrame(values, index=self._frame.index, columns=names, copy=False)
        replaced = [name for name in outputs if name in self._frame.columns]
        frame = self._frame.assign(**{name: added[name] for name in replaced})
        if len(replaced) == len(outputs):
            return frame
        added = added.drop(columns=replaced) if replaced else added
        if self._unique and values.size >= _LARGE and int(self._pandas.__version__.partition(".")[0]) < 3:
            found = self._with_columns(frame if replaced else frame.copy(), added)
        else:  # pandas 3 copies nothing until it is written to
            found = self._pandas.concat([frame, added], axis=1)
        found.attrs = frame.attrs
        return found

    def _with_columns(self, frame: Any, added: Any) -> Any:
        """Return both side by side without copies: in pandas 2, `concat` takes as long as computing the values."""
        columns = dict(frame.items()) | dict(added.items())
        found = self._pandas.DataFrame(columns, index=frame.index, copy=False)
        found.columns = frame.columns.append(added.columns)
        return found

    def _arrow(self, index: int) -> pa.ChunkedArray:
        column = self._column(index)
        if isinstance(column.dtype, self._pandas.PeriodDtype):
            column = column.dt.to_timestamp()
        array = pa.array(column, from_pandas=True)
        return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])

    def _cells(self, index: int) -> list[Any]:
        column = self._column(index)
        return [None if empty else cell for cell, empty in zip(column, column.isna(), strict=True)]

    def _column(self, index: int) -> Any:
        if (level := index - len(self._frame.columns)) >= 0:
            return self._pandas.Series(self._frame.index.get_level_values(list(self.levels.values())[level]))
        return self._frame[self.names[index]] if self._unique else self._frame.iloc[:, index]

    def _epoch(self, name: str, index: Any) -> Ints:
        if index.hasnans:
            raise InputError(f"column {name} is empty in row {int(np.argmax(index.isna()))}")
        return _milliseconds(index.asi8, index.unit)


def open_frame(frame: Any) -> Frame:
    """Return the frame as one that can be read. Raises `InputError` for what is no data frame."""
    if isinstance(frame, pa.Table):
        return Frame(frame)
    if isinstance(frame, pa.RecordBatch):
        return Frame(pa.Table.from_batches([frame]))
    if _is_frame_of("pandas", frame):
        return PandasFrame(frame)
    if _is_frame_of("polars", frame):
        return PolarsFrame(frame)
    if hasattr(frame, "__arrow_c_stream__"):
        return Frame(pa.table(frame))
    if hasattr(frame, "__dataframe__"):
        import pyarrow.interchange

        return Frame(pyarrow.interchange.from_dataframe(frame))
    raise InputError(f"what was given, of type {type(frame).__name__}, is no data frame: give pandas, Polars or Arrow")


def _is_frame_of(library: str, frame: Any) -> bool:
    """Return whether this is a data frame of a library, without importing it: who has such a frame has imported it."""
    return library in sys.modules and isinstance(frame, sys.modules[library].DataFrame)


def _levels(pandas: Any, index: Any) -> dict[str, int]:
    """Return the levels of a pandas index that may be times or symbols: the name to know each by, and its number.

    Times without a name that says so are `timestamp`; texts are `symbol` beside them, and times where they look so.
    """
    found: dict[str, int] = {}
    several = isinstance(index, pandas.MultiIndex)
    for number, name in enumerate(index.names):
        level = index.levels[number] if several else index
        known = plain("" if name is None else str(name))
        dated = isinstance(level, pandas.DatetimeIndex | pandas.PeriodIndex)
        if not dated and not several and pandas.api.types.is_numeric_dtype(level.dtype):
            continue  # counts the rows
        if not dated and len(level) and isinstance(level[0], str):
            dated = form_of([str(text) for text in level[:20]], "day first", lambda: ())[0] is not None
        if known in ALIASES["symbol"] or (several and not dated and not known):
            found.setdefault("symbol", number)
        elif dated or known in ALIASES["timestamp"][:-1]:
            found.setdefault("timestamp", number)
    return found


def _first_not_number(cells: list[Any]) -> str:
    """Return which row is no number and what to do about it; '' where Python reads a number in each."""
    for row, cell in enumerate(cells):
        try:
            float(0 if cell is None else cell)
        except (TypeError, ValueError):
            return f"row {row} (from 0) has {cell!r}; write a number there, or nothing (NaN, null)"
    return ""


def _milliseconds(times: Ints, unit: str) -> Ints:
    if unit == "s":
        return times * 1000
    return times if unit == "ms" else times // {"us": 1_000, "ns": 1_000_000}[unit]


def _nullable(outputs: Sequence[str], values: Floats) -> dict[str, pa.Array]:
    """Return the columns as Arrow arrays on the same memory, NaN as null."""
    arrays: dict[str, pa.Array] = {}

    def convert(column: int) -> None:
        numbers = values[:, column]
        valid = np.packbits(numbers == numbers, bitorder="little")  # noqa: PLR0124  all but NaN
        arrays[outputs[column]] = pa.Array.from_buffers(
            pa.float64(), len(numbers), [pa.py_buffer(valid), pa.py_buffer(numbers)]
        )

    on_all_cores(convert, range(len(outputs)), values.size)
    return {name: arrays[name] for name in outputs}
