"""Write bars as bytes with a version, and read them back.

The stream stores these; a reader refuses a version that it does not know.

Layout of version 1, little-endian: magic `TB`, version (u8), flags (u8, 0), bar count (u32), symbol table length in
bytes (u32), the table (UTF-8, newline-separated), then each column whole: code i32, timestamp i64, open high low close
volume f64, final u8.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from tapeline.core.market import Bars
from tapeline.errors import DecodeError

_HEADER = struct.Struct("<2sBBII")
_MAGIC = b"TB"
_VERSION = 1
_COLUMNS = (
    ("code", np.dtype("<i4")),
    ("timestamp", np.dtype("<i8")),
    ("open", np.dtype("<f8")),
    ("high", np.dtype("<f8")),
    ("low", np.dtype("<f8")),
    ("close", np.dtype("<f8")),
    ("volume", np.dtype("<f8")),
    ("final", np.dtype("?")),
)


def encode(bars: Bars) -> bytes:
    """Return the bars as bytes, symbol table included."""
    table = "\n".join(bars.symbols).encode()
    columns = [np.ascontiguousarray(getattr(bars, name), dtype).tobytes() for name, dtype in _COLUMNS]
    return b"".join([_HEADER.pack(_MAGIC, _VERSION, 0, len(bars), len(table)), table, *columns])


def decode(data: bytes) -> Bars:
    """Return the bars in these bytes.

    Raises `DecodeError` when they are cut short, not bars, or of an unknown version.
    """
    if len(data) < _HEADER.size or data[:2] != _MAGIC:
        raise DecodeError("these bytes are not a record of bars")
    _, version, _, count, table_size = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise DecodeError(f"a record of version {version}; this program reads version {_VERSION}: upgrade tapeline")
    offset = _HEADER.size + table_size
    if len(data) != offset + count * sum(dtype.itemsize for _, dtype in _COLUMNS):
        raise DecodeError(f"a record of {count} bars has {len(data)} bytes: it was cut short or damaged")
    try:
        table = data[_HEADER.size : offset].decode()
    except UnicodeDecodeError as error:
        raise DecodeError("the symbols in this record are not text: it was damaged") from error
    symbols = tuple(table.split("\n")) if table else ()
    if len(set(symbols)) < len(symbols):
        raise DecodeError("a symbol stands twice in the table of this record: it was damaged")
    columns: list[Any] = []
    for _, dtype in _COLUMNS:
        columns.append(np.frombuffer(data, dtype, count, offset))
        offset += count * dtype.itemsize
    bars = Bars(symbols, *columns)
    if count and not 0 <= bars.code.min() <= bars.code.max() < len(symbols):
        raise DecodeError(f"a record of {len(symbols)} symbols has bars of others: it was damaged")
    if count and bars.final.view(np.uint8).max() > 1:  # NumPy would count such a flag more than once
        raise DecodeError("a flag in this record is neither 0 nor 1: it was damaged")
    return bars
