"""Turn rows of a file into records: checked, compact, and ready to be sorted, merged and kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import FAULTS, OHLCV, Bars, Reject, faults
from tapeline.feeds.files.blocks import BlockReader, RowBlock
from tapeline.feeds.files.column_values import REASONS, Times, numbers, symbols
from tapeline.feeds.files.layout import symbol_of

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

    Rows later than `now` (UTC epoch ms), where given, are in the future and rejected.
    """

    def __init__(self, reader: BlockReader, times: Times, source: str, now: int | None = None) -> None:
        self.table: dict[str, int] = {}
        self._reader = reader
        self._times = times
        self._source = source
        self._now = now

    def blocks(self, rows: int) -> Iterator[tuple[Records, list[Reject]]]:
        """Yield the usable rows as records, and rejects for the others. Raise `FileError` where the file is damaged."""
        for block in self._reader.blocks(rows, self._times):
            yield self._checked(block)

    def _checked(self, block: RowBlock) -> tuple[Records, list[Reject]]:
        records = np.zeros(len(block.row), RECORD)
        records["row"] = block.row
        states = {}
        records["timestamp"], states["timestamp"] = self._times.read(block.columns["timestamp"])
        for name in OHLCV:
            records[name], states[name] = numbers(block.columns[name])
        if "symbol" in block.columns:
            records["code"], wrong_symbols = symbols(block.columns["symbol"], self.table)
        else:
            records["code"], wrong_symbols = self.table.setdefault(symbol_of(self._reader.path), 0), {}
        fault = faults(as_bars(records, ()), self._now)
        bad = (fault != 0) | (records["code"] < 0)
        for state in states.values():
            bad |= state != 0

        def reason(i: int) -> str:
            for name, state in states.items():
                if state[i]:
                    return f"{name} {REASONS[state[i]]}".format(_shown(block.columns[name][i]))
            return wrong_symbols.get(int(records["code"][i])) or FAULTS[fault[i]]

        found = [(row, why, raw) for row, why, raw in block.malformed]
        found += [(int(block.row[i]), reason(i), block.raw(i)) for i in np.flatnonzero(bad).tolist()]
        rejects = [Reject(self._source, place_of(self._reader, row), why, raw) for row, why, raw in sorted(found)]
        return records[~bad] if bad.any() else records, rejects


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
