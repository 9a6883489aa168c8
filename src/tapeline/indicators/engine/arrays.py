"""Make arrays as the compiled functions take them."""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Codes, Floats, Ints
from tapeline.indicators.engine.program import SLACK


def state_rows(count: int, width: int) -> Floats:
    """Return rows of zeros whose first number is the first of a cache line."""
    numbers: Floats = np.zeros(count * width + SLACK)
    skipped = -numbers.ctypes.data % (8 * SLACK) // 8
    return numbers[skipped : skipped + count * width].reshape(count, width)


def _column(values: Floats | Ints | Codes, dtype: type) -> np.ndarray:
    """Return the column as the kernels are compiled for: copied where it is unaligned or strided."""
    if values.dtype == dtype and values.flags.aligned and values.flags.c_contiguous:
        return values
    return np.array(values, dtype)


def strided(out: Floats) -> tuple[Floats, int, int]:
    """Return the numbers of `out` in the order of memory, and its strides from bar to bar and output to output."""
    if out.flags.c_contiguous:
        return out.reshape(-1), out.shape[1], 1
    column = out.strides[1] // 8
    return np.lib.stride_tricks.as_strided(out, ((out.shape[1] - 1) * column + len(out),), (8,)), 1, column


def engine_columns(slots: Codes, session: Ints, *values: Floats) -> list[np.ndarray]:
    """Return the columns as the compiled functions take them. Raises `ValueError` when their lengths differ."""
    if len({len(slots), len(session), *map(len, values)}) > 1:
        raise ValueError("all columns must have one length")
    return [_column(slots, np.int32), _column(session, np.float64), *(_column(each, np.float64) for each in values)]
