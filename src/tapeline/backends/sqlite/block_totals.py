"""Say what blocks a symbol has, so that one that damage made vanish is missed.

`block_totals` in the file holds how many blocks and bars there are, where they begin, and the sum of their checksums.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tapeline.core.market import Ints


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """Say where a block is and which bars it holds: `first` and `last` are the open times of its first and last bar."""

    id: int
    first: int
    last: int
    count: int

    def holds(self, times: Ints) -> bool:
        """Return whether a block with bars of these times is the one that is meant."""
        return (len(times), *times[:1].tolist(), *times[-1:].tolist()) == (self.count, self.first, self.last)


class BlockTotals(NamedTuple):
    """Say what blocks a symbol has: how many, of how many bars, where they begin, and the sum of their checksums."""

    blocks: int = 0
    bars: int = 0
    first: int = 0
    digest: int = 0

    @classmethod
    def of(cls, symbol: int, entries: Iterable[BlockEntry]) -> BlockTotals:
        """Return the totals of a symbol's blocks, which may be in any order."""
        found = list(entries)
        digest = sum(_entry_checksum(symbol, entry) for entry in found)
        return cls(
            len(found), sum(entry.count for entry in found), min((entry.first for entry in found), default=0), digest
        )

    def with_entry(self, symbol: int, entry: BlockEntry, sign: int = 1) -> BlockTotals:
        """Return the totals with a block more, or, where `sign` is -1, without one that others replace."""
        first = min(self.first, entry.first) if self.blocks else entry.first  # what replaces a block begins no later
        digest = self.digest + sign * _entry_checksum(symbol, entry)
        return BlockTotals(self.blocks + sign, self.bars + sign * entry.count, first, digest)


_ENTRY = struct.Struct("<5q")


def _entry_checksum(symbol: int, entry: BlockEntry) -> int:
    return zlib.crc32(_ENTRY.pack(symbol, entry.id, entry.first, entry.last, entry.count))


def block_checksum(symbol: int, first: int, last: int, count: int, payload: bytes) -> int:
    """Return the checksum that says whose block this is; the block's own, its last bytes, stands for its content."""
    return zlib.crc32(payload[-4:], zlib.crc32(_ENTRY.pack(symbol, 0, first, last, count)))


def insert_block(
    connection: sqlite3.Connection, symbol: int, first: int, last: int, count: int, payload: bytes
) -> BlockEntry:
    """Write a block into the file, inside the caller's transaction, which writes the symbol's totals afterwards."""
    cursor = connection.execute(
        "INSERT INTO blocks (symbol, first, last, count, crc, payload) VALUES (?, ?, ?, ?, ?, ?)",
        (symbol, first, last, count, block_checksum(symbol, first, last, count, payload), payload),
    )
    return BlockEntry(int(cursor.lastrowid or 0), first, last, count)
