"""Turn the rows of a commit into what the file keeps: a block of each symbol's final bars, and its newest row."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_table import PreparedBlock
from tapeline.core.market import OHLCV, Ints
from tapeline.core.rows import FORECAST, Rows

#: The columns of a symbol's newest row, after its number.
NEWEST = ("timestamp", *OHLCV, "final", "model", *FORECAST)


class PreparedSymbol(NamedTuple):
    """Hold what to store of one symbol: its number, its final bars (None without one), and its newest row."""

    number: int
    block: PreparedBlock | None
    newest: tuple[float | None, ...]


def prepare(rows: Rows, symbols: Mapping[str, int], models: Mapping[str, int]) -> list[PreparedSymbol]:
    """Return what to store of each symbol in these rows; the numbers of symbols and models in the file are given.

    Of two rows of one bar the later one counts. Raises `ValueError` for a forming bar that is not its symbol's newest.
    """
    bars = rows.bars
    order = np.lexsort((bars.timestamp, bars.code))  # stable: of two rows of one bar the later one stays last
    code, timestamp = bars.code[order], bars.timestamp[order]
    order = order[np.append((np.diff(code) != 0) | (np.diff(timestamp) != 0), True)]
    whole = _block(rows, order, models)
    final = bars.final[order]
    edges = np.flatnonzero(np.diff(bars.code[order], prepend=-1, append=-1)).tolist()
    prepared = []
    for start, stop in itertools.pairwise(edges):
        closed = start + int(np.count_nonzero(final[start:stop]))
        if not final[start:closed].all():  # a forming bar before a final one was replaced by it
            raise ValueError("a forming bar must be its symbol's newest")
        last = stop - 1
        newest = (
            int(whole.timestamp[last]), *whole.values[last].tolist(), bool(final[last]),
            int(whole.beside["model"][last]), *forecast_at(whole, last),
        )  # fmt: skip
        number = symbols[bars.symbols[bars.code[order[start]]]]
        prepared.append(PreparedSymbol(number, PreparedBlock(whole[start:closed]) if closed > start else None, newest))
    return prepared


def _block(rows: Rows, order: Ints, numbers: Mapping[str, int]) -> Block:
    """Return these rows, of whatever symbols, as one block."""
    models = np.array([*(numbers[version] for version in rows.models), -1], np.int32)
    beside = {name: column[order] for name, column in rows.forecast.items()}
    beside["probability"] = np.where(beside["prediction"] != 0, beside["probability"], np.nan)
    beside["model"] = models[rows.model[order]]
    if rows.known is not None:
        beside["known"] = rows.known[order]
    if rows.ranges is not None and rows.range_model is not None:
        beside |= {"ranges": rows.ranges[order], "range_model": models[rows.range_model[order]]}
    values = np.stack([getattr(rows.bars, name)[order] for name in OHLCV], axis=1)
    return Block(rows.bars.timestamp[order], values, beside)


def forecast_at(block: Block, index: int) -> list[float | None]:
    """Return the forecast of a bar in a block, as SQLite gives it back: NaN is NULL there."""
    said = (block.column(name)[index].item() for name in FORECAST)
    return [None if math.isnan(value) else value for value in said]
