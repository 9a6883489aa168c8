"""Fix what the engine and the kernels agree on: the width of a block, and the types of a kernel's arguments."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from typing import Literal

#: Kernels are never called for more bars at once.
BLOCK = 128

#: Bars between two re-basings of running sums.
REBASE = 2 * BLOCK

#: The longest window. Memory a symbol grows with it: 8 bytes a bar for every input, shared by all indicators, and for
#: every column of the indicator's own.
LONGEST = 5000

#: Numbers in `scratch`: `extremes` needs two windows, all others some blocks.
ROOM = 2 * (LONGEST + BLOCK)

NAN = float("nan")

Input = Literal["open", "high", "low", "close", "volume", "session"]

INPUTS: tuple[Input, ...] = ("open", "high", "low", "close", "volume", "session")

#: Pointers, as Numba sees them; in plain Python any sequence does.
Reals = MutableSequence[float]
Integers = Sequence[int]

Kernel = Callable[[Reals, Reals, Integers, Reals, Reals, Reals, int, int, int, int], None]
