"""Tell what the index of blocks says about each series, without reading a block."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from tapeline.backends.sqlite.checked_rows import checked_rows
from tapeline.backends.sqlite.damage_log import DamageLog


def series_stamps(reader: sqlite3.Connection, names: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    """Return for every series with final bars how many, and numbers that change whenever one is written.

    These are those of `block_totals`, whose digest is the sum of all blocks' checksums. `names` are by number.
    """
    found = reader.execute("SELECT symbol, bars, blocks, digest FROM block_totals WHERE bars")
    return {names[number]: tuple(stamp) for number, *stamp in found if number in names}


def series_extents(
    reader: sqlite3.Connection, names: Mapping[int, str], newest: Mapping[str, int], damage: DamageLog
) -> dict[str, tuple[int, int, int]]:
    """Return, for every series, the open times of its first and its newest bar, and how many are final, sorted.

    `newest` are the newest open times (UTC epoch ms) by name.
    """
    found = {symbol: (time, time, 0) for symbol, time in newest.items()}
    for row, whole in checked_rows(reader, "block_totals"):
        name = names.get(row[0], f"symbol number {row[0]}")
        if not whole:
            damage.note(("block_totals", row[0]), f"{name}: how many bars it has is damaged in the file")
        elif name in found and row[1]:
            found[name] = (row[3], newest[name], row[2])
    return dict(sorted(found.items()))
