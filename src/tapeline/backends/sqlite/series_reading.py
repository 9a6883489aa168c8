"""Read the rows of the stored series, inside the caller's read transaction: everything read in it is of one moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_table import BlockTable
from tapeline.backends.sqlite.checked_rows import is_whole, selected, whole_row
from tapeline.backends.sqlite.damage_log import DamageLog
from tapeline.backends.sqlite.joint_reading import joint_rows
from tapeline.backends.sqlite.name_table import NameTable
from tapeline.backends.sqlite.revision_table import revisions_of
from tapeline.backends.sqlite.stored_rows import ModelNames, bars_of, newest_rows, rows_of_symbol
from tapeline.core.market import Bars, Floats, Ints, Revisions, Rows

_EARLIEST, _LATEST = -(1 << 62), 1 << 62
_PAGE_BARS = 65_536  # they stay in the processor's cache while candles are made of them


class SeriesReader:
    """Read series for any thread, each with a connection of its own. What is damaged is passed over, and noted."""

    def __init__(self, blocks: BlockTable, names: NameTable, damage: DamageLog) -> None:
        self._blocks = blocks
        self._names = names
        self._damage = damage
        self._newest: dict[int, tuple[Any, ...]] = {}  # as last verified

    def rows(
        self, reader: sqlite3.Connection, symbol: str, start: int | None, end: int | None, limit: int | None
    ) -> Rows:
        """Return rows as `Store.rows` does."""
        low = _EARLIEST if start is None else start
        high = _LATEST if end is None else end
        number = self._names.find(reader, "symbols", symbol)
        if number is None:
            return rows_of_symbol(symbol, [], None, (), dict)
        revisions, newest = self._begun(reader, number, symbol)
        if newest is not None and not low <= newest[0] < high:
            newest = None
        wanted = _LATEST if limit is None else max(limit - (newest is not None), 0)
        blocks: list[Block] = []
        for entry in self._blocks.index.newest_entries(reader, number, low, high) if wanted else ():
            block = self._blocks.read(reader, entry)
            if block is None:
                continue
            inside = slice(*np.searchsorted(block.timestamp, (low, high)).tolist())
            blocks.append(block[inside])
            wanted -= len(blocks[-1])
            if wanted <= 0:
                break
        blocks.reverse()
        if wanted < 0:
            blocks[0] = blocks[0][-wanted:]
        forming = newest if limit != 0 else None
        return rows_of_symbol(symbol, blocks, forming, revisions, self._models(reader))

    def bar_pages(self, reader: sqlite3.Connection, symbol: str, start: int | None) -> Iterator[tuple[Bars, Revisions]]:
        """Yield bars as `BarPages.bar_pages` does."""
        number = self._names.find(reader, "symbols", symbol)
        if number is None:
            return
        low = _EARLIEST if start is None else start
        revisions, newest = self._begun(reader, number, symbol)
        page: list[tuple[Ints, Floats]] = []
        for entry in self._blocks.index.entries(reader, number, low):
            found = self._blocks.read_bars(reader, entry)
            if found is not None:
                first = int(np.searchsorted(found[0], low))
                page.append((found[0][first:], found[1][first:]))
            if sum(len(times) for times, _ in page) >= _PAGE_BARS:
                yield bars_of(symbol, page), revisions
                page = []
        forming = newest if newest is not None and newest[0] >= low else None
        if page or forming is not None:
            yield bars_of(symbol, page, forming), revisions

    def final_rows(self, reader: sqlite3.Connection, starts: Mapping[str, int]) -> Rows:
        """Return rows of many series as `joint_rows` does."""
        numbers = {self._names.find(reader, "symbols", name): (name, start) for name, start in starts.items()}
        wanted = {number: asked for number, asked in numbers.items() if number is not None}
        return joint_rows(reader, wanted, self._blocks.index, self._models(reader))

    def latest(self, reader: sqlite3.Connection) -> Rows:
        """Return the newest row of every series, sorted by name."""
        names = self._names.all(reader, "symbols")
        found = []
        for row in reader.execute(f"SELECT {selected('newest')} FROM newest"):  # noqa: S608
            number = row[0]
            if self._newest.get(number) != row:
                if not is_whole("newest", row) or number not in names:
                    self._lost_newest(number, names.get(number, f"symbol number {number}"))
                    continue
                self._newest[number] = row
            found.append((names[number], *row[1:-1]))
        lost = "SELECT symbol FROM block_totals WHERE symbol NOT IN (SELECT symbol FROM newest)"
        for (number,) in reader.execute(lost):
            self._lost_newest(number, names.get(number, f"symbol number {number}"))
        found.sort(key=lambda row: row[0])
        return newest_rows(found, self._models(reader))

    def _begun(
        self, reader: sqlite3.Connection, number: int, symbol: str
    ) -> tuple[Revisions, tuple[float, ...] | None]:
        """Return the series' revisions and the row of its forming bar, without its number; None where there is none."""
        revisions = revisions_of(reader, number, self._damage)
        self._blocks.index.check(reader, number)
        row, whole = whole_row(reader, "newest", "symbol", number)
        if row is None and whole_row(reader, "block_totals", "symbol", number)[0] is None:
            return revisions, None  # it was given its number, and its first rows are still to be committed
        if not whole or row is None:
            self._lost_newest(number, symbol)
            return revisions, None
        return revisions, None if row[7] else row[1:]

    def _lost_newest(self, number: int, name: str) -> None:
        self._damage.note(("newest", number), f"{name}: its newest row is damaged, and left out")

    def _models(self, reader: sqlite3.Connection) -> ModelNames:
        return lambda: self._names.all(reader, "models")
