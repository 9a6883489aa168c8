"""A file's rows as blocks of Arrow columns: what every reader of a format hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tapeline.core.market import Ints
from tapeline.feeds.files.cell_values import Times


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a file, as Arrow columns by meaning (see `layout.places`).

    `row` is where each one is in the file. `malformed` are those that have no columns: where, why, and what they are.
    `raw(i)` is what the i-th of the others is in the file.
    """

    columns: dict[str, Any]
    row: Ints
    malformed: list[tuple[int, str, bytes]]
    raw: Callable[[int], bytes]


class BlockReader(Protocol):
    """A file that was found fit to be read when it was opened. `blocks` passes over it from its start, every time."""

    path: Path

    def blocks(self, rows: int, times: Times) -> Iterator[Block]:
        """Blocks of about `rows` rows. Raises `FileError` where the file is damaged, behind the rows before that."""
        ...
