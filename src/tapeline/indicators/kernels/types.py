"""What kernels are made of: the width of a block, and the types of their arguments."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence

#: Bars between two re-basings, and the room that every column has behind its history.
BLOCK = 64

NAN = float("nan")

#: Pointers, as Numba sees them; in plain Python any sequence does.
Reals = MutableSequence[float]
Integers = Sequence[int]

Kernel = Callable[[Reals, Reals, Integers, Reals, Reals, int, int], None]
