"""Turn the rows of a commit into what the file keeps: a block of each symbol's final bars, and its newest row."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_table import PreparedBlock
from tapeline.core.market import FORECAST, OHLCV, Ints, Rows

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
            int(whole.timestamp[last]), *whole.values[last].tolist(), bool(final[last]), int(whole.model[last]),
            *(_null_for_nan(whole.forecast[name][last].item()) for name in FORECAST),
        )  # fmt: skip
        number = symbols[bars.symbols[bars.code[order[start]]]]
        prepared.append(PreparedSymbol(number, PreparedBlock(whole[start:closed]) if closed > start else None, newest))
    return prepared


def _block(rows: Rows, order: Ints, numbers: Mapping[str, int]) -> Block:
    """Return these rows, of whatever symbols, as one block."""
    models = np.array([*(numbers[version] for version in rows.models), -1], np.int32)
    known = np.full((len(order), len(OHLCV)), np.nan) if rows.known is None else rows.known[order]
    corrected = np.flatnonzero(~np.isnan(known[:, 0]))
    said = {name: column[order] for name, column in rows.forecast.items()}
    said["probability"] = np.where(said["prediction"] != 0, said["probability"], np.nan)
    return Block(
        rows.bars.timestamp[order], np.stack([getattr(rows.bars, name)[order] for name in OHLCV], axis=1), said,
        models[rows.model[order]], corrected, known[corrected],
        None if rows.ranges is None else rows.ranges[order],
        None if rows.range_model is None else models[rows.range_model[order]],
    )  # fmt: skip


def _null_for_nan(value: float) -> float | None:
    """Return a value as SQLite gives it back: NaN is NULL there."""
    return None if math.isnan(value) else value
