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
from tapeline.indicators.engine.compiling import cached
from tapeline.indicators.engine.program import (
    BLOCK_COLUMNS,
    BLOCK_INSTRUCTIONS,
    COLUMN_COUNT,
    COLUMN_LIST,
    COPIES,
    GROUP,
    INPUT_COUNT,
    INPUT_LIST,
    INSTRUCTION,
    INSTRUCTION_COUNT,
    INTEGERS,
    LINE_COUNT,
    LINE_LIST,
    LIST_COUNT,
    LISTS,
    OUTPUTS,
    PITCH,
    ROW_INSTRUCTIONS,
    SLACK,
    WIDTH,
)
from tapeline.indicators.kernels.interface import BLOCK, ROOM, Integers, Reals
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
    """Run the instructions at an index of the program over what `_enlist` put into the lists.

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


@step
def _enlist(program: Integers, work: int, number: int, columns: int, row: int, first: int, out: int) -> None:
    """Write the addresses of a symbol's columns, row and outputs, and its first bar, to this place in the lists."""
    lists, group = integers_at(work + 8 * program[LISTS]), program[GROUP]
    lists[number] = columns
    lists[group + number] = row
    lists[2 * group + number] = first
    lists[3 * group + number] = out


@step
def _sources(
    program: Integers, work: int, open_: int, high: int, low: int, close: int, volume: int, session: int
) -> Any:
    """Write the addresses of the inputs' columns to the work space, and return them."""
    sources: Any = integers_at(work + 8 * (program[LISTS] + LIST_COUNT * program[GROUP]))
    sources[0], sources[1], sources[2], sources[3], sources[4], sources[5] = open_, high, low, close, volume, session
    return sources


@step
def _put(program: Integers, work: int, number: int, row: int, out: int, sources: Integers, bar: int) -> None:
    """Write one bar to a row's columns, and the row to the lists."""
    first = int(reals_at(row)[0])
    address = row + 8 * (first % SLACK)
    _enlist(program, work, number, address, row, first, out)
    columns = reals_at(address)
    at = INPUT_LIST
    for _ in range(program[INPUT_COUNT]):
        columns[program[at + 1]] = reals_at(sources[program[at]])[bar]
        at += 3


@step
def _commit(program: Integers, work: int, symbols: int) -> None:
    """Count the bar of each row in the lists; after every SLACK bars, move its windows to the front."""
    lists, group = integers_at(work + 8 * program[LISTS]), program[GROUP]
    for number in range(symbols):
        row, count = reals_at(lists[group + number]), lists[2 * group + number] + 1
        row[0] = count
        if count % SLACK == 0:
            at = program[COLUMN_LIST]
            for _ in range(program[COLUMN_COUNT]):
                for i in range(program[at] - program[at + 2], program[at]):
                    row[i] = row[i + SLACK]
                at += 3


@step
def _load(program: Integers, work: int, row: Reals) -> None:
    """Copy the windows of a row to the work space. A symbol's first bars find no rests of other symbols there."""
    block, first = reals_at(work + 8 * program[BLOCK_COLUMNS]), int(row[0])
    at = program[COLUMN_LIST]
    for _ in range(program[COLUMN_COUNT]):
        start, target = program[at] - program[at + 2] + first % SLACK, program[at + 1] - program[at + 2]
        for i in range(program[at + 2]):
            block[target + i] = row[start + i]
        if first == 0:
            block[program[at + 1]] = 0.0
        at += 3


@step
def _store(program: Integers, work: int, row: Reals) -> None:
    """Copy the windows in the work space to a row."""
    block, first = reals_at(work + 8 * program[BLOCK_COLUMNS]), int(row[0])
    at = program[COLUMN_LIST]
    for _ in range(program[COLUMN_COUNT]):
        start, target = program[at] - program[at + 2] + first % SLACK, program[at + 1] - program[at + 2]
        for i in range(program[at + 2]):
            row[start + i] = block[target + i]
        at += 3


@step
def _advance(program: Integers, work: int, row: Reals, count: int) -> None:
    """Count the bars of a block, and move the windows in the work space to the front."""
    row[0] += count
    block = reals_at(work + 8 * program[BLOCK_COLUMNS])
    at = program[COLUMN_LIST]
    for _ in range(program[COLUMN_COUNT]):
        for i in range(program[at + 1] - program[at + 2], program[at + 1]):
            block[i] = block[i + count]
        at += 3


@step
def _fill(program: Integers, work: int, sources: Integers, taken: Integers, count: int, together: bool) -> None:
    """Write the bars whose indices are the first `count` of `taken` to the columns of the block."""
    block, at = reals_at(work + 8 * program[BLOCK_COLUMNS]), INPUT_LIST
    for _ in range(program[INPUT_COUNT]):
        values, index = reals_at(sources[program[at]]), program[at + 2]
        if together:
            for j in range(count):
                block[index + j] = values[taken[0] + j]
        else:
            for j in range(count):
                block[index + j] = values[taken[j]]
        at += 3


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
    program = integers_at(code)
    bar = reals_at(work)
    bar[0], bar[1], bar[2], bar[3], bar[4], bar[5] = open_, high, low, close, volume, session
    sources = _sources(program, work, work, work + 8, work + 16, work + 24, work + 32, work + 40)
    _put(program, work, 0, state + 8 * slot * program[WIDTH], _address(out), sources, 0)
    _run(code, work, program[ROW_INSTRUCTIONS], 1, program[OUTPUTS], 1, 1, 0)
    _commit(program, work, 1)


