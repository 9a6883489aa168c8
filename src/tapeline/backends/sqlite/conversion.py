"""Convert files of earlier versions: version 1 kept one SQL row a bar, version 2 blocks of columns without checksums.

All of a conversion is one transaction, in which the old tables are dropped too: whatever goes wrong before it is
committed, a full disk or a killed process, the file stays one of its version, whole. Bars, forecasts, rejects, the log
and all positions are kept; indicator values are not, because they are computed when they are looked at. Processor
states of version 1 do not fit: they are replaced by bytes that no processor accepts, so that the next run computes them
from the bars (`Pipeline`), and later ones go on from there.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_table import SEALED, BlockTable, PreparedBlock
from tapeline.backends.sqlite.block_totals import BlockEntry, BlockTotals, block_checksum
from tapeline.backends.sqlite.checked_rows import fill_checksums, put_rows
from tapeline.backends.sqlite.schema import create_tables
from tapeline.core.messages import NO_STATE
from tapeline.errors import StorageError

_VACUUM_ROOM = 3  # times what the file holds: SQLite writes a copy, and the copy into the write-ahead log

_NEWEST = """
INSERT INTO newest (symbol, timestamp, open, high, low, close, volume, final, prediction, probability, model)
SELECT symbols.id, rows.timestamp, open, high, low, price, volume, final, prediction,
    CASE prediction WHEN 0 THEN NULL ELSE probability END, coalesce(model, -1)
FROM symbols JOIN rows ON rows.rowid = (
    SELECT rowid FROM rows WHERE symbol = symbols.id ORDER BY timestamp DESC LIMIT 1
)
"""
#: A bar that was never said to be final, but has later ones, is final: that is what the processor makes of it.
_FINAL = """
SELECT timestamp, open, high, low, price, volume, prediction, probability, coalesce(model, -1)
FROM rows WHERE symbol = :symbol AND (final OR timestamp < (SELECT timestamp FROM newest WHERE symbol = :symbol))
ORDER BY timestamp
"""


def convert(connection: sqlite3.Connection, progress: Callable[[float], None]) -> None:
    """Convert all tables, inside the caller's transaction. `progress` is given what part is done, from 0 to 1."""
    (total,) = connection.execute("SELECT count(*) FROM rows").fetchone()
    connection.execute("DROP TABLE checkpoints")  # states, which do not fit either
    create_tables(connection)
    connection.execute(_NEWEST)
    blocks, done = BlockTable(), 0
    progress(0.0)
    for (symbol,) in connection.execute("SELECT symbol FROM newest ORDER BY symbol").fetchall():
        found = connection.execute(_FINAL, {"symbol": symbol})
        while rows := found.fetchmany(SEALED):
            blocks.put(connection, symbol, PreparedBlock(_block(rows)))
            done += len(rows)
            progress(done / total)
    (forming,) = connection.execute("SELECT count(*) FROM newest WHERE NOT final").fetchone()
    if done + forming != total:
        raise StorageError(
            f"{total - done - forming} bars are of no known symbol: the file is damaged, and is left as it was"
        )
    connection.execute("UPDATE states SET data = ?", (NO_STATE,))
    connection.execute("DROP TABLE rows")
    connection.execute("DROP TABLE layouts")
    fill_checksums(connection)
    progress(1.0)


def add_checksums(connection: sqlite3.Connection, progress: Callable[[float], None]) -> None:
    """Give everything in a file of version 2 a checksum, inside the caller's transaction."""
    create_tables(connection)
    progress(0.0)
    index: dict[int, list[BlockEntry]] = {}
    for symbol, *entry in connection.execute("SELECT symbol, id, first, last, count FROM blocks").fetchall():
        index.setdefault(symbol, []).append(BlockEntry(*entry))
    for done, (symbol, entries) in enumerate(index.items(), 1):
        for each in entries:
            (payload,) = connection.execute("SELECT payload FROM blocks WHERE id = ?", (each.id,)).fetchone()
            found = block_checksum(symbol, each.first, each.last, each.count, payload)
            connection.execute("UPDATE blocks SET crc = ? WHERE id = ?", (found, each.id))
        put_rows(connection, "block_totals", [(symbol, *BlockTotals.of(symbol, entries))])
        progress(done / len(index))
    fill_checksums(connection)
    progress(1.0)


def _block(rows: list[tuple[float, ...]]) -> Block:
    timestamp, *values, prediction, probability, model = zip(*rows, strict=True)
    said = np.array(prediction, np.int8)
    probable = np.where(said != 0, np.array(probability, np.float64), np.nan)
    beside = {"prediction": said, "probability": probable, "model": np.array(model, np.int32)}
    return Block(np.array(timestamp, np.int64), np.array(values, np.float64).T, beside)


def shrink(connection: sqlite3.Connection, path: Path) -> str:
    """Give the space of the old tables back to the disk, if there is room to do it. Return why not, '' when done."""
    pages, unused, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    room, needed = shutil.disk_usage(path.parent).free, _VACUUM_ROOM * (pages - unused) * size
    try:
        if room < needed:
            raise sqlite3.OperationalError(f"{room >> 20:,} MB are free, {needed >> 20:,} MB are needed")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        return (
            f"{path}: keeps its size, of which {unused * size >> 20:,} MB are free for new bars ({error}); to give "
            "them back to the disk, stop tapeline and run VACUUM on it with sqlite3"
        )
    return ""
