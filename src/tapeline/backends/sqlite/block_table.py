"""Keep the blocks of every symbol: where new bars go, when small blocks are merged, and which blocks hold a time.

The blocks of a symbol never overlap, so a reader neither merges nor decides which of two values counts. New bars are
appended as a block of their own. Neighbouring blocks at a symbol's end are merged when they make a block of a higher
size class (16, 256, 4,096 bars), until a block is large enough and stays as it is: each bar is rewritten at most three
times, whatever the sizes of the commits. A correction rewrites the blocks that its bars fall into. What large commits
brought is kept in memory until it is merged: to read it back would take as long as to write it.

A block that cannot be read costs its own bars only. It stays in the file, where a copy may still be repaired; it is
passed over by readers, never merged, and bars that belong into it are put beside it. A block that damage made vanish is
noticed too: `block_totals` has, for every symbol, how many blocks and bars there are, and the sum of their checksums.
"""

from __future__ import annotations

import itertools
import sqlite3
from datetime import UTC, datetime

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block, put_in, same
from tapeline.backends.sqlite.block_cache import BlockCache
from tapeline.backends.sqlite.block_codec import decode, encode
from tapeline.backends.sqlite.block_index import BlockIndex, symbol_name
from tapeline.backends.sqlite.block_totals import BlockEntry, BlockTotals, insert_block
from tapeline.backends.sqlite.checked_rows import put_rows
from tapeline.backends.sqlite.damage_log import DamageLog
from tapeline.errors import DecodeError

FANOUT = 16
SEALED = FANOUT**3

_CACHED_BARS = 400_000  # decoded and kept for the next reader, at most
_UNMERGED_BARS = 400_000  # of large commits, kept to be merged with what the next ones bring
_LARGE_COMMIT = FANOUT**2  # bars of one symbol: a live feed never brings as many at once


