"""Run a program over bars: one bar of each of several symbols in their rows, many bars of one in the work space.

State, program and work space are passed as addresses. The engine keeps them alive. `state` holds one row of
`program[WIDTH]` numbers a slot; all are laid out as `program` says.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
from numba import types

from tapeline.core.market import Codes, Floats, Ints
from tapeline.indicators.engine.addresses import call, integers_at, prefetch, reals_at
from tapeline.indicators.engine.bar_order import by_slot
from tapeline.indicators.engine.compiling import address_of, cached
from tapeline.indicators.engine.program import (
    BLOCK_COLUMNS,
    BLOCK_INSTRUCTIONS,
    GROUP,
    INSTRUCTION,
    INSTRUCTION_COUNT,
    INTEGERS,
    LINE_COUNT,
    LINE_LIST,
    LISTS,
    OUTPUTS,
    PITCH,
    ROW_INSTRUCTIONS,
    WIDTH,
)
from tapeline.indicators.engine.row_windows import advance, commit, enlist, fill, load, put, put_copy, sources_of, store
from tapeline.indicators.kernels.interface import BLOCK, ROOM, Integers
from tapeline.indicators.kernels.steps import step

#: Of one symbol, fewer bars than this are computed one by one in its row, more of them in the work space.
_FEW = 9


@step
def _address(values: Any) -> int:
    return np.int64(values.ctypes.data)  # type: ignore[return-value]  # an int, once compiled


@step
def _run(
    code: int, work: int, instructions: int, symbols: int, row_stride: int, column_stride: int, count: int, soon: int
) -> None:
    """Run the instructions at an index of the program over what `enlist` put into the lists.

    Output o of bar i goes to out[i * row_stride + o * column_stride]. Meanwhile, the rows of `soon` more symbols, which
    come after them in the lists, are brought into the cache: a few lines of each after every instruction.
    """
    program = integers_at(code)
    lists, pitch = work + 8 * program[LISTS], 8 * program[GROUP]
    later = integers_at(lists + 6 * pitch)
    at, line = instructions, 0
    for number in range(program[INSTRUCTION_COUNT]):
        call(
            program[at],
            lists,
            lists + pitch,
            lists + 2 * pitch,
            lists + 3 * pitch,
            symbols,
            8 * program[at + 1],
            8 * column_stride * program[at + 2],
            code + 8 * (at + 3),
            code + 8 * (at + 3 + INTEGERS),
            work,
            row_stride,
            column_stride,
            count,
        )
        at += INSTRUCTION
        if soon > 0:
            upto = (number + 1) * program[LINE_COUNT] // program[INSTRUCTION_COUNT]
            while line < upto:
                offset = program[program[LINE_LIST] + line]
                for s in range(soon):
                    prefetch(later[s] + offset)
                line += 1


@cached
def update_one(
    state: int, code: int, work: int,
    out: Floats, slot: int, session: int, open_: float, high: float, low: float, close: float, volume: float,
) -> None:  # fmt: skip
    """Commit one bar; its values go to `out`, float64 [outputs]."""
    program = integers_at(code)
    bar = reals_at(work)
    bar[0], bar[1], bar[2], bar[3], bar[4], bar[5] = open_, high, low, close, volume, session
    sources = sources_of(program, work, work, work + 8, work + 16, work + 24, work + 32, work + 40)
    put(program, work, 0, state + 8 * slot * program[WIDTH], _address(out), sources, 0)
    _run(code, work, program[ROW_INSTRUCTIONS], 1, program[OUTPUTS], 1, 1, 0)
    commit(program, work, 1)


@step
def _update_many(
    row: int, code: int, work: int, out: int, row_stride: int, column_stride: int,
    sources: Integers, bars: int, end: int,
) -> None:  # fmt: skip
    """Commit bars of the symbol with this row. Their indices are the `end` int64s at the address `bars`."""
    program, values = integers_at(code), reals_at(out)
    columns = work + 8 * program[BLOCK_COLUMNS]
    computed = reals_at(work + 8 * ROOM)
    load(program, work, reals_at(row))
    begin = 0
    while begin < end:
        first = int(reals_at(row)[0])
        taken, count = integers_at(bars + 8 * begin), min(BLOCK - first % BLOCK, end - begin)
        together = taken[count - 1] - taken[0] == count - 1
        fill(program, work, sources, taken, count, together)
        straight = together and row_stride == 1
        target = out + 8 * taken[0] if straight else work + 8 * ROOM
        enlist(program, work, 0, columns, row, first, target)
        _run(code, work, program[BLOCK_INSTRUCTIONS], 1, 1, column_stride if straight else PITCH, count, 0)
        if not straight:
            for j in range(count):
                for output in range(program[OUTPUTS]):
                    values[taken[j] * row_stride + output * column_stride] = computed[output * PITCH + j]
        advance(program, work, reals_at(row), count)
        begin += count
    store(program, work, reals_at(row))


@partial(cached, nogil=True)  # data frames are computed on several cores, each with an engine of its own
def update(
    state: int, code: int, work: int, out: Floats, row_stride: int, column_stride: int,
    slots: Codes, session: Floats, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
    counts: Ints, order: Ints,
) -> None:  # fmt: skip
    """Commit the bars in order; output o of bar i goes to out[i * row_stride + o * column_stride], float64.

    `counts` is int64, 0 for every slot, and is left so; `order` is int64 [bars] to write in. Raises `ValueError` for a
    slot that does not exist; nothing has been committed then.
    """
    program = integers_at(code)
    group, lists = program[GROUP], work + 8 * program[LISTS]
    sources = sources_of(
        program, work, _address(open_), _address(high), _address(low), _address(close), _address(volume),
        _address(session),
    )  # fmt: skip
    begins, stops, later = (
        integers_at(lists + 32 * group), integers_at(lists + 40 * group), integers_at(lists + 48 * group),
    )  # fmt: skip
    ends = by_slot(slots, counts, order)
    begin = waiting = 0
    for number in range(len(ends)):
        end = ends[number]
        if end - begin >= _FEW:
            row, bars = state + 8 * slots[order[begin]] * program[WIDTH], _address(order) + 8 * begin
            _update_many(row, code, work, _address(out), row_stride, column_stride, sources, bars, end - begin)
        else:
            begins[waiting], stops[waiting] = begin, end
            waiting += 1
        begin = end
        if waiting == group or (waiting > 0 and number == len(ends) - 1):
            soon = min(group, len(ends) - 1 - number)
            for s in range(soon):
                later[s] = state + 8 * slots[order[ends[number + s]]] * program[WIDTH]
            while waiting > 0:
                for s in range(waiting):
                    bar = order[begins[s]]
                    row = state + 8 * slots[bar] * program[WIDTH]
                    put(program, work, s, row, _address(out) + 8 * bar * row_stride, sources, bar)
                _run(code, work, program[ROW_INSTRUCTIONS], waiting, row_stride, column_stride, 1, soon)
                commit(program, work, waiting)
                left = soon = 0
                for s in range(waiting):
                    if begins[s] + 1 < stops[s]:
                        begins[left], stops[left] = begins[s] + 1, stops[s]
                        left += 1
                waiting = left


@cached
def peek(
    state: int, code: int, work: int, out: Floats, row_stride: int, column_stride: int,
    slots: Codes, session: Floats, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
) -> None:  # fmt: skip
    """Compute the values each bar would have if it were committed next, on copies of the rows."""
    program = integers_at(code)
    width, group = program[WIDTH], program[GROUP]
    sources = sources_of(
        program, work, _address(open_), _address(high), _address(low), _address(close), _address(volume),
        _address(session),
    )  # fmt: skip
    for begin in range(0, len(slots), group):
        together = min(group, len(slots) - begin)
        for s in range(together):
            bar = begin + s
            row = state + 8 * slots[bar] * width
            put_copy(program, work, s, row, _address(out) + 8 * bar * row_stride, sources, bar)
        _run(code, work, program[ROW_INSTRUCTIONS], together, row_stride, column_stride, 1, 0)


@partial(cached, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def update_alone(arguments: int) -> None:
    """Do `update` for bars of one symbol after the other, which use one row in turn, for `alone`.

    At the address `arguments` are 15 int64s: the addresses of the row, of program, work space and outputs, both
    strides, the addresses of open, high, low, close, volume and session, that of the bars' indices in these, how many
    symbols there are, and the address of the places where each one's indices end. The first goes on from the row.
    """
    given = integers_at(arguments)
    program, row, ends = integers_at(given[1]), reals_at(given[0]), integers_at(given[14])
    sources = sources_of(program, given[2], given[6], given[7], given[8], given[9], given[10], given[11])
    begin = 0
    for symbol in range(given[13]):
        if symbol > 0:
            for i in range(program[WIDTH]):
                row[i] = 0.0
        end = ends[symbol]
        bars = given[12] + 8 * begin
        _update_many(given[0], given[1], given[2], given[3], given[4], given[5], sources, bars, end - begin)
        begin = end


@partial(cached, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def peek_alone(arguments: int) -> None:
    """Do `peek` for bars of one symbol, for `alone`. The arguments are those of `update_alone`."""
    given = integers_at(arguments)
    program, bars = integers_at(given[1]), integers_at(given[12])
    sources = sources_of(program, given[2], given[6], given[7], given[8], given[9], given[10], given[11])
    for number in range(integers_at(given[14])[0]):
        put_copy(program, given[2], 0, given[0], given[3] + 8 * bars[number] * given[4], sources, bars[number])
        _run(given[1], given[2], program[ROW_INSTRUCTIONS], 1, given[4], given[5], 1, 0)


_INT, _REAL = types.int64, types.float64
_reals_1d, _integers_1d = types.Array(_REAL, 1, "C"), types.Array(_INT, 1, "C")
_bars = (types.Array(types.int32, 1, "C"), *[_reals_1d] * 6)
_SIGNATURES = {
    update_one: (_INT, _INT, _INT, _reals_1d, _INT, _INT, *[_REAL] * 5),
    update: (_INT, _INT, _INT, _reals_1d, _INT, _INT, *_bars, _integers_1d, _integers_1d),
    peek: (_INT, _INT, _INT, _reals_1d, _INT, _INT, *_bars),
    update_alone: (_INT,),
    peek_alone: (_INT,),
}


@cache
def entry_points() -> tuple[Any, Any, Any, int]:
    """Return `update_one`, `update` and `peek` without Numba's choice by types, which costs more than a bar.

    The fourth is the address of `update_alone`.
    """
    one, many, trial, *_ = (function.compile(signature) for function, signature in _SIGNATURES.items())
    return one, many, trial, address_of(update_alone.overloads[_SIGNATURES[update_alone]])


def compile_all() -> int:
    """Make these ready. Return how many had to be compiled because no cache held them."""
    entry_points()
    return sum(sum(function.stats.cache_misses.values()) for function in _SIGNATURES)
