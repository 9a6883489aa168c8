"""Read many blocks at once: those that are written alike are taken apart together, in a third of the time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_codec import OpenedBlock, block_in, open_block
from tapeline.backends.sqlite.block_columns import CONSTANT, FEW, PLAIN
from tapeline.backends.sqlite.block_totals import BlockEntry
from tapeline.core.market import OHLCV
from tapeline.core.rows import RANGE_CODES
from tapeline.errors import DecodeError


def decode_all(stored: Iterable[tuple[BlockEntry, bytes]]) -> list[Block | None]:
    """Return the block in each of these bytes; None for one that is damaged, or not the one that is meant."""
    found: list[Block | None] = []
    alike: dict[int, list[tuple[int, OpenedBlock]]] = {}
    entries = []
    for entry, payload in stored:
        entries.append(entry)
        found.append(None)
        with contextlib.suppress(DecodeError):
            opened = open_block(payload)
            if opened.length < FEW and not opened.corrected:
                alike.setdefault(id(opened.pieces), []).append((len(found) - 1, opened))
            else:
                found[-1] = block_in(opened)
    for group in alike.values():
        places, blocks = zip(*group, strict=True)
        for place, block in zip(places, _taken_apart(blocks), strict=True):
            found[place] = block
    return [
        block if block is not None and entry.holds(block.timestamp) else None
        for entry, block in zip(entries, found, strict=True)
    ]


def _taken_apart(blocks: Sequence[OpenedBlock]) -> list[Block]:
    """Return blocks of one length, each of whose columns is written as in the others: whole, or as one number."""
    number, length = len(blocks), blocks[0].length
    data = np.frombuffer(b"".join(block.raw for block in blocks), np.uint8).reshape(number, -1)
    columns: dict[str, Any] = {}
    values = np.empty((number, len(OHLCV), length))
    for start, dtype, count, members in blocks[0].pieces:
        shape = number, len(members), dtype.itemsize, count
        planes = data[:, start : start + len(members) * dtype.itemsize * count].reshape(shape)
        numbers = np.empty((number, len(members), count, dtype.itemsize), np.uint8)
        for byte in range(dtype.itemsize):
            numbers[..., byte] = planes[:, :, byte]
        several = numbers.view(dtype)[..., 0]
        for i, (name, place, code, own) in enumerate(members):
            if code not in (CONSTANT, PLAIN):
                return [block_in(block) for block in blocks]
            column = several[:, i].view(own)
            if place < 0:
                columns[name] = np.repeat(column, length, axis=1) if code == CONSTANT else column
            else:
                values[:, place] = column
    times = columns.pop("timestamp")
    if "range_model" in columns:
        columns["ranges"] = np.stack([columns.pop(name) for name in RANGE_CODES], axis=2)
    return [Block(times[i], values[i].T, {name: column[i] for name, column in columns.items()}) for i in range(number)]
