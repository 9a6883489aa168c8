"""Tell which blocks a symbol has, and whether they are those that were written. No block is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from tapeline.backends.sqlite.block_totals import BlockEntry, BlockTotals
from tapeline.backends.sqlite.checked_rows import checked_rows, whole_row
from tapeline.backends.sqlite.damage_log import DamageLog

_EVER = -(1 << 63), (1 << 63) - 1


class BlockIndex:
    """Look blocks up, for any thread. `damage` is given a line about each symbol whose blocks are not all there."""

    def __init__(self, damage: DamageLog) -> None:
        self._damage = damage
        self._verified: dict[int, BlockTotals] = {}

    def entries(
        self, connection: sqlite3.Connection, symbol: int, start: int = _EVER[0], end: int = _EVER[1]
    ) -> list[BlockEntry]:
        """Return the blocks that may hold bars with start <= timestamp < end, in the order of time."""
        return list(self.newest_entries(connection, symbol, start, end))[::-1]

    def newest_entries(
        self, connection: sqlite3.Connection, symbol: int, start: int = _EVER[0], end: int = _EVER[1]
    ) -> Iterator[BlockEntry]:
        """Yield the same blocks as `entries`, the newest first."""
        rows = connection.execute(
            "SELECT id, first, last, count FROM blocks WHERE symbol = ? AND last >= ? AND first < ? ORDER BY last DESC",
            (symbol, start, end),
        )
        for row in rows:
            yield BlockEntry(*row)

    def check(self, connection: sqlite3.Connection, symbol: int) -> BlockTotals:
        """Report a symbol whose blocks are not those that were written, as far as the index of blocks tells.

        Return what its blocks come to, as the file says; counted where it does not say that.
        """
        stored, whole = whole_row(connection, "block_totals", "symbol", symbol)
        totals = BlockTotals(*stored[1:]) if stored and whole else BlockTotals()
        if whole and stored and self._verified.get(symbol) == totals:
            return totals
        found = BlockTotals.of(symbol, self.entries(connection, symbol))
        if whole and found == totals:
            self._verified[symbol] = totals
        else:
            said = f"{totals.bars:,} bars were stored, and {found.bars:,} are found" if whole else "how many is damaged"
            name = symbol_name(connection, symbol)
            self._damage.note(("block_totals", symbol), f"{name}: which bars it has is damaged in the file ({said})")
        return totals if stored and whole else found

    def whole(self, connection: sqlite3.Connection, symbols: Collection[int]) -> set[int]:
        """Return those of the symbols whose blocks are those that were written. Nothing is reported of the others."""
        stored = checked_rows(connection, "block_totals", f"WHERE symbol IN {listed(symbols)}")
        totals = {row[0]: BlockTotals(*row[1:]) for row, whole in stored if whole}
        found: dict[int, list[BlockEntry]] = {
            symbol: [] for symbol, own in totals.items() if self._verified.get(symbol) != own
        }
        query = f"SELECT symbol, id, first, last, count FROM blocks WHERE symbol IN {listed(found)}"  # noqa: S608
        for symbol, *entry in connection.execute(query):
            found[symbol].append(BlockEntry(*entry))
        for symbol, entries in found.items():
            if BlockTotals.of(symbol, entries) == totals[symbol]:
                self._verified[symbol] = totals[symbol]
        return {symbol for symbol, own in totals.items() if self._verified.get(symbol) == own}


def listed(numbers: Collection[int]) -> str:
    """Return numbers as a list in SQL, where their count would be too much for parameters."""
    return f"({', '.join(str(int(number)) for number in numbers)})"


def symbol_name(connection: sqlite3.Connection, number: int) -> str:
    """Return the name of a symbol for a line about it; one that is damaged too is called by its number."""
    found, whole = whole_row(connection, "symbols", "id", number)
    return str(found[1]) if found and whole else f"symbol number {number}"
