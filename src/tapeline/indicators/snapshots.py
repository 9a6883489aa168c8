"""A symbol's state <-> bytes: magic `TI`, length of the layout id (u16), the id, the row (f64, little-endian)."""

from __future__ import annotations

import struct

import numpy as np

from tapeline.market import Floats

_HEADER = struct.Struct("<2sH")
_MAGIC = b"TI"


class SnapshotError(ValueError):
    """The bytes are not a snapshot, are damaged, or are of another layout than the engine's."""


def pack(layout: str, row: Floats) -> bytes:
    """The snapshot of a row."""
    name = layout.encode()
    return _HEADER.pack(_MAGIC, len(name)) + name + row.astype("<f8", copy=False).tobytes()


def unpack(layout: str, data: bytes, width: int) -> Floats:
    """The row in a snapshot, float64 [width]. Raises `SnapshotError`."""
    if len(data) < _HEADER.size or data[:2] != _MAGIC:
        raise SnapshotError("these bytes are not a snapshot of the indicator engine")
    start = _HEADER.size + _HEADER.unpack_from(data)[1]
    name = data[_HEADER.size : start].decode(errors="replace")
    if name != layout:
        raise SnapshotError(f"the snapshot has layout {name}, this engine {layout}: other indicators or version")
    if len(data) != start + 8 * width:
        raise SnapshotError(f"the snapshot has {len(data)} bytes, not {start + 8 * width}: it was cut short or damaged")
    return np.frombuffer(data, "<f8", width, start)
