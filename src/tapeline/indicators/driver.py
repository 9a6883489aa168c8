"""Runs a program over bars: brings each symbol's bars together, a block at a time, and calls the kernels on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from tapeline.indicators.compiling import cached
from tapeline.indicators.kernels.steps import step
from tapeline.indicators.kernels.types import BLOCK, ROOM
from tapeline.indicators.program import HEADER, INPUT_COUNT, INSTRUCTION, INTEGERS
from tapeline.market import Codes, Floats, Ints

_COLUMNS = HEADER + INPUT_COUNT


@intrinsic  # type: ignore[untyped-decorator]
def _call(
    context: Any, kernel: Any, x: Any, s: Any, a: Any, p: Any, y: Any, z: Any, w: Any, k: Any, m: Any
) -> tuple[Any, Any]:
    """Calls the kernel at an address; all arguments are int64, the first seven are addresses."""
    del context, kernel, x, s, a, p, y, z, w, k, m

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> None:
        from llvmlite import ir  # type: ignore[import-untyped]

        number = ir.IntType(64)
        pointer = ir.PointerType(ir.IntType(8))
        signature = ir.FunctionType(ir.VoidType(), [pointer] * 6 + [number] * 3)
        function = builder.inttoptr(arguments[0], ir.PointerType(signature))
        pointers = [builder.inttoptr(argument, pointer) for argument in arguments[1:7]]
        builder.call(function, [*pointers, *arguments[7:]])

    return types.void(*[types.int64] * 10), generate


@intrinsic  # type: ignore[untyped-decorator]
def _copy(context: Any, target: Any, source: Any, size: Any) -> tuple[Any, Any]:
    """Copies `size` bytes between two addresses that do not overlap."""
    del context, target, source, size

    def generate(_: Any, builder: Any, __: Any, a: Any) -> None:
        from llvmlite import ir

        pointer = ir.PointerType(ir.IntType(8))
        fn = builder.module.declare_intrinsic("llvm.memcpy", [pointer, pointer, ir.IntType(64)])
        builder.call(
            fn, [builder.inttoptr(a[0], pointer), builder.inttoptr(a[1], pointer), a[2], ir.Constant(ir.IntType(1), 0)]
        )

    return types.void(types.int64, types.int64, types.int64), generate


@step
def _run(row: Floats, code: Ints, work: Floats, out: Floats, k: int, m: int) -> None:
    """All instructions over the m bars put behind the symbol's k; bar i's outputs go to out[i], in C order."""
    numbers = np.int64(row.ctypes.data)
    program = np.int64(code.ctypes.data)
    outputs = np.int64(out.ctypes.data)
    room = np.int64(work.ctypes.data)
    columns = numbers + 8 * (k % BLOCK)
    at = _COLUMNS + 2 * code[1]
    for _ in range(code[0]):
        _call(
            code[at],
            columns,
            numbers + 8 * code[at + 1],
            program + 8 * (at + 3),
            program + 8 * (at + 3 + INTEGERS),
            outputs + 8 * code[at + 2],
            room,
            code[2],
            k,
            m,
        )
        at += INSTRUCTION


@step
def _commit(row: Floats, code: Ints, k: int, m: int) -> None:
    """Counts the m bars; at the end of a block, moves every column's history to its front and clears what is behind."""
    row[0] = k + m
    if (k + m) % BLOCK:
        return
    for t in range(code[1]):
        place, history = code[_COLUMNS + 2 * t], code[_COLUMNS + 2 * t + 1]
        for i in range(place - history, place):
            row[i] = row[i + BLOCK]
        row[place : place + BLOCK] = 0.0


@step
def _put(
    row: Floats, code: Ints, place: int,
    session: int, open_: float, high: float, low: float, close: float, volume: float,
) -> None:  # fmt: skip
    """Writes one bar to the columns that are read."""
    if code[HEADER] >= 0:
        row[code[HEADER] + place] = open_
    if code[HEADER + 1] >= 0:
        row[code[HEADER + 1] + place] = high
    if code[HEADER + 2] >= 0:
        row[code[HEADER + 2] + place] = low
    if code[HEADER + 3] >= 0:
        row[code[HEADER + 3] + place] = close
    if code[HEADER + 4] >= 0:
        row[code[HEADER + 4] + place] = volume
    if code[HEADER + 5] >= 0:
        row[code[HEADER + 5] + place] = session


@step
def _fill(row: Floats, place: int, column: Any, taken: Ints, m: int, together: bool) -> None:
    """Writes the m values at `taken` to a column of the row."""
    if place < 0:
        return
    if together:
        row[place : place + m] = column[taken[0] : taken[0] + m]
    else:
        for j in range(m):
            row[place + j] = column[taken[j]]


