"""Make rows of what the file keeps of a symbol: its blocks, and the row that is still forming."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.commit_blocks import NEWEST
from tapeline.core.market import FORECAST, OHLCV, Bars, Codes, Floats, Ints, Revisions, Rows

_NEVER_CORRECTED = np.zeros(0, np.int64), np.zeros((0, len(OHLCV)))
_EMPTY = Block(
    np.zeros(0, np.int64), np.zeros((0, len(OHLCV))),
    {name: np.zeros(0, dtype) for name, (dtype, _) in FORECAST.items()}, np.zeros(0, np.int32), *_NEVER_CORRECTED,
)  # fmt: skip

#: Gives the version of each model by its number in the file; asked only where a model answered.
ModelNames = Callable[[], Mapping[int, str]]


def rows_of_symbol(
    symbol: str, blocks: Sequence[Block], forming: Sequence[Any] | None, revisions: Revisions, names: ModelNames
) -> Rows:
    """Return a symbol's rows: those of its blocks, then `forming`, which has the columns of `commit_blocks.NEWEST`."""
    closed = sum(map(len, blocks))
    parts = list(blocks)
    if forming is not None:
        said = _forecast([(value,) for value in forming[8:]])
        values, model = np.array([forming[1:6]], np.float64), np.array(forming[7:8], np.int32)
        parts.append(Block(np.array(forming[:1], np.int64), values, said, model, *_NEVER_CORRECTED))
    return _of_block((symbol,), None, Block.concat(parts) if parts else _EMPTY, closed, names, revisions)


def rows_of_blocks(symbols: tuple[str, ...], code: Codes, blocks: Sequence[Block], names: ModelNames) -> Rows:
    """Return the rows of the blocks of several symbols, none of which was ever revised: `code` says whose each is."""
    return _of_block(symbols, code, Block.concat(list(blocks)) if blocks else _EMPTY, len(code), names, ())


def _of_block(
    symbols: tuple[str, ...], code: Codes | None, whole: Block, closed: int, names: ModelNames, revisions: Revisions
) -> Rows:
    """Return the rows of a block, of which `closed` are final; without `code` all are of the first symbol."""
    count = len(whole)
    open_, high, low, close, volume = (np.ascontiguousarray(whole.values[:, i]) for i in range(len(OHLCV)))
    code = np.zeros(count, np.int32) if code is None else code
    final = np.arange(count) < closed
    bars = Bars(symbols, code, whole.timestamp, open_, high, low, close, volume, final)
    known = None
    if len(whole.corrected):
        known = np.full((count, len(OHLCV)), np.nan)
        known[whole.corrected] = whole.known
    return _rows(bars, whole.forecast, whole.model, names, known, revisions, whole)


def bars_of(symbol: str, parts: Sequence[tuple[Ints, Floats]], forming: Sequence[Any] | None = None) -> Bars:
    """Return a symbol's bars: final ones, as `Block.timestamp` and `Block.values` have them, then the forming one."""
    times, values = [part[0] for part in parts], [part[1] for part in parts]
    closed = sum(map(len, times))
    if forming is not None:
        times.append(np.array(forming[:1], np.int64))
        values.append(np.array([forming[1:6]], np.float64))
    open_, high, low, close, volume = (
        np.concatenate([part[:, place] for part in values]) for place in range(len(OHLCV))
    )
    timestamp = np.concatenate(times)
    code, final = np.zeros(len(timestamp), np.int32), np.arange(len(timestamp)) < closed
    return Bars((symbol,), code, timestamp, open_, high, low, close, volume, final)


def newest_rows(found: Sequence[Sequence[Any]], names: ModelNames) -> Rows:
    """Return newest rows as rows: `found` has of each its symbol, then the columns of `commit_blocks.NEWEST`."""
    columns = tuple(zip(*found, strict=True)) if found else ((),) * (len(NEWEST) + 1)
    symbols, timestamp, open_, high, low, close, volume, final, model, *said = columns
    bars = Bars(
        tuple(symbols), np.arange(len(found), dtype=np.int32), np.array(timestamp, np.int64),
        np.array(open_, np.float64), np.array(high, np.float64), np.array(low, np.float64),
        np.array(close, np.float64), np.array(volume, np.float64), np.array(final, np.bool_),
    )  # fmt: skip
    return _rows(bars, _forecast(said), np.array(model, np.int32), names)


def _rows(
    bars: Bars, forecast: Mapping[str, Any], model: NDArray[np.int32], names: ModelNames,
    known: Floats | None = None, revisions: Revisions | None = None, block: Block | None = None,
) -> Rows:  # fmt: skip
    """Return the rows with the names of their models, in the order of their numbers."""
    by = None if block is None else block.range_model
    used = model if by is None else np.concatenate((model, by))
    index = np.full(int(used.max(initial=-1)) + 2, -1, np.int32)  # -1, for no model, is the last
    index[used[used >= 0]] = 0
    numbers = np.flatnonzero(index == 0)
    index[numbers] = np.arange(len(numbers), dtype=np.int32)
    known_names = names() if len(numbers) else {}
    versions = tuple(known_names.get(number, f"damaged-{number}") for number in numbers.tolist())
    return Rows(
        bars, (), np.empty((len(bars), 0)), models=versions, model=index[model], known=known, revisions=revisions,
        ranges=None if block is None else block.ranges, range_model=None if by is None else index[by], **forecast,
    )  # fmt: skip


def _forecast(columns: Sequence[Sequence[float | None]]) -> dict[str, NDArray[Any]]:
    """Return the columns of `FORECAST` with these values, in its order."""
    return {name: np.array(column, dtype) for (name, (dtype, _)), column in zip(FORECAST.items(), columns, strict=True)}