class PreparedBlock:
    """Cut and encode final bars of one symbol, so that none of that is done while the file is locked."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.parts = [(part, encode(part)) for part in _cut(block)]


class BlockTable:
    """Write and read the `blocks` table: write for the one thread that holds the transaction, read for any.

    `damage` is given a line about each block that cannot be read.
    """

    def __init__(self, damage: DamageLog | None = None) -> None:
        self._damage = DamageLog() if damage is None else damage
        self.index = BlockIndex(self._damage)
        self._open: dict[int, list[BlockEntry]] = {}  # blocks at a symbol's end that are not sealed, in order
        self._totals: dict[int, BlockTotals] = {}
        self._cache = BlockCache(_CACHED_BARS)
        self._unmerged = BlockCache(_UNMERGED_BARS)

    # -- writing -----------------------------------------------------------------------------------------------------

    def put(self, connection: sqlite3.Connection, symbol: int, prepared: PreparedBlock) -> bool:
        """Store the bars of a block, in the order of time. Return whether a bar that was stored before changed."""
        entries = self._tail(connection, symbol)
        changed = False
        if entries and int(prepared.block.timestamp[0]) <= entries[-1].last:
            changed = self._revise(connection, symbol, prepared.block)
        else:
            for part, payload in prepared.parts:
                entries.append(self._insert(connection, symbol, part, payload))
                if len(part) >= _LARGE_COMMIT and _size_class(len(part)) < SEALED:
                    self._unmerged.keep(entries[-1].id, part.copy())
                self._merge(connection, entries, symbol)
        put_rows(connection, "block_totals", [(symbol, *self._totals[symbol])])
        return changed

    def forget(self) -> None:
        """Forget what was written in a transaction that was rolled back."""
        self._open.clear()
        self._totals.clear()
        self._unmerged.clear()

    def _tail(self, connection: sqlite3.Connection, symbol: int) -> list[BlockEntry]:
        """Return the blocks at the symbol's end that may still be merged, after the last sealed one (included)."""
        if symbol not in self._totals:
            self._totals[symbol] = self.index.check(connection, symbol)
        if symbol not in self._open:
            found = self._open[symbol] = []
            for entry in self.index.newest_entries(connection, symbol):
                found.insert(0, entry)
                if _size_class(entry.count) >= SEALED:
                    break
        return self._open[symbol]

    def _insert(
        self, connection: sqlite3.Connection, symbol: int, block: Block, payload: bytes | None = None
    ) -> BlockEntry:
        first, last, count = int(block.timestamp[0]), int(block.timestamp[-1]), len(block)
        entry = insert_block(connection, symbol, first, last, count, payload or encode(block))
        self._totals[symbol] = self._totals[symbol].with_entry(symbol, entry)
        return entry

    def _merge(self, connection: sqlite3.Connection, entries: list[BlockEntry], symbol: int) -> None:
        """Merge the newest blocks while that makes a block of a higher size class."""
        while _size_class(entries[-1].count) < SEALED:
            size = _size_class(entries[-1].count)
            start = len(entries)
            while start and _size_class(entries[start - 1].count) <= size:
                start -= 1
            several = entries[start:]
            bars = sum(entry.count for entry in several)
            if bars < SEALED and (len(several) < FANOUT or _size_class(bars) == size):
                return
            blocks = [self._unmerged.get(entry.id) or self.read(connection, entry, keep=False) for entry in several]
            readable = [block for block in blocks if block is not None]
            if len(readable) < len(blocks):
                del entries[: start + len(blocks) - blocks[::-1].index(None)]  # what is after it goes on by itself
                continue
            self._delete(connection, symbol, several)
            entries[start:] = [self._insert(connection, symbol, Block.concat(readable))]
        del entries[:-1]

    def _revise(self, connection: sqlite3.Connection, symbol: int, block: Block) -> bool:
        """Put bars into the blocks they fall into, or the ones before; blocks are cut where they grew too long."""
        first, last = int(block.timestamp[0]), int(block.timestamp[-1])
        near: list[BlockEntry] = []
        for entry in self.index.newest_entries(connection, symbol, end=last + 1):
            near.insert(0, entry)
            if entry.last < first:
                break
        found = [(entry, own) for entry in near if (own := self.read(connection, entry, keep=False)) is not None]
        starts = np.array([entry.first for entry, _ in found], np.int64)
        target = np.maximum(np.searchsorted(starts, block.timestamp, "right") - 1, 0)
        edges = np.flatnonzero(np.diff(target, prepend=-1, append=-1)).tolist()
        changed = False
        for start, stop in itertools.pairwise(edges):
            bars = block[start:stop]
            parts = [bars]
            if found:
                entry, own = found[target[start]]
                made = put_in(own, bars)
                if same(made, own):
                    continue
                self._delete(connection, symbol, [entry])
                parts = _cut(made)
            for part in parts:
                self._insert(connection, symbol, part)
            changed = True
        del self._open[symbol]
        return changed

    def _delete(self, connection: sqlite3.Connection, symbol: int, entries: list[BlockEntry]) -> None:
        connection.executemany("DELETE FROM blocks WHERE id = ?", [(entry.id,) for entry in entries])
        for entry in entries:
            self._totals[symbol] = self._totals[symbol].with_entry(symbol, entry, -1)
            self._unmerged.drop(entry.id)

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(
        self, connection: sqlite3.Connection, entry: BlockEntry, *, keep: bool = True, bars_only: bool = False
    ) -> Block | None:
        """Return the block, None when it is damaged (see `damaged`). It is kept: a block never changes.

        With `bars_only` it may lack what it has beside its bars, and is not kept: who asks so reads a whole series.
        """
        kept = self._cache.get(entry.id)
        if kept is not None:
            return kept
        try:
            block = decode(_payload(connection, entry), bars_only=bars_only)
            if not entry.holds(block.timestamp):
                raise DecodeError("it holds other bars than the file says")
        except DecodeError as error:
            self._report(connection, entry, error)
            return None
        if keep and not bars_only:
            self._cache.keep(entry.id, block)
        return block

    def _report(self, connection: sqlite3.Connection, entry: BlockEntry, error: DecodeError) -> None:
        row = connection.execute("SELECT symbol FROM blocks WHERE id = ?", (entry.id,)).fetchone()
        name = symbol_name(connection, row[0]) if row else "a symbol that is not known any more"
        self._damage.note(
            ("blocks", entry.id),
            f"{name}: {entry.count:,} bars from {_utc(entry.first)} to {_utc(entry.last)} UTC cannot be read "
            f"(block {entry.id}: {error}); they are passed over",
        )


def _payload(connection: sqlite3.Connection, entry: BlockEntry) -> bytes:
    """Return the bytes of a block. Raises `DecodeError` when damage to the file made them something else."""
    try:
        row = connection.execute("SELECT CAST(payload AS BLOB) FROM blocks WHERE id = ?", (entry.id,)).fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        raise DecodeError(str(error)) from error
    if row is None:
        raise DecodeError("it is missing")
    return row[0] or b""


def _utc(time: int) -> str:
    try:
        return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return f"{time} ms"  # the file's index is damaged too


def _cut(block: Block) -> list[Block]:
    """Cut a block into parts of about `SEALED` bars."""
    parts = round(len(block) / SEALED)
    if parts <= 1:
        return [block]
    edges = np.linspace(0, len(block), parts + 1).astype(np.int64).tolist()
    return [block[start:stop] for start, stop in itertools.pairwise(edges)]


def _size_class(count: int) -> int:
    """Return the largest power of `FANOUT` that is at most `count`; a block of half of `SEALED` counts as sealed."""
    if count >= SEALED // 2:
        return SEALED
    size = 1
    while size < SEALED and count >= size * FANOUT:
        size *= FANOUT
    return size
