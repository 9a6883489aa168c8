"""Define columns that several indicators read, computed once a bar however many read them.

Each public function returns what an entry's `Storage` lists under `shared`. Its kernel fills `columns` columns, which
the indicator's kernel finds in `ints` after its inputs. `back` is how many bars back the reader looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tapeline.indicators.kernels.interface import REBASE, Input, Integers, Kernel, Reals
from tapeline.indicators.kernels.steps import true_range
from tapeline.indicators.kernels.window_steps import extremes, moving_variances


@dataclass(frozen=True, slots=True)
class Shared:
    """Describe a kernel without outputs: it `reads` inputs so far back, keeps `numbers`, and fills columns.

    Like `Storage`, its `repr` is part of the id of a snapshot's layout.
    """

    name: str
    kernel: Kernel = field(repr=False)
    reads: Mapping[Input, int]
    parameters: tuple[int, ...] = ()
    numbers: int = 0
    columns: int = 1
    back: int = 0


def highest(of: Input, period: int) -> Shared:
    """Return the column of the highest of n values."""
    return Shared("highest", _highest, {of: period - 1}, (period,))


def lowest(of: Input, period: int) -> Shared:
    """Return the column of the lowest of n values."""
    return Shared("lowest", _lowest, {of: period - 1}, (period,))


def typical(back: int = 0) -> Shared:
    """Return the column of the typical price: the mean of high, low and close."""
    return Shared("typical", _typical, {"high": 0, "low": 0, "close": 0}, back=back)


def range_(back: int = 0) -> Shared:
    """Return the column of the true range, 0.0 at the first bar."""
    return Shared("range", _range, {"high": 0, "low": 0, "close": 1}, back=back)


def spread(of: Input, period: int) -> Shared:
    """Return the columns of the mean and the population variance of n values."""
    return Shared("spread", _spread, {of: period}, (period,), numbers=4, columns=2)


def _highest(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Fill the column of `highest`."""
    extremes(columns, ints[0], ints[2], count, 1.0, columns, ints[1], scratch)


def _lowest(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Fill the column of `lowest`."""
    extremes(columns, ints[0], ints[2], count, -1.0, columns, ints[1], scratch)


def _typical(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Fill the column of `typical`."""
    high, low, close, price = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        columns[price + i] = (columns[high + i] + columns[low + i] + columns[close + i]) / 3.0


def _range(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Fill the column of `range_`."""
    high, low, close, reach = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        columns[reach + i] = true_range(columns, high, low, close, i)
    if first == 0:
        columns[reach] = 0.0


def _spread(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Fill the columns of `spread`."""
    moving_variances(columns, state, ints[0], ints[3], first, count, first % REBASE == 0, ints[1], ints[2], scratch)
