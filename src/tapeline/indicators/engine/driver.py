"""Run a program over bars: bring each symbol's bars together, a block at a time, and call the kernels on them.

State, program and work space are passed as addresses: unpacking an array costs more than an indicator. The engine
keeps them alive. `state` holds one row of `code[3]` numbers a slot; `code` is laid out as `program` says; `work` has
`ROOM` numbers for the kernels and `PITCH * outputs` for a block's outputs, but at least as many as instructions keep.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from tapeline.core.market import Codes, Floats, Ints
from tapeline.indicators.engine.compiling import SIGNATURE, cached
from tapeline.indicators.engine.program import HEADER, INPUT_COUNT, INSTRUCTION, INTEGERS
from tapeline.indicators.kernels.interface import BLOCK, ROOM, Integers, Reals
from tapeline.indicators.kernels.steps import step

#: From one output to the next within a block. Not BLOCK, a power of two, which would crowd them in the cache.
PITCH = BLOCK + 8

_COLUMNS = HEADER + INPUT_COUNT


@intrinsic  # type: ignore[untyped-decorator]
def _reals(context: Any, address: Any) -> tuple[Any, Any]:
    """Return the float64s at an address."""
    return types.CPointer(types.float64)(types.int64), _as_pointer


@intrinsic  # type: ignore[untyped-decorator]
def _integers(context: Any, address: Any) -> tuple[Any, Any]:
    """Return the int64s at an address."""
    return types.CPointer(types.int64)(types.int64), _as_pointer


def _as_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


@intrinsic  # type: ignore[untyped-decorator]
def _call(
    context: Any, kernel: Any, columns: Any, state: Any, ints: Any, reals: Any, out: Any, scratch: Any,
    row_stride: Any, column_stride: Any, first: Any, count: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Call the kernel at an address; all arguments are int64, the first seven are addresses."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> None:
        convention, wanted = context.call_conv, SIGNATURE.args
        function = convention.get_function_type(SIGNATURE.return_type, wanted).as_pointer()
        given = [
            builder.inttoptr(argument, context.get_value_type(kind)) if isinstance(kind, types.CPointer) else argument
            for argument, kind in zip(arguments[1:], wanted, strict=True)
        ]
        convention.call_function(
            builder, builder.inttoptr(arguments[0], function), SIGNATURE.return_type, wanted, given
        )  # fmt: skip

    return types.void(*[types.int64] * 11), generate


@step
def _address(values: Floats) -> int:
    return np.int64(values.ctypes.data)  # type: ignore[return-value]  # an int, once compiled


@step
def _run(row: int, code: int, work: int, out: int, row_stride: int, column_stride: int, first: int, count: int) -> None:
    """Run all instructions over the `count` bars that were put after the `first` bars of the symbol with this row.

    Output o of bar i goes to out[i * row_stride + o * column_stride]. All but the last four are addresses.
    """
    program = _integers(code)
    columns = row + 8 * (first % BLOCK)
    at = _COLUMNS + 2 * program[1]
    for _ in range(program[0]):
        _call(
            program[at],
            columns,
            row + 8 * program[at + 1],
            code + 8 * (at + 3),
            code + 8 * (at + 3 + INTEGERS),
            out + 8 * column_stride * program[at + 2],
            work,
            row_stride,
            column_stride,
            first,
            count,
        )
        at += INSTRUCTION


@step
def _commit(row: Reals, program: Integers, first: int, count: int) -> None:
    """Count the bars; at the end of a block, move every column's history to its front and clear the rest."""
    row[0] = first + count
    if (first + count) % BLOCK:
        return
    for column in range(program[1]):
        index, history = program[_COLUMNS + 2 * column], program[_COLUMNS + 2 * column + 1]
        for i in range(index - history, index):
            row[i] = row[i + BLOCK]
        for i in range(index, index + BLOCK):
            row[i] = 0.0


@step
def _put(
    row: Reals, program: Integers, index: int,
    session: int, open_: float, high: float, low: float, close: float, volume: float,
) -> None:  # fmt: skip
    """Write one bar to the columns that are read."""
    if program[HEADER] >= 0:
        row[program[HEADER] + index] = open_
    if program[HEADER + 1] >= 0:
        row[program[HEADER + 1] + index] = high
    if program[HEADER + 2] >= 0:
        row[program[HEADER + 2] + index] = low
    if program[HEADER + 3] >= 0:
        row[program[HEADER + 3] + index] = close
    if program[HEADER + 4] >= 0:
        row[program[HEADER + 4] + index] = volume
    if program[HEADER + 5] >= 0:
        row[program[HEADER + 5] + index] = session


@step
def _fill(row: Reals, column: int, index: int, values: Any, taken: Ints, together: bool) -> None:
    """Write the values at `taken` to a column of the row, if it is read."""
    if column < 0:
        return
    at, first = column + index, taken[0]
    if together:
        for j in range(len(taken)):
            row[at + j] = values[first + j]
    else:
        for j in range(len(taken)):
            row[at + j] = values[taken[j]]


