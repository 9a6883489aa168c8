"""Tell whether a stored row still says what was written: a checksum of its values, kept beside them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable


def checksum_of(values: Iterable[object]) -> int:
    """Return the CRC-32 of a row's values, in their order: numbers, texts, bytes, None.

    What a database may turn into the other (5 and 5.0, True and 1, -0.0 and 0.0) has the same checksum. Every other
    change of up to three bits, and all but one in four billion of the others, gives another one.
    """
    plain: list[object] = []
    blobs: list[bytes] = []
    for value in values:
        kind = type(value)
        if kind is int or kind is str:  # most are, and thousands of rows are read at once
            plain.append(value)
        elif isinstance(value, float):
            plain.append(int(value) if value.is_integer() else value)
        elif isinstance(value, bytes):
            plain.append(len(value))
            blobs.append(value)
        else:
            plain.append(int(value) if isinstance(value, bool) else value)
    found = zlib.crc32(repr(plain).encode("utf-8", "surrogatepass"))
    for blob in blobs:
        found = zlib.crc32(blob, found)
    return found
