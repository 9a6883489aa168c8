"""Move a symbol's bars and windows: into the columns of its row for one bar, into the work space for a block of them.

`driver` runs the kernels over what stands there. All is passed as addresses, and laid out as `program` says.
"""

from __future__ import annotations

from typing import Any

from tapeline.indicators.engine.addresses import integers_at, reals_at
from tapeline.indicators.engine.program import (
    BLOCK_COLUMNS,
    COLUMN_COUNT,
    COLUMN_LIST,
    COPIES,
    GROUP,
    INPUT_COUNT,
    INPUT_LIST,
    LIST_COUNT,
    LISTS,
    SLACK,
    WIDTH,
)
from tapeline.indicators.kernels.interface import Integers, Reals
from tapeline.indicators.kernels.steps import step


@step
def enlist(program: Integers, work: int, number: int, columns: int, row: int, first: int, out: int) -> None:
    """Write the addresses of a symbol's columns, row and outputs, and its first bar, to this place in the lists."""
    lists, group = integers_at(work + 8 * program[LISTS]), program[GROUP]
    lists[number] = columns
    lists[group + number] = row
    lists[2 * group + number] = first
    lists[3 * group + number] = out


@step
def sources_of(
    program: Integers, work: int, open_: int, high: int, low: int, close: int, volume: int, session: int
) -> Any:
    """Write the addresses of the inputs' columns to the work space, and return them."""
    sources: Any = integers_at(work + 8 * (program[LISTS] + LIST_COUNT * program[GROUP]))
    sources[0], sources[1], sources[2], sources[3], sources[4], sources[5] = open_, high, low, close, volume, session
    return sources


@step
def put(program: Integers, work: int, number: int, row: int, out: int, sources: Integers, bar: int) -> None:
    """Write one bar to a row's columns, and the row to the lists."""
    first = int(reals_at(row)[0])
    address = row + 8 * (first % SLACK)
    enlist(program, work, number, address, row, first, out)
    columns = reals_at(address)
    at = INPUT_LIST
    for _ in range(program[INPUT_COUNT]):
        columns[program[at + 1]] = reals_at(sources[program[at]])[bar]
        at += 3


@step
def commit(program: Integers, work: int, symbols: int) -> None:
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
def load(program: Integers, work: int, row: Reals) -> None:
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
def store(program: Integers, work: int, row: Reals) -> None:
    """Copy the windows in the work space to a row."""
    block, first = reals_at(work + 8 * program[BLOCK_COLUMNS]), int(row[0])
    at = program[COLUMN_LIST]
    for _ in range(program[COLUMN_COUNT]):
        start, target = program[at] - program[at + 2] + first % SLACK, program[at + 1] - program[at + 2]
        for i in range(program[at + 2]):
            row[start + i] = block[target + i]
        at += 3


@step
def advance(program: Integers, work: int, row: Reals, count: int) -> None:
    """Count the bars of a block, and move the windows in the work space to the front."""
    row[0] += count
    block = reals_at(work + 8 * program[BLOCK_COLUMNS])
    at = program[COLUMN_LIST]
    for _ in range(program[COLUMN_COUNT]):
        for i in range(program[at + 1] - program[at + 2], program[at + 1]):
            block[i] = block[i + count]
        at += 3


@step
def fill(program: Integers, work: int, sources: Integers, taken: Integers, count: int, together: bool) -> None:
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
def put_copy(program: Integers, work: int, number: int, row: int, out: int, sources: Integers, bar: int) -> None:
    """Write one bar to the columns of a copy of the row, and the copy to the lists."""
    copy = work + 8 * (program[COPIES] + number * program[WIDTH])
    source, target = reals_at(row), reals_at(copy)
    for j in range(program[WIDTH]):
        target[j] = source[j]
    put(program, work, number, copy, out, sources, bar)
