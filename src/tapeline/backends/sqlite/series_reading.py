"""Read the rows of the stored series, and what the file says of them without a block being read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_table import BlockTable
from tapeline.backends.sqlite.checked_rows import checked_rows, is_whole, selected, whole_row
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.joint_reading import joint_rows
from tapeline.backends.sqlite.name_table import NameTable
from tapeline.backends.sqlite.revision_table import revisions_of
from tapeline.backends.sqlite.stored_rows import ModelNames, bars_of, block_of_newest, rows_of
from tapeline.core.market import Bars, Revisions
from tapeline.core.rows import Rows

_EARLIEST, _LATEST = -(1 << 62), 1 << 62
_PAGE_BARS = 65_536  # they stay in the processor's cache while candles are made of them


class SeriesReader:
    """Be the reading half of `SqliteStore`, for any thread: each has a connection of its own.

    Everything that one call reads is of one moment. What is damaged is passed over, and noted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._damage = database.damage
        self._blocks = BlockTable(self._damage)
        self._names = NameTable(self._damage)
        self._newest: dict[int, tuple[Any, ...]] = {}  # as last verified

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        low = _EARLIEST if start is None else start
        high = _LATEST if end is None else end
        with self._database.reading() as reader:
            number = self._names.find(reader, "symbols", symbol)
            if number is None:
                return rows_of((symbol,), Block.concat([]), np.zeros(0, np.bool_), dict, ())
            revisions, forming = self._begun(reader, number, symbol)
            newest = [] if forming is None or not low <= forming.timestamp[0] < high or limit == 0 else [forming]
            wanted = _LATEST if limit is None else max(limit - len(newest), 0)
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
            whole = Block.concat(blocks + newest)
            final = np.arange(len(whole)) < len(whole) - len(newest)
            return rows_of((symbol,), whole, final, self._models(reader), revisions)

    def bar_pages(self, symbol: str, start: int | None = None) -> Iterator[tuple[Bars, Revisions]]:
        low = _EARLIEST if start is None else start
        with self._database.reading() as reader:
            number = self._names.find(reader, "symbols", symbol)
            if number is None:
                return
            revisions, forming = self._begun(reader, number, symbol)
            page: list[Block] = []
            for entry in self._blocks.index.entries(reader, number, low):
                found = self._blocks.read(reader, entry, bars_only=True)
                if found is not None:
                    first = int(np.searchsorted(found.timestamp, low))
                    page.append(Block(found.timestamp[first:], found.values[first:], {}))
                if sum(map(len, page)) >= _PAGE_BARS:
                    whole = Block.concat(page)
                    yield bars_of((symbol,), whole, np.ones(len(whole), np.bool_)), revisions
                    page = []
            newest = [] if forming is None or forming.timestamp[0] < low else [forming]
            if page or newest:
                whole = Block.concat([*page, *(Block(each.timestamp, each.values, {}) for each in newest)])
                yield bars_of((symbol,), whole, np.arange(len(whole)) < len(whole) - len(newest)), revisions

    def final_rows(self, starts: Mapping[str, int]) -> Rows:
        with self._database.reading() as reader:
            numbers = {self._names.find(reader, "symbols", name): (name, start) for name, start in starts.items()}
            wanted = {number: asked for number, asked in numbers.items() if number is not None}
            return joint_rows(reader, wanted, self._blocks.index, self._models(reader))

    def latest(self) -> Rows:
        with self._database.reading() as reader:
            names = self._names.all(reader, "symbols")
            found = []
            for row in reader.execute(f"SELECT {selected('newest')} FROM newest"):  # noqa: S608
                number = row[0]
                if self._newest.get(number) != row:
                    if not is_whole("newest", row) or number not in names:
                        self._lost_newest(number, names.get(number, f"symbol number {number}"))
                        continue
                    self._newest[number] = row
                found.append((names[number], row[1:-1]))
            lost = "SELECT symbol FROM block_totals WHERE symbol NOT IN (SELECT symbol FROM newest)"
            for (number,) in reader.execute(lost):
                self._lost_newest(number, names.get(number, f"symbol number {number}"))
            found.sort(key=lambda each: each[0])
            block, final = block_of_newest([row for _, row in found])
            code = np.arange(len(found), dtype=np.int32)
            return rows_of(tuple(name for name, _ in found), block, final, self._models(reader), None, code)

    def series(self, symbol: str) -> tuple[str, ...]:
        with self._database.reading() as reader:
            numbers = self._names.series_of(reader, symbol)
            known = "SELECT 1 FROM newest WHERE symbol = ?"
            return tuple(name for name in sorted(numbers) if reader.execute(known, (numbers[name],)).fetchone())

    def stamps(self) -> dict[str, tuple[int, ...]]:
        """Return the numbers of `block_totals`, whose digest is the sum of all blocks' checksums."""
        with self._database.reading() as reader:
            names = self._names.all(reader, "symbols")
            found = reader.execute("SELECT symbol, bars, blocks, digest FROM block_totals WHERE bars")
            return {names[number]: tuple(stamp) for number, *stamp in found if number in names}

    def extents(self) -> dict[str, tuple[int, int, int]]:
        """Return, for every series, the open times of its first and its newest bar, and how many are final, sorted."""
        bars = self.latest().bars
        found = {name: (time, time, 0) for name, time in zip(bars.symbols, bars.timestamp.tolist(), strict=True)}
        with self._database.reading() as reader:
            names = self._names.all(reader, "symbols")
            for (number, _, count, first, _), whole in checked_rows(reader, "block_totals"):
                name = names.get(number, f"symbol number {number}")
                if not whole:
                    text = f"{name}: how many bars it has is damaged in the file"
                    self._damage.note(("block_totals", number), text)
                elif name in found and count:
                    found[name] = (first, found[name][1], count)
        return dict(sorted(found.items()))

    def count(self) -> int:
        """Return how many rows there are, forming ones included."""
        with self._database.reading() as reader:
            (final,) = reader.execute("SELECT coalesce(sum(bars), 0) FROM block_totals").fetchone()
            (forming,) = reader.execute("SELECT count(*) FROM newest WHERE NOT final").fetchone()
        return int(final + forming)

    def _begun(self, reader: sqlite3.Connection, number: int, symbol: str) -> tuple[Revisions, Block | None]:
        """Return the series' revisions and its forming bar; None where there is none."""
        revisions = revisions_of(reader, number, self._damage)
        self._blocks.index.check(reader, number)
        row, whole = whole_row(reader, "newest", "symbol", number)
        if row is None and whole_row(reader, "block_totals", "symbol", number)[0] is None:
            return revisions, None  # it was given its number, and its first rows are still to be committed
        if not whole or row is None:
            self._lost_newest(number, symbol)
            return revisions, None
        return revisions, None if row[7] else block_of_newest([row[1:]])[0]

    def _lost_newest(self, number: int, name: str) -> None:
        self._damage.note(("newest", number), f"{name}: its newest row is damaged, and left out")

    def _models(self, reader: sqlite3.Connection) -> ModelNames:
        return lambda: self._names.all(reader, "models")