@step
def _update_many(
    row: int, code: int, work: int, out: int, row_stride: int, column_stride: int,
    sources: Integers, bars: int, end: int,
) -> None:  # fmt: skip
    """Commit bars of the symbol with this row. Their indices are the `end` int64s at the address `bars`."""
    program, values = integers_at(code), reals_at(out)
    columns = work + 8 * program[BLOCK_COLUMNS]
    computed = reals_at(work + 8 * ROOM)
    _load(program, work, reals_at(row))
    begin = 0
    while begin < end:
        first = int(reals_at(row)[0])
        taken, count = integers_at(bars + 8 * begin), min(BLOCK - first % BLOCK, end - begin)
        together = taken[count - 1] - taken[0] == count - 1
        _fill(program, work, sources, taken, count, together)
        straight = together and row_stride == 1
        target = out + 8 * taken[0] if straight else work + 8 * ROOM
        _enlist(program, work, 0, columns, row, first, target)
        _run(code, work, program[BLOCK_INSTRUCTIONS], 1, 1, column_stride if straight else PITCH, count, 0)
        if not straight:
            for j in range(count):
                for output in range(program[OUTPUTS]):
                    values[taken[j] * row_stride + output * column_stride] = computed[output * PITCH + j]
        _advance(program, work, reals_at(row), count)
        begin += count
    _store(program, work, reals_at(row))


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
    sources = _sources(
        program, work, _address(open_), _address(high), _address(low), _address(close), _address(volume),
        _address(session),
    )  # fmt: skip
    begins, stops, later = (
        integers_at(lists + 32 * group), integers_at(lists + 40 * group), integers_at(lists + 48 * group),
    )  # fmt: skip
    ends = _by_slot(slots, counts, order)
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
                    _put(program, work, s, row, _address(out) + 8 * bar * row_stride, sources, bar)
                _run(code, work, program[ROW_INSTRUCTIONS], waiting, row_stride, column_stride, 1, soon)
                _commit(program, work, waiting)
                left = soon = 0
                for s in range(waiting):
                    if begins[s] + 1 < stops[s]:
                        begins[left], stops[left] = begins[s] + 1, stops[s]
                        left += 1
                waiting = left


@step
def _put_copy(program: Integers, work: int, number: int, row: int, out: int, sources: Integers, bar: int) -> None:
    """Write one bar to the columns of a copy of the row, and the copy to the lists."""
    copy = work + 8 * (program[COPIES] + number * program[WIDTH])
    source, target = reals_at(row), reals_at(copy)
    for j in range(program[WIDTH]):
        target[j] = source[j]
    _put(program, work, number, copy, out, sources, bar)


@cached
def peek(
    state: int, code: int, work: int, out: Floats, row_stride: int, column_stride: int,
    slots: Codes, session: Floats, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
) -> None:  # fmt: skip
    """Compute the values each bar would have if it were committed next, on copies of the rows."""
    program = integers_at(code)
    width, group = program[WIDTH], program[GROUP]
    sources = _sources(
        program, work, _address(open_), _address(high), _address(low), _address(close), _address(volume),
        _address(session),
    )  # fmt: skip
    for begin in range(0, len(slots), group):
        together = min(group, len(slots) - begin)
        for s in range(together):
            bar = begin + s
            row = state + 8 * slots[bar] * width
            _put_copy(program, work, s, row, _address(out) + 8 * bar * row_stride, sources, bar)
        _run(code, work, program[ROW_INSTRUCTIONS], together, row_stride, column_stride, 1, 0)


@partial(cached, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def update_alone(arguments: int) -> None:
    """Do `update` for bars of one symbol, for `alone`. At the address `arguments` are 14 int64s.

    They are the addresses of the symbol's row, of program, work space and outputs, both strides, the addresses of open,
    high, low, close, volume and session, that of the bars' indices in these, and how many there are.
    """
    given = integers_at(arguments)
    program = integers_at(given[1])
    sources = _sources(program, given[2], given[6], given[7], given[8], given[9], given[10], given[11])
    _update_many(given[0], given[1], given[2], given[3], given[4], given[5], sources, given[12], given[13])


@partial(cached, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def peek_alone(arguments: int) -> None:
    """Do `peek` for bars of one symbol, for `alone`. The arguments are those of `update_alone`."""
    given = integers_at(arguments)
    program, bars = integers_at(given[1]), integers_at(given[12])
    sources = _sources(program, given[2], given[6], given[7], given[8], given[9], given[10], given[11])
    for number in range(given[13]):
        _put_copy(program, given[2], 0, given[0], given[3] + 8 * bars[number] * given[4], sources, bars[number])
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
def entry_points() -> tuple[Any, Any, Any]:
    """Return `update_one`, `update` and `peek` without Numba's choice by types, which costs more than a bar."""
    one, many, trial, *_ = (function.compile(signature) for function, signature in _SIGNATURES.items())
    return one, many, trial


def compile_all() -> int:
    """Make these ready. Return how many had to be compiled because no cache held them."""
    entry_points()
    return sum(sum(function.stats.cache_misses.values()) for function in _SIGNATURES)
