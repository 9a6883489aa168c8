"""Look for damage in the whole SQLite file: its structure, every checksum, what is missing, and impossible values."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_index import symbol_name
from tapeline.backends.sqlite.block_table import BlockTable
from tapeline.backends.sqlite.block_totals import BlockEntry, BlockTotals
from tapeline.backends.sqlite.checked_rows import CHECKED, UNREADABLE, checked_rows, whole_row
from tapeline.backends.sqlite.damage_log import DamageLog
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.reject_table import are_complete
from tapeline.backends.sqlite.stored_rows import bars_of
from tapeline.core.bar_faults import FAULTS, faults

_STRUCTURE_LINES = 20
_STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock

#: Tables whose rows belong to a symbol, which is their first column.
_OF_A_SYMBOL = ("newest", "states", "checkpoints", "indicator_states", "revisions", "block_totals")

#: What a repair does about a damaged row, by its table.
REMEDIES = {
    "meta": "read again from the log",
    "log": "fetched again from its source",
    "sources": "read again from its beginning; what is known is passed over",
    "rejects": "lost; it comes again with its record",
    "symbols": "taken from the index where that is whole",
    "models": "taken from the index where that is whole",
    "revisions": "not needed: indicators are computed again",
    "newest": "taken from the newest block; a forming bar comes with its next price",
    "states": "computed again from the stored bars",
    "checkpoints": "not needed: older ones, or the stored bars, stand in",
    "indicator_states": "computed again when it is asked for",
    "block_totals": "counted again",
    "blocks": "fetched again from the archive, the log or its source",
    "file": "the file is rewritten from what can be read",
}


@dataclass(frozen=True, slots=True)
class DamagedPart:
    """Name a damaged part of the file: its table, what is wrong, and whose bars from when to when (UTC epoch ms)."""

    table: str
    text: str
    symbol: str = ""
    first: int | None = None
    last: int | None = None
    count: int = 0

    @property
    def remedy(self) -> str:
        """Say what a repair makes of it."""
        return REMEDIES[self.table]


class OutOfTimeError(Exception):
    """Stop a check whose time is over; what was found by then stands."""


def damaged_parts(database: Database, seconds: float | None = None) -> Iterator[DamagedPart]:
    """Yield what is damaged in the file, of one moment. Raises `OutOfTimeError` after `seconds`, where given.

    Without a limit of time the indices are compared with their tables as well.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    with database.reading() as reader:
        yield from _structure(reader, deadline)
        for table in CHECKED:
            _look_at_clock(deadline)
            yield from _rows(reader, table)
        yield from _completeness(reader)
        yield from _log(reader)
        yield from _blocks(reader, deadline)


def _look_at_clock(deadline: float | None) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise OutOfTimeError


def _structure(reader: sqlite3.Connection, deadline: float | None) -> Iterator[DamagedPart]:
    kind = "integrity_check" if deadline is None else "quick_check"
    if deadline is not None:
        reader.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        lines = [row[0] for row in reader.execute(f"PRAGMA {kind}({_STRUCTURE_LINES})")]
    except UNREADABLE as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise OutOfTimeError from error
        lines = [str(error)]
    finally:
        reader.set_progress_handler(None, 0)
    for line in "\n".join(lines).splitlines():
        if line not in {"ok", "*** in database main ***"}:
            yield DamagedPart("file", f"its structure: {line}")


def _rows(reader: sqlite3.Connection, table: str) -> Iterator[DamagedPart]:
    """Yield a part for each row of a table that is not what was written; of rejects and log entries the numbers."""
    damaged = 0
    try:
        for row, whole in checked_rows(reader, table, "NOT INDEXED"):
            if whole:
                continue
            damaged += 1
            if table in _OF_A_SYMBOL:
                name = symbol_name(reader, row[0])
                yield DamagedPart(table, f"{name}: a row of {table} is damaged", name)
            elif table == "log":
                yield DamagedPart(table, f"the log's entry at position {row[0]} is damaged")
            elif table != "rejects":
                yield DamagedPart(table, f"a row of {table} is damaged")
    except UNREADABLE as error:
        yield DamagedPart(table, f"{table} cannot be read through ({error})")
    if damaged and table == "rejects":
        yield DamagedPart(table, f"{damaged:,} rejected records are damaged")
    elif table == "rejects":
        with contextlib.suppress(*UNREADABLE):  # said above already
            if not are_complete(reader):
                yield DamagedPart(table, "rejected records are missing")


