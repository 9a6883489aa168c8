"""Bound what comes in from outside before anything else looks at it: its size, its depth, what reading it may raise.

Whoever sends an answer, a file or a message may be mistaken or hostile. Three things are then dangerous: more bytes
than memory (also a few that unpack to many), values nested deeper than a stack, and an error that nobody expects. So
every door reads at most a known number of bytes, JSON is parsed here and nowhere else, and whatever is wrong with it
is a `DecodeError`. `docs/guarantees.md` lists the doors with their bounds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from tapeline.errors import DecodeError, OversizedError

#: How many bytes and rows of a Parquet file may come of each stored byte, beyond what does no harm.
_MOST_UNPACKED = 1000
_MOST_ROWS = 100
_HARMLESS_BYTES = 64 << 20
_HARMLESS_ROWS = 1 << 20

#: Makes digits and minus signs a 1, leaves points, and makes all else a blank; and what a whole number of more than 64
#: bits has in it then.
_SHAPE = bytes(0x31 if code in b"-0123456789" else code if code == 0x2E else 0x20 for code in range(256))
_LONG = b"1" * 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """Say what one kind of foreign bytes may have at most.

    `size` is in bytes, after unpacking. JSON may be nested `depth` deep and have `parts` arrays and objects and
    `values` commas: an array of two bytes takes 56 in memory, so a limit of bytes alone would not limit memory.
    """

    size: int
    depth: int = 16
    parts: int = 50_000
    values: int = 500_000

    def check_size(self, size: int) -> None:
        """Raise `OversizedError` when there are more bytes than that."""
        if size > self.size:
            raise OversizedError(f"it is longer than {self.size:,} bytes")


class Intake:
    """Gather chunks of foreign bytes up to `bounds.size`. `full` says that there were more, which are not kept."""

    def __init__(self, bounds: Bounds) -> None:
        self.full = False
        self._bounds = bounds
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> bool:
        """Keep a chunk. Return whether more may come; the sender is to be cut off when it may not."""
        self._size += len(chunk)
        self.full = self._size > self._bounds.size
        if self.full:
            self._chunks.clear()
        else:
            self._chunks.append(chunk)
        return not self.full

    def content(self) -> bytes:
        """Return what came. Raises `OversizedError` when it was too much."""
        self._bounds.check_size(self._size)
        return b"".join(self._chunks)


def load_json(content: bytes | str, bounds: Bounds) -> Any:
    """Return the JSON value in these bytes.

    Raises `OversizedError` for one out of bounds, and `DecodeError` for what is no JSON: NaN, numbers beyond a double
    and halves of surrogate pairs are none. A whole number of more than 64 bits becomes a float. Brackets and commas
    inside texts count too. Nothing else is raised, and the memory it takes is a small multiple of `bounds.size`.
    """
    bounds.check_size(len(content))  # of a text its characters, which are never more than its bytes
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    bounds.check_size(len(data))
    opened = data.count(b"[") + data.count(b"{")
    closed = data.count(b"]") + data.count(b"}")
    if max(opened, closed) > bounds.parts:
        raise OversizedError(f"it has more than {bounds.parts:,} arrays and objects")
    if data.count(b",") > bounds.values:
        raise OversizedError(f"it has more than {bounds.values:,} values")
    if opened > bounds.depth and _depth(data) > bounds.depth:
        raise OversizedError(f"it is nested deeper than {bounds.depth}")
    try:
        if not _has_long_number(data):
            return msgspec.json.decode(data)
        msgspec.json.decode(data)  # which is stricter, and not kept: both values at once would take twice the memory
        return json.loads(data, parse_int=_number)
    except UnicodeDecodeError as error:
        raise DecodeError(f"it is not JSON: a text in it is not UTF-8 ({error.reason})") from None
    except msgspec.DecodeError as error:
        raise DecodeError(f"it is not JSON: {str(error).removeprefix('JSON is malformed: ')[:80]}") from None
    except OverflowError:
        raise DecodeError("it is not JSON: a number in it is beyond a double") from None


def _has_long_number(data: bytes) -> bool:
    """Return whether there may be a whole number of more than 64 bits; digits after a point are none."""
    shape = data.translate(_SHAPE)
    at = shape.find(_LONG)
    while at > 0 and shape[at - 1] == 0x2E:
        at = shape.find(_LONG, at + len(_LONG))
    return at >= 0


def _number(written: str) -> float:
    """Return a whole number, as a float where it has more than 64 bits. Raises `OverflowError` beyond a double."""
    number = int(written)
    return number if -(1 << 63) <= number < 1 << 64 else float(number)


def _depth(data: bytes) -> int:
    """Return how deep brackets are nested; those inside texts count."""
    import numpy as np  # so that commands that only read settings and users start without it

    codes = np.frombuffer(data, np.uint8) & 0xDF  # which makes `[` of `{` and `]` of `}`
    brackets = codes[(codes == 0x5B) | (codes == 0x5D)]
    return int(np.cumsum(np.where(brackets == 0x5B, 1, -1)).max(initial=0))


def parquet_fault(metadata: Any, size: int) -> str:
    """Return what is absurd about what a Parquet file of `size` bytes says of itself, '' where nothing is.

    `metadata` is Arrow's `FileMetaData`. Honest files have at least a 40th of a byte for a row. Nothing is asked of the
    columns: about those of a damaged file, Arrow ends the process instead of raising.
    """
    if metadata.num_rows < 0:
        return f"claims {metadata.num_rows:,} rows"
    if metadata.num_rows > _HARMLESS_ROWS + _MOST_ROWS * size:
        return f"claims {metadata.num_rows:,} rows in {size:,} bytes"
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if unpacked > _HARMLESS_BYTES + _MOST_UNPACKED * size:
        return f"unpacks from {size:,} bytes to {unpacked:,}"
    return ""
