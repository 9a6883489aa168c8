"""Remember which bars of a symbol changed, and since when, for whoever computed something from them."""

from __future__ import annotations

import sqlite3

from tapeline.backends.sqlite.block_index import symbol_name
from tapeline.backends.sqlite.checked_rows import checked_rows, put_rows
from tapeline.backends.sqlite.damage_log import DamageLog
from tapeline.core.market import Revisions

_KEPT = 64  # a symbol; whoever looks less often computes its indicators anew


def add_revision(connection: sqlite3.Connection, symbol: int, since: int) -> None:
    """Note that bars from `since` on changed, and drop the indicator states that were made from them."""
    (number,) = connection.execute(
        "SELECT coalesce(max(number), 0) + 1 FROM revisions WHERE symbol = ?", (symbol,)
    ).fetchone()
    put_rows(connection, "revisions", [(symbol, number, since)])
    connection.execute("DELETE FROM revisions WHERE symbol = ? AND number <= ?", (symbol, number - _KEPT))
    connection.execute("DELETE FROM indicator_states WHERE symbol = ? AND timestamp >= ?", (symbol, since))


def revisions_of(connection: sqlite3.Connection, symbol: int, damage: DamageLog) -> Revisions:
    """Return the revisions of a symbol by its number, the oldest first; `damage` learns of a damaged one."""
    found = []
    for row, whole in checked_rows(connection, "revisions", "WHERE symbol = ? ORDER BY number", (symbol,)):
        if not whole:
            damage.note(("revisions", symbol), f"{symbol_name(connection, symbol)}: when it was revised is damaged")
        found.append((row[1], row[2]))
    return tuple(found)
