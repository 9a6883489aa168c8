"""The lines of a piece of CSV, and which of them its parser must not see."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

#: A line whose quotes are all closed at the end of a field. Any other one would swallow the lines behind it.
_FIELD = rb'(?:"(?:[^"]|"")*+"|[^",]*+)'
_WHOLE_QUOTES = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+")
_BOUNDARY = np.frombuffer(b",\r\n", np.uint8)


class Lines:
    """The lines of some bytes, from 0; found without making an object of each."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bytes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(self._bytes == ord("\n"))
        self._ends = ends if data.endswith(b"\n") else np.append(ends, len(data))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> bytes:
        start = self._ends[place - 1] + 1 if place else 0
        return self._data[start : self._ends[place]].removesuffix(b"\r")

    def blank(self) -> list[int]:
        """The lines without a character."""
        short = np.flatnonzero(np.diff(self._ends, prepend=-1) <= 2)
        return [place for place in short.tolist() if not self[place]]

    def broken(self) -> dict[int, str]:
        """The lines that the CSV parser must not see, and why. Most blocks are clean, which is seen at once."""
        if self._clean():
            return {}
        broken = {}
        for place in range(len(self)):
            line = self[place]
            if b"\r" in line:
                broken[place] = "a carriage return inside the line"
            elif b'"' in line and not _WHOLE_QUOTES.fullmatch(line):
                broken[place] = "a quote that does not enclose a field"
            elif not line.isascii():
                try:
                    line.decode()
                except UnicodeDecodeError:
                    broken[place] = "not UTF-8 text"
        return broken

    def without(self, places: Iterable[int]) -> bytes:
        """The block with these lines made empty."""
        lines = self._data.split(b"\n")
        for place in places:
            lines[place] = b""
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
        behind = self._bytes[np.minimum(closing + 1, len(data) - 1)]
        return bool(
            (np.isin(before, _BOUNDARY) | (opening == 0)).all()
            and (np.isin(behind, _BOUNDARY) | (closing == len(data) - 1)).all()
            and (np.searchsorted(self._ends, opening) == np.searchsorted(self._ends, closing)).all()
        )
