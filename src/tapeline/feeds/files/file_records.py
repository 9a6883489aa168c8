"""Turn rows of a file into records: checked, compact, and ready to be sorted, merged and kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tapeline.core.bar_faults import FAULTS, faults
from tapeline.core.market import OHLCV, Bars, Reject
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.errors import FileError
from tapeline.feeds.files.blocks import BlockReader, RowBlock
from tapeline.feeds.files.column_values import EMPTY, REASONS, numbers, symbols
from tapeline.feeds.files.file_sample import time_column
from tapeline.feeds.files.splits import Splits, scale

#: One bar with the row it comes from. `code` is the index of its symbol in a table, `file` the index of its file.
RECORD = np.dtype(
    [
        ("timestamp", np.int64),
        ("row", np.int64),
        *((name, np.float64) for name in OHLCV),
        ("code", np.int32),
        ("file", np.int32),
    ]
)
Records = NDArray[np.void]

NO_RECORDS: Records = np.empty(0, RECORD)

_SHOWN = 60  # characters of a wrong value that a reason shows


class FilePass:
    """Pass once over a file from its start. `table` gathers its symbols; a record's `code` is an index into it.

    Rows later than `now` (UTC epoch ms), where given, are in the future and rejected. Prices are in the shares after
    `splits`.
    """

    def __init__(self, reader: BlockReader, source: str, now: int | None = None, splits: Splits | None = None) -> None:
        self.table: dict[str, int] = {}
        self._reader = reader
        self._reading = reader.reading
        self._times = reader.reading.times()
        self._source = source
        self._now = now
        self._splits = splits or {}
        self._named: dict[str, int] = {}  # by a column whose place --symbol takes

    @property
    def interval(self) -> int | None:
        """Return the interval (ms) that an option gives the file's bars, None where none does."""
        return self._reading.interval

    def blocks(self, rows: int) -> Iterator[tuple[Records, list[Reject]]]:
        """Yield the usable rows as records, and rejects for the others. Raise `FileError` where the file is damaged."""
        for block in self._reader.blocks(rows, self._times):
            yield self._checked(block)

    def _checked(self, block: RowBlock) -> tuple[Records, list[Reject]]:
        count = len(block.row)
        values: dict[str, Any] = {"volume": np.zeros(count)}
        states = {}
        times, states["timestamp"] = self._times.read(time_column(block.columns))
        for name in OHLCV:
            if name in block.columns:
                values[name], states[name] = numbers(block.columns[name], self._reading.decimal)
        if "volume" in states and (states["volume"] == EMPTY).any():  # an index or a currency has a volume of 0
            values["volume"] = np.where(states["volume"] == EMPTY, 0.0, values["volume"])
            states["volume"][states["volume"] == EMPTY] = 0
        if self._reading.adjust == "column":
            self._adjust(values, block, states)
        code, wrong_symbols = self._symbols(block)
        if self._splits:
            if "" in self._splits and len(self.table) > 1:
                raise FileError(f"{self._reader.path}: has several symbols: the file of splits needs a column symbol")
            scale(values, times, code, self.table, self._splits)
        numbers_of = {name: values[name] for name in OHLCV}
        bars = Bars(tuple(self.table), code, times, final=np.ones(count, np.bool_), **numbers_of)
        fault = faults(bars, self._now)
        records = np.empty(count, RECORD)
        fixed = {"timestamp": times, "row": block.row, "code": code, "file": 0}
        for name, column in (values | fixed).items():
            records[name] = column
        bad = (fault != 0) | (code < 0)
        for state in states.values():
            bad |= state != 0
        forming = _forming(block)
        bad |= forming
        nothing = self._without_a_bar(block, states)
        bad |= nothing

        def reason(i: int) -> str:
            for name, state in states.items():
                if state[i]:
                    return f"{name} {REASONS[state[i]]}".format(_shown(block.columns[name][i]))
            return wrong_symbols.get(int(code[i])) or FAULTS[fault[i]] or "the bar was still forming"

        found = [(row, why, raw) for row, why, raw in block.malformed]
        found += [(int(block.row[i]), reason(i), block.raw(i)) for i in np.flatnonzero(bad & ~nothing).tolist()]
        rejects = [Reject(self._source, place_of(self._reader, row), why, raw) for row, why, raw in sorted(found)]
        return records[~bad] if bad.any() else records, rejects

    def _symbols(self, block: RowBlock) -> tuple[NDArray[np.int32], dict[int, str]]:
        """Return the codes of the symbols, int32 [n], and what is wrong with those that are negative."""
        known = self._reading.symbol or canonical_symbol(block.symbol)
        if "symbol" in block.columns and not known:
            return symbols(block.columns["symbol"], self.table)
        if "symbol" in block.columns:
            self._refuse_several(block)
        return np.full(len(block.row), self.table.setdefault(known, len(self.table)), np.int32), {}

    def _refuse_several(self, block: RowBlock) -> None:
        """Raise `FileError` when a column has several symbols and --symbol names one."""
        symbols(block.columns["symbol"], self._named)
        if len(self._named) > 1:
            several = ", ".join(list(self._named)[:5])
            raise FileError(f"{self._reader.path}: has bars of {several}: --symbol is for files of one symbol")

    def _adjust(self, values: dict[str, Any], block: RowBlock, states: dict[str, Any]) -> None:
        """Scale the prices so that the close is the adjusted one."""
        if "adjusted" not in block.columns:
            raise FileError(f"{self._reader.path}: --adjust column needs one of adjusted closes, such as `Adj Close`")
        adjusted, states["adjusted"] = numbers(block.columns["adjusted"], self._reading.decimal)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(values["close"] != 0, adjusted / values["close"], np.nan)
        for name in OHLCV[:3]:
            values[name] = values[name] * factor
        values["close"] = adjusted

    def _without_a_bar(self, block: RowBlock, states: dict[str, Any]) -> NDArray[np.bool_]:
        """Return which rows have no bar of this symbol, in a table of several side by side: all prices are empty."""
        if len(self._reading.groups) < 2:
            return np.zeros(len(block.row), np.bool_)
        empty: NDArray[np.bool_] = np.all([states[name] == EMPTY for name in OHLCV[:4]], axis=0)
        return empty


def _forming(block: RowBlock) -> NDArray[np.bool_]:
    """Return which rows say of themselves that they are not final."""
    if "final" not in block.columns:
        return np.zeros(len(block.row), np.bool_)
    said = pc.utf8_lower(block.columns["final"].cast(pa.string())).fill_null("")
    flags: NDArray[np.bool_] = pc.is_in(said, pa.array(["false", "0"])).to_numpy(zero_copy_only=False)
    return flags


def place_of(reader: BlockReader, row: int) -> str:
    """Return the place that a reject names for this row of the file."""
    return f"{reader.path}:row {row}"


def as_bars(records: Records, table: tuple[str, ...]) -> Bars:
    """Return the records as bars, all final, over this symbol table."""
    code, times = np.ascontiguousarray(records["code"]), np.ascontiguousarray(records["timestamp"])
    values = (np.ascontiguousarray(records[name]) for name in OHLCV)
    return Bars(table, code, times, *values, np.ones(len(records), np.bool_))  # type: ignore[call-arg]


def _shown(value: Any) -> str:
    text = str(value.as_py())
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
