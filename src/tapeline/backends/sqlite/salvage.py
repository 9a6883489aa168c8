"""Write a damaged SQLite file anew from everything in it that still is what was written.

A new file is written beside the old one, and nothing of the old one is changed: its structure may be damaged anywhere,
and a repair in place would have to trust it. What is taken over has a checksum that fits.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_codec import decode
from tapeline.backends.sqlite.block_totals import BlockEntry, BlockTotals, block_checksum, insert_block
from tapeline.backends.sqlite.checked_rows import UNREADABLE, is_whole, put_rows, selected
from tapeline.backends.sqlite.commit_blocks import forecast_at
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import block_fault
from tapeline.core.codec import decode as decode_log
from tapeline.core.messages import NO_STATE
from tapeline.errors import DecodeError

_NAMES = {"symbols": "symbol", "models": "version"}
_AS_THEY_ARE = ("revisions", "checkpoints", "indicator_states", "rejects")
_MOST_IDS = 2_000_000


@dataclass(slots=True)
class Salvaged:
    """Say what a new file lacks: whose bars from when to when (UTC epoch ms, both included), and how many rows.

    `rows` counts the rows of each table that were not taken over. `again` says that sources have to begin again.
    """

    lost: list[tuple[str, int, int]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    again: bool = False


def salvage(old: sqlite3.Connection, path: Path) -> Salvaged:
    """Write what is whole in the database behind `old` into a new file at `path`, and say what is not.

    Raises `StorageError` when the new file cannot be written.
    """
    found = Salvaged()
    new = Database(path)
    with contextlib.closing(new):
        with new.transaction() as connection:
            names = {table: _names(old, table, found) for table in _NAMES}
            for table, known in names.items():
                put_rows(connection, table, list(known.items()))
            last = _put_blocks(old, connection, names["symbols"], found)
            for table in _AS_THEY_ARE:
                rows = _whole(old, table, found)
                if table == "indicator_states" and found.rows.get("revisions"):
                    rows = []  # made from bars that may have been revised since
                put_rows(connection, table, rows)
            _put_newest(old, connection, names["symbols"], last, found)
            states = {row[0]: row for row in _whole(old, "states", found)}
            for number, block in last.items():  # what is remembered of the others is computed from their bars
                states.setdefault(number, (number, int(block.timestamp[-1]), NO_STATE))
            put_rows(connection, "states", [row for number, row in states.items() if number in names["symbols"]])
            _put_log(old, connection, found)
        new.settle()
    return found


def _all(old: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    """Return what the query gives, read from both ends where the middle cannot be read."""
    rows: dict[tuple[Any, ...], None] = {}
    for direction in ("ASC", "DESC"):
        try:
            for row in old.execute(f"{query} {direction}"):
                rows[row] = None
        except UNREADABLE:
            continue
        break
    return list(rows)


def _key(table: str) -> str:
    return {"meta": "name", "sources": "name", "revisions": "symbol"}.get(table, "rowid")


def _whole(old: sqlite3.Connection, table: str, found: Salvaged) -> list[tuple[Any, ...]]:
    """Return the rows of a table that are what was written, in their order, and count the others."""
    query = f"SELECT {selected(table)} FROM {table} NOT INDEXED ORDER BY {_key(table)}"  # noqa: S608
    rows = _all(old, query)
    whole = [row[:-1] for row in rows if is_whole(table, row)]
    expected = len(rows)
    with contextlib.suppress(*UNREADABLE):
        expected = max(expected, old.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
    if expected > len(whole):
        found.rows[table] = expected - len(whole)
    return whole


def _names(old: sqlite3.Connection, table: str, found: Salvaged) -> dict[int, str]:
    """Return the names by number; one whose row is damaged is taken from the index, where its checksum fits there."""
    known = dict(_whole(old, table, found))
    column = _NAMES[table]
    index = f"SELECT id, {column} FROM {table} INDEXED BY sqlite_autoindex_{table}_1 ORDER BY {column}"  # noqa: S608
    for number, name in _all(old, index):
        if number in known or name in known.values():
            continue
        with contextlib.suppress(*UNREADABLE):
            row = old.execute(f"SELECT crc FROM {table} WHERE id = ?", (number,)).fetchone()  # noqa: S608
            if row and is_whole(table, (number, name, *row)):
                known[number] = name
    return known


# -- bars --------------------------------------------------------------------------------------------------------------


def _put_blocks(
    old: sqlite3.Connection, connection: sqlite3.Connection, symbols: dict[int, str], found: Salvaged
) -> dict[int, Block]:
    """Put the blocks that are whole, and return the last one of each symbol. What the others held is lost."""
    index = {row[1]: row for row in _all(old, "SELECT symbol, id, first, last, count FROM blocks ORDER BY last")}
    ids = set(index) | {number for (number,) in _all(old, "SELECT id FROM blocks NOT INDEXED ORDER BY id")}
    if _damaged_index(old, index):
        with contextlib.suppress(*UNREADABLE):
            (last,) = old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'blocks'").fetchone()
            ids |= set(range(max(1, int(last) - _MOST_IDS), int(last) + 1))
    kept: dict[int, dict[int, tuple[int, int, int, int, bytes]]] = {}
    for number in sorted(ids):
        row = _block(old, number)
        if row is not None and row[0] in symbols:
            kept.setdefault(row[0], {})[row[1]] = row
        elif number in index and index[number][0] in symbols:
            found.lost.append((symbols[index[number][0]], index[number][2], index[number][3]))
    newest: dict[int, Block] = {}
    for symbol, blocks in sorted(kept.items()):
        entries = [insert_block(connection, *blocks[first]) for first in sorted(blocks)]
        put_rows(connection, "block_totals", [(symbol, *BlockTotals.of(symbol, entries))])
        newest[symbol] = decode(blocks[max(blocks)][-1])
    found.again |= bool(found.lost)
    return newest


def _damaged_index(old: sqlite3.Connection, index: dict[int, tuple[Any, ...]]) -> bool:
    """Return whether blocks may be there that the index does not know."""
    entries: dict[int, list[BlockEntry]] = {}
    for symbol, *entry in index.values():
        entries.setdefault(symbol, []).append(BlockEntry(*entry))
    totals = _whole(old, "block_totals", Salvaged())
    return {row[0]: BlockTotals(*row[1:]) for row in totals} != {
        symbol: BlockTotals.of(symbol, several) for symbol, several in entries.items()
    }


def _block(old: sqlite3.Connection, number: int) -> tuple[int, int, int, int, bytes] | None:
    """Return a block as `insert_block` takes it, None for one that is not what was written."""
    query = "SELECT symbol, first, last, count, crc, CAST(payload AS BLOB) FROM blocks WHERE id = ?"
    try:
        row = old.execute(query, (number,)).fetchone()
        if row is None:
            return None
        symbol, first, last, count, crc, payload = row
        if block_checksum(symbol, first, last, count, payload) != crc or block_fault(decode(payload)):
            return None
    except (*UNREADABLE, DecodeError, TypeError, ValueError, OverflowError, struct.error):
        return None
    return symbol, first, last, count, payload


# -- newest rows and the log -------------------------------------------------------------------------------------------


def _put_newest(
    old: sqlite3.Connection, connection: sqlite3.Connection, symbols: dict[int, str], last: dict[int, Block],
    found: Salvaged,
) -> None:  # fmt: skip
    """Put the newest rows; one that is damaged is the last final bar."""
    rows = {row[0]: row for row in _whole(old, "newest", found) if row[0] in symbols}
    for number, block in last.items():
        if number not in rows:
            values, model = block.values[-1].tolist(), int(block.column("model")[-1])
            rows[number] = (number, int(block.timestamp[-1]), *values, 1, model, *forecast_at(block, -1))
            found.again = True
    put_rows(connection, "newest", list(rows.values()))


def _put_log(old: sqlite3.Connection, connection: sqlite3.Connection, found: Salvaged) -> None:
    """Put the log, its positions counted anew without a gap; where something was lost, it is to be read again."""
    meta = dict(_whole(old, "meta", found))
    entries = sorted(_sound(_whole(old, "log", found)))
    position, known = meta.get("position", 0), "position" in meta or not entries
    end = start = entries[0][0] if entries else 0  # a log without an entry begins at 0
    reached = start
    put: list[tuple[int, int, bytes]] = []
    for first, count, payload in entries:
        put.append((end, count, payload))
        if first + count <= position:
            reached = end + count
        elif first < position:
            reached = end + position - first
        end += count
    put_rows(connection, "log", put)
    found.again |= bool(found.rows.get("log")) or not known
    put_rows(connection, "meta", [("position", start if found.again else reached)])
    sources = _whole(old, "sources", found)
    if not found.again:
        put_rows(connection, "sources", sources)


def _sound(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, int, bytes]]:
    for first, count, payload in rows:
        with contextlib.suppress(DecodeError):
            if len(decode_log(payload)) == count:
                yield first, count, payload
