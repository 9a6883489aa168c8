"""Hold one symbol's final bars, with what was said about them, as a block of columns: join, cut and compare blocks.

`block_codec` writes a block as bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import FORECAST, OHLCV, RANGE_CODES, Floats, Ints, Shorts


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Hold final bars of one symbol in the order of time, no two of one time, with the forecast made on each.

    `values` is float64 [n, 5] (open, high, low, close, volume). `forecast` has the columns of `market.FORECAST` by
    name, `model` is int32: the model's number in the file, -1 for none. `corrected` holds the indices of bars whose
    values were revised after they were first stored, int64 [k], and `known` the values that these were first stored
    with, float64 [k, 5]. `ranges` is uint16 [n, len(RANGE_CODES)] and `range_model` like `model`, None for both where
    no range was forecast.
    """

    timestamp: Ints
    values: Floats
    forecast: Mapping[str, NDArray[Any]]
    model: NDArray[np.int32]
    corrected: Ints
    known: Floats
    ranges: Shorts | None = None
    range_model: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.timestamp)

    def __getitem__(self, where: slice) -> Block:
        start, stop, _ = where.indices(len(self))
        inside = (self.corrected >= start) & (self.corrected < stop)
        return Block(
            self.timestamp[start:stop], self.values[start:stop],
            {name: column[start:stop] for name, column in self.forecast.items()}, self.model[start:stop],
            self.corrected[inside] - start, self.known[inside],
            None if self.ranges is None else self.ranges[start:stop],
            None if self.range_model is None else self.range_model[start:stop],
        )  # fmt: skip

    @classmethod
    def concat(cls, blocks: list[Block]) -> Block:
        """Return one block of several that follow each other in time."""
        if len(blocks) == 1:
            return blocks[0]
        starts = np.cumsum([0, *map(len, blocks[:-1])])
        return cls(
            np.concatenate([b.timestamp for b in blocks]),
            np.concatenate([b.values for b in blocks]),
            {name: np.concatenate([b.forecast[name] for b in blocks]) for name in FORECAST},
            np.concatenate([b.model for b in blocks]),
            np.concatenate([b.corrected + start for b, start in zip(blocks, starts.tolist(), strict=True)]),
            np.concatenate([b.known for b in blocks]),
            *_joined_ranges(blocks),
        )

    @property
    def said_ranges(self) -> tuple[Shorts, NDArray[np.int32]]:
        """Return `ranges` and `range_model`, with 0 and -1 for every bar where they are None."""
        if self.ranges is None or self.range_model is None:
            return np.zeros((len(self), len(RANGE_CODES)), np.uint16), np.full(len(self), -1, np.int32)
        return self.ranges, self.range_model


def _joined_ranges(blocks: list[Block]) -> tuple[Shorts | None, NDArray[np.int32] | None]:
    if all(block.ranges is None for block in blocks):
        return None, None
    ranges, models = zip(*(block.said_ranges for block in blocks), strict=True)
    return np.concatenate(ranges), np.concatenate(models)


def complete_forecast(count: int, **columns: Any) -> dict[str, NDArray[Any]]:
    """Return all columns of `market.FORECAST`; of those not given, nothing was said about any of `count` bars."""
    return {
        name: np.asarray(columns[name], dtype) if name in columns else np.full(count, absent, dtype)
        for name, (dtype, absent) in FORECAST.items()
    }


def put_in(old: Block, new: Block) -> Block:
    """Return `old` with the bars of `new` put in; a bar that both have is that of `new`."""
    kept = np.flatnonzero(~np.isin(old.timestamp, new.timestamp))
    known = np.full((len(kept) + len(new), len(OHLCV)), np.nan)
    _, at, corrected = np.intersect1d(kept, old.corrected, return_indices=True)
    known[at] = old.known[corrected]
    known[len(kept) + new.corrected] = new.known
    order = np.argsort(np.concatenate((old.timestamp[kept], new.timestamp)), kind="stable")
    known = known[order]
    corrected = np.flatnonzero(~np.isnan(known[:, 0]))

    def both(before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate((before[kept], after))[order]

    before, after = old.said_ranges, new.said_ranges

    return Block(
        both(old.timestamp, new.timestamp), both(old.values, new.values),
        {name: both(old.forecast[name], new.forecast[name]) for name in FORECAST}, both(old.model, new.model),
        corrected, known[corrected],
        *_range_columns(both(before[0], after[0]), both(before[1], after[1])),
    )  # fmt: skip


def _range_columns(ranges: Shorts, model: NDArray[np.int32]) -> tuple[Shorts | None, NDArray[np.int32] | None]:
    """Return both, or None for both where no range was forecast."""
    return (ranges, model) if (model >= 0).any() else (None, None)


def same(a: Block, b: Block) -> bool:
    """Return whether two blocks hold the same."""
    fields = ("timestamp", "values", "model", "corrected", "known")
    pairs = [(getattr(a, name), getattr(b, name)) for name in fields]
    pairs += [(a.forecast[name], b.forecast[name]) for name in FORECAST]
    pairs += zip(a.said_ranges, b.said_ranges, strict=True)
    return all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs)
