"""Hand over a file's rows as blocks of Arrow columns, whatever format the file has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tapeline.core.market import Ints
from tapeline.feeds.files.column_times import Times
from tapeline.feeds.files.interpretation import Interpretation


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Hold consecutive rows of a file, as Arrow columns by meaning (see `column_roles.column_indexes`).

    `row` is the number of each one in the file, int64 [n]. `malformed` are the rows without columns: number, reason and
    raw bytes. `raw(i)` returns the raw bytes of the i-th of the others. `symbol` is whose they are where the header
    says it, as it does of tables with several symbols side by side.
    """

    columns: dict[str, Any]
    row: Ints
    malformed: list[tuple[int, str, bytes]]
    raw: Callable[[int], bytes]
    symbol: str = ""


class BlockReader(Protocol):
    """Read a file that was found fit when it was opened. Every call of `blocks` starts at the file's beginning."""

    path: Path
    reading: Interpretation

    def blocks(self, rows: int, times: Times) -> Iterator[RowBlock]:
        """Yield blocks of about `rows` rows. Raise `FileError` where the file is damaged, after the rows before it."""
        ...
