"""Encode one column of a block: find the shortest way to write its numbers, and take their bytes apart. Compiled.

`block_codec` has the layout, and reads it back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tapeline.core.jit import jit
from tapeline.core.market import Ints

#: How a column is written: one number for all, the numbers themselves, differences in this many bits, or as float32.
CONSTANT, PLAIN, DELTA_32, DELTA_64, FLOAT_32, DELTA_16 = range(6)
#: + the number of decimals: differences, in 32 bits, of prices times a power of ten.
DECIMAL = 8

#: What a column holds, which says how it may be written.
VALUE, TIME, PRICE, RANGE_CODE = range(4)

#: Below this many bars the shorter ways are not tried: such a block is merged soon.
FEW = 512

_DECIMALS = (0, 2, 4)
_LIMIT = 2**31
_NEGATIVE_ZERO = -(2**63)


@jit
def encode_column(words: Ints, kind: int, width: int, base: int, out: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Write a column into `out` from `at` on. Return how it is written, and where it ends.

    `words` are its numbers as int64 [n], those of a float64 as their bits; it is used up. `width` is the size of a
    number, in bytes, `kind` what they are, and `base` is taken from times. What is read back has the same bits.
    """
    count = len(words)
    code = PLAIN
    same = count > 0
    for i in range(1, count):
        if words[i] != words[0]:
            same = False
            break
    if same:
        code, count = CONSTANT, 1
    elif count >= FEW and kind == RANGE_CODE:
        code = DELTA_16  # differences wrap around
        for i in range(count - 1, 0, -1):
            words[i] -= words[i - 1]
    elif count >= FEW and kind == TIME:
        code, width = DELTA_32, 4
        for i in range(count - 1, 0, -1):
            words[i] -= words[i - 1]
            if abs(words[i]) >= _LIMIT:
                code, width = DELTA_64, 8
        words[0] -= base
        if abs(words[0]) >= _LIMIT:
            code, width = DELTA_64, 8
    elif count >= FEW and kind == PRICE:
        values = words.view(np.float64)
        steps = np.empty(count, np.int64)
        for decimals in _DECIMALS:
            power = 10.0**decimals
            before, fits = np.int64(0), True
            for i in range(count):
                scaled = np.rint(values[i] * power)
                if not (scaled / power == values[i] and abs(scaled) < _LIMIT) or words[i] == _NEGATIVE_ZERO:
                    fits = False
                    break
                whole = np.int64(scaled)
                steps[i] = whole - before
                if abs(steps[i]) >= _LIMIT:
                    fits = False
                    break
                before = whole
            if fits:
                code, width = DECIMAL + decimals, 4
                words = steps
                break
        if code == PLAIN:
            singles = values.astype(np.float32)
            fits = True
            for i in range(count):
                if np.float64(singles[i]) != values[i]:
                    fits = False
                    break
            if fits:
                code, width = FLOAT_32, 4
                words = singles.view(np.int32).astype(np.int64)
    for byte in range(width):
        for i in range(count):
            out[at + i] = (words[i] >> (8 * byte)) & 0xFF
        at += count
    return code, at