@cached
def update_one(
    state: Floats, code: Ints, work: Floats, out: Floats,
    slot: int, session: int, open_: float, high: float, low: float, close: float, volume: float,
) -> None:  # fmt: skip
    """Commits one bar; its values go to `out`, float64 [outputs]."""
    row = state[slot]
    k = int(row[0])
    _put(row, code, k % BLOCK, session, open_, high, low, close, volume)
    _run(row, code, work, out, k, 1)
    _commit(row, code, k, 1)


@cached
def update(
    state: Floats, code: Ints, work: Floats, out: Floats,
    slots: Codes, session: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
    first: Codes, following: Codes,
) -> None:  # fmt: skip
    """Commits the bars in order; their values go to `out`, float64 [n, outputs].

    `first` is int32, -1 for every slot, and is left so; `following` is int32 [n] to write in.
    """
    count, outputs = len(slots), code[2]
    alone = True
    for i in range(count):
        alone = alone and slots[i] == slots[0]
    if alone:
        for i in range(count):
            following[i] = i + 1
        if count:
            following[count - 1] = -1
            first[slots[0]] = 0
    else:
        for i in range(count - 1, -1, -1):
            following[i] = first[slots[i]]
            first[slots[i]] = i
    taken = np.empty(BLOCK, np.int64)
    block = work[ROOM : ROOM + BLOCK * outputs].reshape(BLOCK, outputs)
    for i in range(count):
        slot = slots[i]
        if first[slot] != i:
            continue  # done with the symbol's first bar
        first[slot] = -1
        row = state[slot]
        at = np.int64(i)
        while at >= 0:
            k = int(row[0])
            place = k % BLOCK
            m = 0
            while at >= 0 and place + m < BLOCK:
                taken[m] = at
                m += 1
                at = np.int64(following[at])
            together = taken[m - 1] - taken[0] == m - 1
            for o in range(INPUT_COUNT):
                column = code[HEADER + o]
                if column < 0:
                    continue
                if o == 0:
                    _fill(row, column + place, open_, taken, m, together)
                elif o == 1:
                    _fill(row, column + place, high, taken, m, together)
                elif o == 2:
                    _fill(row, column + place, low, taken, m, together)
                elif o == 3:
                    _fill(row, column + place, close, taken, m, together)
                elif o == 4:
                    _fill(row, column + place, volume, taken, m, together)
                else:
                    _fill(row, column + place, session, taken, m, together)
            _run(row, code, work, block, k, m)
            if together:
                _copy(np.int64(out.ctypes.data) + 8 * outputs * taken[0], np.int64(block.ctypes.data), 8 * outputs * m)
            else:
                for j in range(m):
                    out[taken[j]] = block[j]
            _commit(row, code, k, m)


@cached
def peek(
    state: Floats, code: Ints, work: Floats, out: Floats,
    slots: Codes, session: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
) -> None:  # fmt: skip
    """The values each bar would have if it were the next to be committed. The state is as before when this returns."""
    end = code[4]
    saved = work[ROOM : ROOM + end]
    for i in range(len(slots)):
        row = state[slots[i]]
        k = int(row[0])
        place = k % BLOCK
        saved[:] = row[:end]
        _put(row, code, place, session[i], open_[i], high[i], low[i], close[i], volume[i])
        _run(row, code, work, out[i : i + 1], k, 1)
        row[:end] = saved
        for t in range(code[1]):
            row[code[_COLUMNS + 2 * t] + place] = 0.0


def warm_up() -> int:
    """Makes `update`, `update_one` and `peek` ready. Returns how many had to be compiled as no cache held them."""
    functions = (update, update_one, peek)
    before = sum(sum(function.stats.cache_misses.values()) for function in functions)
    state, code, values = np.zeros((1, 1)), np.array([0, 0, 0, 1, 1] + [-1] * INPUT_COUNT), np.zeros(1)
    columns = (np.zeros(1, np.int32), np.zeros(1, np.int64), values, values, values, values, values)
    update(state, code, np.zeros(ROOM + 1), np.zeros((1, 0)), *columns, np.full(1, -1, np.int32), np.zeros(1, np.int32))
    update_one(state, code, np.zeros(ROOM + 1), np.zeros(0), 0, 0, 1.0, 1.0, 1.0, 1.0, 1.0)
    peek(state, code, np.zeros(ROOM + 1), np.zeros((1, 0)), *columns)
    return sum(sum(function.stats.cache_misses.values()) for function in functions) - before