def _completeness(reader: sqlite3.Connection) -> Iterator[DamagedPart]:
    """Yield what is missing: rows that others speak of. A state that is missing is computed again in any case."""
    with contextlib.suppress(*UNREADABLE):  # said by `_rows` already
        for table, needed in (("symbols", "newest"), ("newest", "block_totals")):
            key = "id" if table == "symbols" else "symbol"
            query = f"SELECT symbol FROM {needed} WHERE symbol NOT IN (SELECT {key} FROM {table})"  # noqa: S608
            for (number,) in reader.execute(query):
                name = symbol_name(reader, number)
                yield DamagedPart(table, f"{name}: its row of {table} is missing", name)


def _log(reader: sqlite3.Connection) -> Iterator[DamagedPart]:
    with contextlib.suppress(*UNREADABLE):
        end = None
        for first, count in reader.execute("SELECT first, count FROM log ORDER BY first"):
            if end not in {None, first}:
                yield DamagedPart("log", f"the log's entries from position {end} to {first} are missing")
            end = first + count
        position, whole = whole_row(reader, "meta", "name", "position")
        if position and whole and end is not None and position[1] > end:
            yield DamagedPart("log", f"the log ends at position {end}, before what was processed ({position[1]})")


def _blocks(reader: sqlite3.Connection, deadline: float | None) -> Iterator[DamagedPart]:
    """Yield blocks that cannot be read or hold impossible values, and symbols that lack some."""
    index: dict[int, list[BlockEntry]] = {}
    try:
        query = "SELECT symbol, id, first, last, count FROM blocks INDEXED BY blocks_by_time"
        for symbol, *entry in reader.execute(query):
            index.setdefault(symbol, []).append(BlockEntry(*entry))
    except UNREADABLE as error:
        yield DamagedPart("blocks", f"the index of the blocks cannot be read through ({error})")
    with contextlib.suppress(*UNREADABLE):  # said by `_rows` already
        yield from _missing_blocks(reader, index)
    for symbol, entries in index.items():
        name = symbol_name(reader, symbol)
        for entry in entries:
            _look_at_clock(deadline)
            damage = DamageLog()
            block = BlockTable(damage).read(reader, entry, keep=False)
            if block is None:
                yield DamagedPart("blocks", damage.plain[0], name, entry.first, entry.last, entry.count)
            elif fault := block_fault(block):
                text = f"{name}: block {entry.id} holds what no bar can be: {fault}"
                yield DamagedPart("blocks", text, name, entry.first, entry.last, entry.count)


def _missing_blocks(reader: sqlite3.Connection, index: dict[int, list[BlockEntry]]) -> Iterator[DamagedPart]:
    """Yield the symbols whose blocks in the index are not those that were written."""
    for (symbol, *totals), whole in list(checked_rows(reader, "block_totals")):
        found = BlockTotals.of(symbol, index.get(symbol, []))
        if whole and found != BlockTotals(*totals):
            name = symbol_name(reader, symbol)
            text = f"{name}: {totals[1]:,} bars were stored, and the index has {found.bars:,}"
            yield DamagedPart("blocks", text, name, count=max(totals[1] - found.bars, 0))


def block_fault(block: Block) -> str:
    """Return what is impossible in a block: its order, or a value of a bar; '' for nothing."""
    if len(block) > 1 and (np.diff(block.timestamp) <= 0).any():
        return "its bars are not in the order of time"
    found = faults(bars_of(("A",), block, np.ones(len(block), np.bool_)))
    return FAULTS[int(found.max(initial=0))]
