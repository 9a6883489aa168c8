"""Turn a symbol's state into bytes and back.

Layout, little-endian: magic `TI`, length of the layout id (u16), CRC-32 of all after it (u32), the id, the row (f64).
The checksum is there because kernels trust the row: a flipped bit in a count would have them read past its end. It
holds off accidents only, so the count of bars, the row's first number, is checked as well, and kernels check what they
use to find their way in a column.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from tapeline.core.market import Floats
from tapeline.errors import DecodeError

_HEADER = struct.Struct("<2sHI")
_MAGIC = b"TI"
_MOST_BARS = 2.0**53  # beyond it not every count is a float64


def pack(layout: str, row: Floats) -> bytes:
    """Return the snapshot of a row."""
    name = layout.encode()
    content = name + row.astype("<f8", copy=False).tobytes()
    return _HEADER.pack(_MAGIC, len(name), zlib.crc32(content)) + content


def unpack(layout: str, data: bytes, width: int) -> Floats:
    """Return the row in a snapshot, float64 [width]. Raises `DecodeError` when damaged or of another layout."""
    if len(data) < _HEADER.size or data[:2] != _MAGIC:
        raise DecodeError("these bytes are not a snapshot of the indicator engine")
    _, size, checksum = _HEADER.unpack_from(data)
    start = _HEADER.size + size
    if zlib.crc32(data[_HEADER.size :]) != checksum:
        raise DecodeError("the snapshot was cut short or damaged: its checksum differs")
    name = data[_HEADER.size : start].decode(errors="replace")
    if name != layout or len(data) != start + 8 * width:
        raise DecodeError(f"the snapshot has layout {name}, this engine {layout}: other indicators or version")
    row = np.frombuffer(data, "<f8", width, start)
    if not 0 <= row[0] < _MOST_BARS or row[0] % 1:
        raise DecodeError(f"the snapshot says that {row[0]} bars were seen: it was damaged, or forged")
    return row
