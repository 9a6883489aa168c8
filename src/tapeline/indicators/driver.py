"""Runs a program over bars: brings each symbol's bars together, a block at a time, and calls the kernels on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from tapeline.indicators.compiling import cached
from tapeline.indicators.kernels.types import BLOCK
from tapeline.indicators.program import HEADER, INPUT_COUNT, INSTRUCTION, INTEGERS
from tapeline.market import Codes, Floats, Ints

_COLUMNS = HEADER + INPUT_COUNT


@intrinsic  # type: ignore[untyped-decorator]
def _call(context: Any, kernel: Any, x: Any, s: Any, a: Any, p: Any, y: Any, k: Any, m: Any) -> Any:
    """Calls the kernel at an address; all arguments are int64, the first six are addresses."""
    del context, kernel, x, s, a, p, y, k, m

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> None:
        from llvmlite import ir  # type: ignore[import-untyped]

        number = ir.IntType(64)
        pointer = ir.PointerType(ir.IntType(8))
        signature = ir.FunctionType(ir.VoidType(), [pointer] * 5 + [number] * 2)
        function = builder.inttoptr(arguments[0], ir.PointerType(signature))
        pointers = [builder.inttoptr(argument, pointer) for argument in arguments[1:6]]
        builder.call(function, [*pointers, *arguments[6:]])

    return types.void(*[types.int64] * 8), generate


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _run(state: Floats, slot: int, code: Ints, work: Floats, k: int, m: int) -> None:
    """All instructions over the m bars that were put behind the symbol's k; outputs go to `work`, column by column."""
    row = np.int64(state.ctypes.data) + 8 * slot * code[3]
    program = np.int64(code.ctypes.data)
    outputs = np.int64(work.ctypes.data)
    at = _COLUMNS + 2 * code[1]
    for _ in range(code[0]):
        _call(
            code[at],
            row + 8 * (k % BLOCK),
            row + 8 * code[at + 1],
            program + 8 * (at + 3),
            program + 8 * (at + 3 + INTEGERS),
            outputs + 8 * BLOCK * code[at + 2],
            k,
            m,
        )
        at += INSTRUCTION


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
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


@cached
def update_one(
    state: Floats, code: Ints, work: Floats, out: Floats,
    slot: int, session: int, open_: float, high: float, low: float, close: float, volume: float,
) -> None:  # fmt: skip
    """Commits one bar; its values go to `out`, float64 [outputs]."""
    row = state[slot]
    k = np.int64(row[0])
    _put(row, code, k % BLOCK, session, open_, high, low, close, volume)
    _run(state, slot, code, work, k, 1)
    for o in range(code[2]):
        out[o] = work[BLOCK * o]
    _commit(row, code, k, 1)


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _put(
    row: Floats, code: Ints, place: int,
    session: int, open_: float, high: float, low: float, close: float, volume: float,
) -> None:  # fmt: skip
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


@cached
def update(
    state: Floats, code: Ints, work: Floats, out: Floats,
    slots: Codes, session: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
    first: Codes, following: Codes,
) -> None:  # fmt: skip
    """Commits the bars in order; their values go to `out`, float64 [n, outputs].

    `first` is int32, -1 for every slot, and is left so; `following` is int32 [n] to write in.
    """
    for i in range(len(slots) - 1, -1, -1):
        following[i] = first[slots[i]]
        first[slots[i]] = i
    taken = np.empty(BLOCK, np.int64)
    for i in range(len(slots)):
        slot = slots[i]
        if first[slot] != i:
            continue  # done with the symbol's first bar
        first[slot] = -1
        row = state[slot]
        at = np.int64(i)
        while at >= 0:
            k = np.int64(row[0])
            place = k % BLOCK
            m = 0
            while at >= 0 and place + m < BLOCK:
                _put(row, code, place + m, session[at], open_[at], high[at], low[at], close[at], volume[at])
                taken[m] = at
                m += 1
                at = np.int64(following[at])
            _run(state, slot, code, work, k, m)
            for j in range(m):
                values = out[taken[j]]
                for o in range(code[2]):
                    values[o] = work[BLOCK * o + j]
            _commit(row, code, k, m)


@cached
def peek(
    state: Floats, code: Ints, work: Floats, out: Floats,
    slots: Codes, session: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
) -> None:  # fmt: skip
    """The values each bar would have if it were the next to be committed. The state is as before when this returns."""
    outputs, end = code[2], code[4]
    saved = work[BLOCK * outputs :]
    for i in range(len(slots)):
        row = state[slots[i]]
        k = np.int64(row[0])
        place = k % BLOCK
        saved[:end] = row[:end]
        _put(row, code, place, session[i], open_[i], high[i], low[i], close[i], volume[i])
        _run(state, slots[i], code, work, k, 1)
        values = out[i]
        for o in range(outputs):
            values[o] = work[BLOCK * o]
        row[:end] = saved[:end]
        for t in range(code[1]):
            row[code[_COLUMNS + 2 * t] + place] = 0.0


def warm_up() -> int:
    """Makes `update`, `update_one` and `peek` ready. Returns how many had to be compiled as no cache held them."""
    functions = (update, update_one, peek)
    before = sum(sum(function.stats.cache_misses.values()) for function in functions)
    state, code, values = np.zeros((1, 1)), np.array([0, 0, 0, 1, 1] + [-1] * INPUT_COUNT), np.zeros(1)
    columns = (np.zeros(1, np.int32), np.zeros(1, np.int64), values, values, values, values, values)
    update(state, code, np.zeros(1), np.zeros((1, 0)), *columns, np.full(1, -1, np.int32), np.zeros(1, np.int32))
    update_one(state, code, np.zeros(1), np.zeros(0), 0, 0, 1.0, 1.0, 1.0, 1.0, 1.0)
    peek(state, code, np.zeros(1), np.zeros((1, 0)), *columns)
    return sum(sum(function.stats.cache_misses.values()) for function in functions) - before
