"""Hold what a file shows at first, by which is decided how the whole of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold what a file shows at first: names of columns, some values of each, and how to read the rest of a column.

    `groups` are the columns of each symbol where the header names several. `whole(index)` yields all texts of a column.
    """

    names: Sequence[str]
    column: Callable[[int], Any]
    whole: Callable[[int], Iterable[str]]
    layout: str
    groups: tuple[tuple[str, dict[str, int]], ...] = ()

    def texts(self, index: int) -> list[str]:
        """Return the values of a column as texts, '' for an absent one."""
        return ["" if value is None else str(value).strip() for value in self.column(index).to_pylist()]


def time_column(columns: dict[str, Any]) -> Any:
    """Return the column of times, with the time of day from a column of its own where there is one."""
    if "clock" not in columns:
        return columns["timestamp"]
    return pc.binary_join_element_wise(columns["timestamp"].cast(pa.string()), columns["clock"].cast(pa.string()), " ")
