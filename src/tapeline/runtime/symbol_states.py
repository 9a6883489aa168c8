"""Write what a processor remembers of a symbol as bytes, and read it back."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from tapeline.core.market import Floats
from tapeline.errors import DecodeError

_BARS = struct.Struct("<BQq5dq5d")  # version, committed bars, last bar, forming bar
_VERSION = 1
_RANGE_VERSION = 2  # the same, then the size of the range forecast's state, and that state before the engine's
_SIZE = struct.Struct("<I")


class Remembered(NamedTuple):
    """Hold how many bars were committed, the last and the forming one, and the states of range forecast and engine.

    A bar is its open time and its five values. `ranges` is empty where the range forecast knows nothing of the symbol,
    None where the bytes were written without a range model.
    """

    committed: int
    last_time: int
    last: Sequence[float] | Floats
    forming_time: int
    forming: Sequence[float] | Floats
    ranges: bytes | None
    engine: bytes


def packed(state: Remembered) -> bytes:
    """Return it as bytes, whose first one is the version."""
    version = _RANGE_VERSION if state.ranges else _VERSION
    bars = _BARS.pack(version, state.committed, state.last_time, *state.last, state.forming_time, *state.forming)
    ranges = _SIZE.pack(len(state.ranges)) + state.ranges if state.ranges else b""
    return bars + ranges + state.engine


def unpacked(symbol: str, data: bytes) -> Remembered:
    """Return what these bytes say of the symbol. Raises `DecodeError` where they are of no known version, or cut."""
    version = data[0] if data else -1
    if version not in (_VERSION, _RANGE_VERSION):
        raise DecodeError(f"the stored state of {symbol} has version {version}, not {_RANGE_VERSION}")
    if len(data) < _BARS.size + (_SIZE.size if version == _RANGE_VERSION else 0):
        raise DecodeError(f"the stored state of {symbol} was cut short")
    _, count, last, *rest = _BARS.unpack_from(data)
    ranges, engine = None, data[_BARS.size :]
    if version == _RANGE_VERSION:
        (size,) = _SIZE.unpack_from(engine)
        ranges, engine = engine[_SIZE.size : _SIZE.size + size], engine[_SIZE.size + size :]
    return Remembered(count, last, rest[:5], rest[5], rest[6:], ranges, engine)