@step
def _by_slot(slots: Codes, counts: Ints, order: Ints) -> Ints:
    """Fill `order` with the indices of bars, slot by slot, in their order within one; return where each slot ends."""
    count, alone = len(slots), len(slots) > 0
    for i in range(count):
        if not 0 <= slots[i] < len(counts):
            raise ValueError("a slot is not from this engine's slots()")
        alone = alone and slots[i] == slots[0]
        order[i] = i
    if alone:
        return np.full(1, count)
    ends = np.empty(count, np.int64)
    touched = 0
    for i in range(count):
        if counts[slots[i]] == 0:
            ends[touched] = slots[i]
            touched += 1
        counts[slots[i]] += 1
    total = 0
    for i in range(touched):
        slot = ends[i]
        total += counts[slot]
        counts[slot] = total - counts[slot]
    for i in range(count):
        order[counts[slots[i]]] = i
        counts[slots[i]] += 1
    for i in range(touched):
        slot = ends[i]
        ends[i] = counts[slot]
        counts[slot] = 0
    return ends[:touched]


@cached
def update_one(
    state: int, code: int, work: int,
    out: Floats, slot: int, session: int, open_: float, high: float, low: float, close: float, volume: float,
) -> None:  # fmt: skip
    """Commit one bar; its values go to `out`, float64 [outputs]."""
    program = _integers(code)
    address = state + 8 * slot * program[3]
    row = _reals(address)
    first = int(row[0])
    _put(row, program, first % BLOCK, session, open_, high, low, close, volume)
    _run(address, code, work, _address(out), program[2], 1, first, 1)
    _commit(row, program, first, 1)


@partial(cached, nogil=True)  # data frames are computed on several cores, each with an engine of its own
def update(
    state: int, code: int, work: int, out: Floats, row_stride: int, column_stride: int,
    slots: Codes, session: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
    counts: Ints, order: Ints,
) -> None:  # fmt: skip
    """Commit the bars in order; output o of bar i goes to out[i * row_stride + o * column_stride], float64.

    `counts` is int64, 0 for every slot, and is left so; `order` is int64 [bars] to write in. Raises `ValueError` for a
    slot that does not exist; nothing has been committed then.
    """
    program = _integers(code)
    outputs = program[2]
    block = _reals(work + 8 * ROOM)
    begin = 0
    for end in _by_slot(slots, counts, order):
        address = state + 8 * slots[order[begin]] * program[3]
        row = _reals(address)
        while begin < end:
            first = int(row[0])
            index = first % BLOCK
            taken = order[begin : min(begin + BLOCK - index, end)]
            count = len(taken)
            together = taken[count - 1] - taken[0] == count - 1
            _fill(row, program[HEADER], index, open_, taken, together)
            _fill(row, program[HEADER + 1], index, high, taken, together)
            _fill(row, program[HEADER + 2], index, low, taken, together)
            _fill(row, program[HEADER + 3], index, close, taken, together)
            _fill(row, program[HEADER + 4], index, volume, taken, together)
            _fill(row, program[HEADER + 5], index, session, taken, together)
            if together and row_stride == 1:
                _run(address, code, work, _address(out) + 8 * taken[0], row_stride, column_stride, first, count)
            else:
                _run(address, code, work, work + 8 * ROOM, 1, PITCH, first, count)
                for j in range(count):
                    target = taken[j] * row_stride
                    for output in range(outputs):
                        out[target + output * column_stride] = block[output * PITCH + j]
            _commit(row, program, first, count)
            begin += count


@cached
def peek(
    state: int, code: int, work: int, out: Floats, row_stride: int, column_stride: int,
    slots: Codes, session: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
) -> None:  # fmt: skip
    """Compute the values each bar would have if it were committed next. The state is as before when this returns."""
    program = _integers(code)
    kept = program[4]
    saved = _reals(work + 8 * ROOM)
    for i in range(len(slots)):
        address = state + 8 * slots[i] * program[3]
        row = _reals(address)
        first = int(row[0])
        index = first % BLOCK
        for j in range(kept):
            saved[j] = row[j]
        _put(row, program, index, session[i], open_[i], high[i], low[i], close[i], volume[i])
        _run(address, code, work, _address(out) + 8 * i * row_stride, row_stride, column_stride, first, 1)
        for j in range(kept):
            row[j] = saved[j]
        for column in range(program[1]):
            row[program[_COLUMNS + 2 * column] + index] = 0.0


_INT, _REAL = types.int64, types.float64
_reals_1d, _integers_1d = types.Array(_REAL, 1, "C"), types.Array(_INT, 1, "C")
_bars = (types.Array(types.int32, 1, "C"), _integers_1d, *[_reals_1d] * 5)
_SIGNATURES = {
    update_one: (_INT, _INT, _INT, _reals_1d, _INT, _INT, *[_REAL] * 5),
    update: (_INT, _INT, _INT, _reals_1d, _INT, _INT, *_bars, _integers_1d, _integers_1d),
    peek: (_INT, _INT, _INT, _reals_1d, _INT, _INT, *_bars),
}


@cache
def entry_points() -> tuple[Any, Any, Any]:
    """Return `update_one`, `update` and `peek` without Numba's choice by types, which costs more than a bar."""
    one, many, trial = (function.compile(signature) for function, signature in _SIGNATURES.items())
    return one, many, trial


def compile_all() -> int:
    """Make these ready. Return how many had to be compiled because no cache held them."""
    entry_points()
    return sum(sum(function.stats.cache_misses.values()) for function in _SIGNATURES)
