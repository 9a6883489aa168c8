"""What kernels are made of: the width of a block, and the types of their arguments."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence

#: Bars between two re-basings, and the room that every column has behind its history.
BLOCK = 64

#: The longest window. Memory a symbol grows with it: 8 bytes a bar for every input and every column of the indicator.
LONGEST = 5000

#: Of the numbers in `z`, the first are blocks of results, the rest is for `extremes`.
RESULTS = 8 * BLOCK
ROOM = RESULTS + 2 * (LONGEST + BLOCK)

NAN = float("nan")

#: Pointers, as Numba sees them; in plain Python any sequence does.
Reals = MutableSequence[float]
Integers = Sequence[int]

Kernel = Callable[[Reals, Reals, Integers, Reals, Reals, Reals, int, int, int], None]
