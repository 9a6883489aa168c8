"""Split a piece of CSV into lines, and find those its parser must not see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import numpy as np


@cache
def _whole_quotes(separator: bytes) -> re.Pattern[bytes]:
    """Match a line whose quotes are all closed at the end of a field. Any other would swallow the lines after it."""
    mark = re.escape(separator)
    field = rb'(?:"(?:[^"]|"")*+"|[^"' + mark + rb"]*+)"
    return re.compile(field + rb"(?:" + mark + field + rb")*+")


class Lines:
    """Index the lines of some bytes, from 0, without making an object of each."""

    def __init__(self, data: bytes, separator: str = ",") -> None:
        self._data = data
        self._quotes = _whole_quotes(separator.encode())
        self._boundary = np.frombuffer(separator.encode() + b"\r\n", np.uint8)
        self._bytes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(self._bytes == ord("\n"))
        self._ends = ends if data.endswith(b"\n") else np.append(ends, len(data))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> bytes:
        start = self._ends[index - 1] + 1 if index else 0
        return self._data[start : self._ends[index]].removesuffix(b"\r")

    def blank(self) -> list[int]:
        """Return the indexes of the lines without a character."""
        short = np.flatnonzero(np.diff(self._ends, prepend=-1) <= 2)
        return [index for index in short.tolist() if not self[index]]

    def broken(self) -> dict[int, str]:
        """Return the indexes of the lines the CSV parser must not see, and why; most blocks are clean."""
        if self._clean():
            return {}
        broken = {}
        for index in range(len(self)):
            line = self[index]
            if b"\r" in line:
                broken[index] = "a carriage return inside the line"
            elif b'"' in line and not self._quotes.fullmatch(line):
                broken[index] = "a quote that does not enclose a field"
            elif not line.isascii():
                try:
                    line.decode()
                except UnicodeDecodeError:
                    broken[index] = "not UTF-8 text; --encoding names another, such as cp1252"
        return broken

    def without(self, indexes: Iterable[int]) -> bytes:
        """Return the bytes with these lines made empty, so that the others keep their indexes."""
        lines = self._data.split(b"\n")
        for index in indexes:
            lines[index] = b""
        return b"\n".join(lines)

    def _clean(self) -> bool:
        data = self._data
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
            return False
        quotes = np.flatnonzero(self._bytes == ord('"'))
        if not len(quotes):
            return True
        if len(quotes) % 2:
            return False
        opening, closing = quotes[::2], quotes[1::2]
        before = self._bytes[opening - 1]
        after = self._bytes[np.minimum(closing + 1, len(data) - 1)]
        return bool(
            (np.isin(before, self._boundary) | (opening == 0)).all()
            and (np.isin(after, self._boundary) | (closing == len(data) - 1)).all()
            and (np.searchsorted(self._ends, opening) == np.searchsorted(self._ends, closing)).all()
        )
