"""Columns that several indicators read, computed once a bar however many do.

Each function here answers with what an entry's `Storage` lists under `shared`; its kernel fills `columns` columns that
the indicator's kernel finds in `a` behind its inputs. `back` is how many bars back the reader wants to look.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tapeline.indicators.kernels.interface import REBASE, Input, Integers, Kernel, Reals
from tapeline.indicators.kernels.steps import extremes, moving_variances, true_range


@dataclass(frozen=True, slots=True)
class Shared:
    """A kernel without outputs: it reads inputs, as far back as `history`, keeps `numbers`, and fills columns."""

    name: str
    kernel: Kernel = field(repr=False)
    inputs: tuple[Input, ...]
    history: int
    parameters: tuple[int, ...] = ()
    numbers: int = 0
    columns: int = 1
    back: int = 0


def highest(of: Input, n: int) -> Shared:
    """The highest of n values."""
    return Shared("highest", _highest, (of,), n, (n,))


def lowest(of: Input, n: int) -> Shared:
    """The lowest of n values."""
    return Shared("lowest", _lowest, (of,), n, (n,))


def typical(back: int = 0) -> Shared:
    """The typical price: the mean of high, low and close."""
    return Shared("typical", _typical, ("high", "low", "close"), 0, back=back)


def range_(back: int = 0) -> Shared:
    """The true range, 0.0 at the first bar."""
    return Shared("range", _range, ("high", "low", "close"), 1, back=back)


def spread(of: Input, n: int) -> Shared:
    """Mean and population variance of n values, a column each."""
    return Shared("spread", _spread, (of,), n, (n,), numbers=4, columns=2)


def _highest(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    extremes(x, a[0], a[2], m, 1.0, x, a[1], z)


def _lowest(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    extremes(x, a[0], a[2], m, -1.0, x, a[1], z)


def _typical(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    h, lo, c, price = a[0], a[1], a[2], a[3]
    for i in range(m):
        x[price + i] = (x[h + i] + x[lo + i] + x[c + i]) / 3.0


def _range(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    h, lo, c, reach = a[0], a[1], a[2], a[3]
    for i in range(m):
        x[reach + i] = true_range(x, h, lo, c, i)
    if k == 0:
        x[reach] = 0.0


def _spread(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    moving_variances(x, s, a[0], a[3], k, m, k % REBASE == 0, a[1], a[2], z)
