"""Keep the blocks of every symbol: where new bars go, when small blocks are merged, and which blocks hold a time.

The blocks of a symbol never overlap, so a reader neither merges nor decides which of two values counts. New bars are
appended as a block of their own. When a symbol has `FANOUT` neighbouring blocks of one size class at its end, they
become one block of the next class, until it holds `SEALED` bars and stays as it is: each bar is rewritten at most three
times. A correction rewrites the one block that it falls into.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block, decode, encode, put_in, same
from tapeline.errors import DecodeError

FANOUT = 16
SEALED = FANOUT**3

_CACHED_BARS = 1_000_000  # decoded and kept for the next reader, at most; 58 bytes each
_SMALLEST_CACHED = 256  # bars; smaller blocks are merged soon and quick to decode
_EVER = 1 << 62


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """Where a block is and which bars it holds: `first` and `last` are the open times of its first and last bar."""

    id: int
    first: int
    last: int
    count: int


class PreparedBlock:
    """Final bars of one symbol, cut and encoded, so that nothing of that is done while the file is locked."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.parts = [(part, encode(part)) for part in _cut(block)]


class BlockTable:
    """The `blocks` table. Writing is for the one thread that holds the transaction; reading is for any."""

    def __init__(self) -> None:
        self._open: dict[int, list[BlockEntry]] = {}  # blocks at a symbol's end that are not sealed, in order
        self._cache: OrderedDict[int, Block] = OrderedDict()
        self._cached = 0
        #: What could not be read, by the block's number; such a block is passed over.
        self.damaged: dict[int, str] = {}

    # -- writing -----------------------------------------------------------------------------------------------------

    def put(self, connection: sqlite3.Connection, symbol: int, prepared: PreparedBlock) -> bool:
        """Store the bars of a block, in the order of time. Return whether a bar that is not the newest changed."""
        entries = self._tail(connection, symbol)
        if entries and int(prepared.block.timestamp[0]) <= entries[-1].last:
            return self._revise(connection, symbol, prepared.block)
        for part, payload in prepared.parts:
            entries.append(self._insert(connection, symbol, part, payload))
            self._merge(connection, symbol, entries)
        return False

    def forget(self) -> None:
        """Forget what was written in a transaction that was rolled back."""
        self._open.clear()

    def _tail(self, connection: sqlite3.Connection, symbol: int) -> list[BlockEntry]:
        """Return the blocks at the symbol's end that may still be merged, after the last sealed one (included)."""
        found = self._open.get(symbol)
        if found is None:
            found = []
            for row in connection.execute(
                "SELECT id, first, last, count FROM blocks WHERE symbol = ? ORDER BY last DESC", (symbol,)
            ):
                found.append(BlockEntry(*row))
                if _size_class(found[-1].count) >= SEALED:
                    break
            found.reverse()
            self._open[symbol] = found
        return found

    def _insert(
        self, connection: sqlite3.Connection, symbol: int, block: Block, payload: bytes | None = None
    ) -> BlockEntry:
        first, last, count = int(block.timestamp[0]), int(block.timestamp[-1]), len(block)
        cursor = connection.execute(
            "INSERT INTO blocks (symbol, first, last, count, payload) VALUES (?, ?, ?, ?, ?)",
            (symbol, first, last, count, encode(block) if payload is None else payload),
        )
        return BlockEntry(int(cursor.lastrowid or 0), first, last, count)

    def _merge(self, connection: sqlite3.Connection, symbol: int, entries: list[BlockEntry]) -> None:
        """Merge the newest blocks of one size class, while there are enough of them; then those of the next class."""
        while True:
            size = _size_class(entries[-1].count)
            start = len(entries)
            while start and _size_class(entries[start - 1].count) <= size:
                start -= 1
            several = entries[start:]
            if size >= SEALED or (len(several) < FANOUT and sum(e.count for e in several) < SEALED):
                break
            blocks = self._read_all(connection, several)
            if blocks is None:  # one of them is damaged: they stay as they are, so that nothing else is lost
                break
            self._delete(connection, several)
            entries[start:] = [self._insert(connection, symbol, Block.concat(blocks))]
        if len(entries) > 1 and _size_class(entries[-1].count) >= SEALED:
            del entries[:-1]

    def _revise(self, connection: sqlite3.Connection, symbol: int, block: Block) -> bool:
        """Put bars into the blocks they fall into, or the one before them; blocks are cut where they grew too long."""
        first, last = int(block.timestamp[0]), int(block.timestamp[-1])
        near = self.entries(connection, symbol, first, last + 1)
        before = connection.execute(
            "SELECT id, first, last, count FROM blocks WHERE symbol = ? AND last < ? ORDER BY last DESC LIMIT 1",
            (symbol, first),
        ).fetchone()
        if before is not None and not near:
            near = [BlockEntry(*before)]
        blocks = self._read_all(connection, near)
        if blocks is None:
            raise DecodeError(f"a correction falls into a damaged block: {'; '.join(self.damaged.values())}")
        before_it = Block.concat(blocks) if blocks else block[:0]
        made = put_in(before_it, block)
        if same(made, before_it):
            return False
        self._delete(connection, near)
        for part in _cut(made):
            self._insert(connection, symbol, part)
        del self._open[symbol]
        return True

    def _delete(self, connection: sqlite3.Connection, entries: list[BlockEntry]) -> None:
        connection.executemany("DELETE FROM blocks WHERE id = ?", [(entry.id,) for entry in entries])

    def _read_all(self, connection: sqlite3.Connection, entries: list[BlockEntry]) -> list[Block] | None:
        """Return all of these blocks, None when one of them is damaged."""
        found = [block for entry in entries if (block := self.read(connection, entry, keep=False)) is not None]
        return found if len(found) == len(entries) else None

    # -- reading -----------------------------------------------------------------------------------------------------

    def entries(self, connection: sqlite3.Connection, symbol: int, start: int, end: int) -> list[BlockEntry]:
        """Return the blocks that may hold bars with start <= timestamp < end, in the order of time."""
        rows = connection.execute(
            "SELECT id, first, last, count FROM blocks WHERE symbol = ? AND last >= ? AND first < ? ORDER BY last",
            (symbol, start, end),
        )
        return [BlockEntry(*row) for row in rows]

    def newest_entries(self, connection: sqlite3.Connection, symbol: int, start: int, end: int) -> Iterator[BlockEntry]:
        """Yield the same blocks as `entries`, the newest first."""
        rows = connection.execute(
            "SELECT id, first, last, count FROM blocks WHERE symbol = ? AND last >= ? AND first < ? ORDER BY last DESC",
            (symbol, start, end),
        )
        for row in rows:
            yield BlockEntry(*row)

    def read(self, connection: sqlite3.Connection, entry: BlockEntry, *, keep: bool = True) -> Block | None:
        """Return the block, None when it is damaged (see `damaged`). Large ones are kept: a block never changes."""
        kept = self._cache.get(entry.id)
        if kept is not None:
            return kept
        row = connection.execute("SELECT payload FROM blocks WHERE id = ?", (entry.id,)).fetchone()
        if row is None:
            return None  # merged by the writer since the entry was read; the caller reads in one transaction
        try:
            block = decode(row[0])
        except DecodeError as error:
            self.damaged[entry.id] = f"block {entry.id} ({entry.count} bars, {entry.first} to {entry.last}): {error}"
            return None
        if keep and len(block) >= _SMALLEST_CACHED:
            self._keep(entry.id, block)
        return block

    def _keep(self, number: int, block: Block) -> None:
        self._cache[number] = block
        self._cached += len(block)
        while self._cached > _CACHED_BARS and len(self._cache) > 1:
            try:
                _, dropped = self._cache.popitem(last=False)
            except KeyError:  # another thread emptied it
                break
            self._cached -= len(dropped)


def _cut(block: Block) -> list[Block]:
    """Cut a block into parts of about `SEALED` bars."""
    edges = np.linspace(0, len(block), max(1, round(len(block) / SEALED)) + 1).astype(np.int64).tolist()
    return [block[start:stop] for start, stop in itertools.pairwise(edges)]


def _size_class(count: int) -> int:
    """Return the largest power of `FANOUT` that is at most `count`; a block of half of `SEALED` counts as sealed."""
    if count >= SEALED // 2:
        return SEALED
    size = 1
    while size < SEALED and count >= size * FANOUT:
        size *= FANOUT
    return size
