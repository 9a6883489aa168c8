"""Hold one symbol's final bars, with what was said about them, as a block of columns: join, cut and compare blocks.

`block_codec` writes a block as bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import OHLCV, Floats, Ints
from tapeline.core.rows import FORECAST, RANGE_CODES

#: What a block may hold of each bar beside its time and values: type, what stands for nothing, and numbers a bar.
BESIDE: dict[str, tuple[type[np.generic], float, tuple[int, ...]]] = {
    **{name: (dtype, absent, ()) for name, (dtype, absent) in FORECAST.items()},
    "model": (np.int32, -1, ()),
    "known": (np.float64, math.nan, (len(OHLCV),)),
    "ranges": (np.uint16, 0, (len(RANGE_CODES),)),
    "range_model": (np.int32, -1, ()),
}


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Hold final bars of one symbol in the order of time, no two of one time, with the forecast made on each.

    `values` is float64 [n, 5] (open, high, low, close, volume). `beside` has columns of `BESIDE` by name; of one that
    is not there nothing is known about any bar. `model` and `range_model` are numbers of models in the file, -1 for
    none, and `known` holds the values that a bar was first stored with, NaN where they were never revised.
    """

    timestamp: Ints
    values: Floats
    beside: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.timestamp)

    def __getitem__(self, where: slice | NDArray[Any]) -> Block:
        return Block(
            self.timestamp[where], self.values[where], {name: column[where] for name, column in self.beside.items()}
        )

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of `BESIDE`; one that is not there says nothing about every bar."""
        if name in self.beside:
            return self.beside[name]
        dtype, absent, shape = BESIDE[name]
        return np.full((len(self), *shape), absent, dtype)

    def copy(self) -> Block:
        """Return the same bars in memory of their own: a part of a large block keeps all of it."""
        beside = {name: column.copy() for name, column in self.beside.items()}
        return Block(self.timestamp.copy(), self.values.copy(), beside)

    @classmethod
    def concat(cls, blocks: Sequence[Block]) -> Block:
        """Return one block of several; those that follow each other in time keep its order."""
        if len(blocks) == 1:
            return blocks[0]
        if not blocks:
            return cls(np.zeros(0, np.int64), np.zeros((0, len(OHLCV))), {})
        names = dict.fromkeys(name for block in blocks for name in block.beside)
        return cls(
            np.concatenate([block.timestamp for block in blocks]),
            np.concatenate([block.values for block in blocks]),
            {name: np.concatenate([block.column(name) for block in blocks]) for name in names},
        )


def put_in(old: Block, new: Block) -> Block:
    """Return `old` with the bars of `new` put in; a bar that both have is that of `new`."""
    both = Block.concat([old[~np.isin(old.timestamp, new.timestamp)], new])
    return both[np.argsort(both.timestamp)]


def same(a: Block, b: Block) -> bool:
    """Return whether two blocks hold the same."""
    pairs = [(a.timestamp, b.timestamp), (a.values, b.values)]
    pairs += [(a.column(name), b.column(name)) for name in a.beside.keys() | b.beside.keys()]
    return all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs)
