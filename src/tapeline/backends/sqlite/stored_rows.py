"""Make rows of what the file keeps of a symbol: its blocks, and the row that is still forming."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.commit_blocks import NEWEST
from tapeline.core.market import OHLCV, Bars, Codes, Flags, Revisions
from tapeline.core.rows import FORECAST, Rows

#: Gives the version of each model by its number in the file; asked only where a model answered.
ModelNames = Callable[[], Mapping[int, str]]


def block_of_newest(found: Sequence[Sequence[Any]]) -> tuple[Block, Flags]:
    """Return newest rows, each with the columns of `commit_blocks.NEWEST`, as a block, and which of them are final."""
    columns = tuple(zip(*found, strict=True)) if found else ((),) * len(NEWEST)
    timestamp, *values = columns[:6]
    final, model, *said = columns[6:]
    beside = {name: np.array(column, FORECAST[name][0]) for name, column in zip(FORECAST, said, strict=True)}
    beside["model"] = np.array(model, np.int32)
    return Block(np.array(timestamp, np.int64), np.array(values, np.float64).T, beside), np.array(final, np.bool_)


def bars_of(symbols: tuple[str, ...], block: Block, final: Flags, code: Codes | None = None) -> Bars:
    """Return the bars of a block; `code` says whose each is, and without it all are of the first symbol."""
    open_, high, low, close, volume = (np.ascontiguousarray(block.values[:, place]) for place in range(len(OHLCV)))
    code = np.zeros(len(block), np.int32) if code is None else code
    return Bars(symbols, code, block.timestamp, open_, high, low, close, volume, final)


def rows_of(
    symbols: tuple[str, ...], block: Block, final: Flags, names: ModelNames, revisions: Revisions | None,
    code: Codes | None = None,
) -> Rows:  # fmt: skip
    """Return the rows of a block, with the names of their models in the order of their numbers; `code` as above."""
    known = block.beside.get("known")
    if known is not None and np.isnan(known[:, 0]).all():
        known = None
    model, by = block.column("model"), block.beside.get("range_model")
    used = model if by is None else np.concatenate((model, by))
    index = np.full(int(used.max(initial=-1)) + 2, -1, np.int32)  # -1, for no model, is the last
    index[used[used >= 0]] = 0
    numbers = np.flatnonzero(index == 0)
    index[numbers] = np.arange(len(numbers), dtype=np.int32)
    known_names = names() if len(numbers) else {}
    versions = tuple(known_names.get(number, f"damaged-{number}") for number in numbers.tolist())
    return Rows(
        bars_of(symbols, block, final, code), (), np.empty((len(block), 0)), models=versions, model=index[model],
        known=known, revisions=revisions, ranges=block.beside.get("ranges"),
        range_model=None if by is None else index[by], **{name: block.column(name) for name in FORECAST},
    )  # fmt: skip
