"""Read many series at once, for who wants all of them: a fifth of the time that one after the other takes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_index import BlockIndex, listed
from tapeline.backends.sqlite.block_totals import BlockEntry
from tapeline.backends.sqlite.short_blocks import decode_all
from tapeline.backends.sqlite.stored_rows import ModelNames, rows_of
from tapeline.core.rows import Rows


def joint_rows(
    reader: sqlite3.Connection, wanted: Mapping[int, tuple[str, int]], index: BlockIndex, models: ModelNames
) -> Rows:
    """Return final rows of several series, series after series, each in the order of time.

    `wanted` has, for the number of each series, its name and the time (UTC epoch ms) from which on its rows are
    wanted. A series that was ever revised, or of which anything is damaged, is left out: whoever reads it by itself
    learns which revisions there were, and what is damaged.
    """
    asked = index.whole(reader, wanted)
    revised = f"SELECT DISTINCT symbol FROM revisions WHERE symbol IN {listed(asked)}"  # noqa: S608 - numbers
    asked -= {symbol for (symbol,) in reader.execute(revised)}
    since = min((wanted[symbol][1] for symbol in asked), default=0)
    try:
        read = reader.execute(
            "SELECT symbol, id, first, last, count, CAST(payload AS BLOB) FROM blocks "  # noqa: S608 - numbers
            f"WHERE symbol IN {listed(asked)} AND last >= ? ORDER BY symbol, last", (since,)
        ).fetchall()  # fmt: skip
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        read = []  # which of them is damaged shows where each is read by itself
    blocks: dict[int, list[Block]] = {}
    damaged = set()
    stored = [(BlockEntry(*entry), payload or b"") for _, *entry, payload in read]
    for (symbol, *_), block in zip(read, decode_all(stored), strict=True):
        if block is None:
            damaged.add(symbol)
        else:
            blocks.setdefault(symbol, []).append(block)
    kept = [symbol for symbol in blocks if symbol not in damaged]
    counts = [sum(map(len, blocks[symbol])) for symbol in kept]
    code = np.repeat(np.arange(len(kept), dtype=np.int32), counts)
    names = tuple(wanted[symbol][0] for symbol in kept)
    whole = Block.concat([block for symbol in kept for block in blocks[symbol]])
    rows = rows_of(names, whole, np.ones(len(whole), np.bool_), models, (), code)
    starts = np.array([wanted[symbol][1] for symbol in kept], np.int64)
    wanted_ones = rows.bars.timestamp >= (starts[code] if kept else 0)
    return rows if wanted_ones.all() else rows[wanted_ones]
