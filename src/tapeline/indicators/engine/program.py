"""Turn specs into a program: which kernels to run, where in a symbol's row their numbers are, with what parameters.

A symbol's row is float64: the count of its bars, then every instruction's own numbers, then the columns. What every bar
touches comes first, the long windows last. A column with a history of h bars has h + SLACK places; bar k is at index
h + k % SLACK, and after every SLACK bars the last h places move to the front. Columns that nobody looks back on lie one
place apart and write over each other's old values. The place of bar 0 begins a cache line, of which there are SLACK
numbers in one: so a new bar is always in the same line of its column.

Blocks of bars of one symbol are computed in the work space instead, where every column has h + BLOCK places and bar 0
of the block is at index h. So a row pays for windows only, not for room to compute in.

The program itself is one int64 array, read by `driver`: the header, whose fields are named below; for every input that
is read its number, its index in a row and its index in a block; for every column with a history its index in a row, its
index in a block and its history; the cache lines of a row that most bars touch; and the instructions, first those for
rows, then the same for blocks. An instruction is `INSTRUCTION` numbers: the kernel's address, the index of its state,
that of its first output in a row of values, then its `ints` and, as float64, its `reals`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tapeline.core.market import Ints
from tapeline.indicators.entry import Storage
from tapeline.indicators.kernels.interface import BLOCK, INPUTS, ROOM, Input
from tapeline.indicators.kernels.shared_columns import Shared
from tapeline.indicators.spec import Spec

#: Raised whenever a kernel keeps something else in its numbers or columns, or a snapshot is laid out differently.
LAYOUT_VERSION = 2

#: Bars that a row takes before its windows move, and the numbers in a cache line.
SLACK = 8

#: From one output to the next within a block. Not BLOCK, a power of two, which would crowd them in the cache.
PITCH = BLOCK + 8

#: The fields of the header: sizes, then indexes in the program, then from BLOCK_COLUMNS on indexes in the work space,
#: which begins with the kernels' scratch and the outputs of a block.
OUTPUTS, WIDTH, GROUP, INPUT_COUNT, COLUMN_COUNT, LINE_COUNT, INSTRUCTION_COUNT = range(7)
COLUMN_LIST, LINE_LIST, ROW_INSTRUCTIONS, BLOCK_INSTRUCTIONS, BLOCK_COLUMNS, LISTS, COPIES = range(7, 14)
INPUT_LIST = 14

#: Lists of `GROUP` numbers in the work space: what `SIGNATURE` begins with, the bars that wait, and the rows to come.
#: The addresses of the inputs' columns follow.
LIST_COUNT = 7

INTEGERS, REALS = 13, 8
INSTRUCTION = 3 + INTEGERS + REALS

#: Symbols whose next bar is computed together: few enough for their rows to stay in the fastest cache.
_MOST_TOGETHER, _CACHE = 16, 8192


Key = tuple[str, tuple[str, ...], tuple[int, ...]]


class Program:
    """Hold what to run for these specs, all but the kernels' addresses. `code` is the array described above.

    `kernels` are in the order of the instructions: those of shared columns come before the indicators that read them.
    `kept` is int64: the index in a row of everything a snapshot holds, for a symbol whose count is a multiple of SLACK;
    from number `numbers` on, add the count's remainder.
    """

    def __init__(self, specs: Sequence[Spec]) -> None:
        storages = [spec.indicator.storage(*spec.parameters) for spec in specs]
        self.layout = _layout(specs, storages)
        shared = _once(part for storage in storages for part in storage.shared)
        self.kernels = [part.kernel for part in shared.values()] + [spec.indicator.kernel for spec in specs]
        numbers = [part.numbers for part in shared.values()] + [storage.numbers for storage in storages]
        *states, self.numbers = np.cumsum([1, *numbers]).tolist()
        *outputs, self.outputs = np.cumsum([0, *[0] * len(shared), *(len(spec.outputs) for spec in specs)]).tolist()
        plan = _Plan(shared, storages)
        in_row, self.width = _places_in_row(plan.backs, self.numbers)
        in_block = (np.cumsum([back + BLOCK for back in plan.backs]) - BLOCK).tolist()
        inputs = [(INPUTS.index(name), in_row[i], in_block[i]) for name, i in plan.inputs.items()]
        windows = [(in_row[i], in_block[i], back) for i, back in enumerate(plan.backs) if back]
        lines = _lines(self.width, windows)
        self.kept: Ints = np.concatenate(
            (np.arange(self.numbers), *(np.arange(index - back, index) for index, _, back in windows))
        )
        lists = [number for part in (*inputs, *windows) for number in part] + lines
        header = np.zeros(INPUT_LIST, np.int64)
        header[OUTPUTS], header[WIDTH] = self.outputs, self.width
        header[GROUP] = group = max(1, min(_MOST_TOGETHER, _CACHE // self.width))
        header[INPUT_COUNT], header[COLUMN_COUNT], header[LINE_COUNT] = len(inputs), len(windows), len(lines)
        header[INSTRUCTION_COUNT] = len(self.kernels)
        header[COLUMN_LIST] = INPUT_LIST + 3 * len(inputs)
        header[LINE_LIST] = header[COLUMN_LIST] + 3 * len(windows)
        header[ROW_INSTRUCTIONS] = self._first = INPUT_LIST + len(lists)
        header[BLOCK_INSTRUCTIONS] = self._first + INSTRUCTION * len(self.kernels)
        header[BLOCK_COLUMNS] = ROOM + PITCH * self.outputs
        header[LISTS] = header[BLOCK_COLUMNS] + sum(plan.backs) + BLOCK * len(plan.backs)
        header[COPIES] = header[LISTS] + LIST_COUNT * group + len(INPUTS)
        self.work = int(header[COPIES]) + group * self.width
        parameters = [*(part.parameters for part in shared.values()), *(spec.parameters for spec in specs)]
        instructions = [
            _instruction(state, output, [places[number] for number in read], values)
            for places in (in_row, in_block)
            for state, output, read, values in zip(states, outputs, plan.reads, parameters, strict=True)
        ]
        self.code: Ints = np.concatenate((header, np.array(lists, np.int64), *instructions))

    def place_kernels(self, addresses: Sequence[int]) -> None:
        """Write the addresses of `kernels` into the instructions."""
        self.code[self._first :: INSTRUCTION] = [*addresses, *addresses]


class _Plan:
    """Number the columns, each input once: `backs` are their histories, `reads` what every instruction reads of them.

    `inputs` are the numbers of the inputs that are read.
    """

    def __init__(self, shared: Mapping[Key, Shared], storages: Sequence[Storage]) -> None:
        history: dict[str, int] = {}
        for reads in (*(part.reads for part in shared.values()), *(storage.reads for storage in storages)):
            for name, back in reads.items():
                history[name] = max(history.get(name, 0), back)
        self.inputs = {name: number for number, name in enumerate(filter(history.__contains__, INPUTS))}
        self.backs = [history[name] for name in self.inputs]
        filled = {key: self._add([part.back] * part.columns) for key, part in shared.items()}
        self.reads = [self._numbers(part.reads) + filled[key] for key, part in shared.items()]
        for storage in storages:
            read = [number for part in storage.shared for number in filled[_key(part)]]
            self.reads.append(self._numbers(storage.reads) + read + self._add(storage.columns))

    def _numbers(self, names: Iterable[Input]) -> list[int]:
        return [self.inputs[name] for name in names]

    def _add(self, backs: Sequence[int]) -> list[int]:
        self.backs += backs
        return list(range(len(self.backs) - len(backs), len(self.backs)))


def _places_in_row(backs: Sequence[int], start: int) -> tuple[list[int], int]:
    """Return the index of bar 0 of each column in a row whose numbers end at `start`, and the width of a row.

    A row has an odd number of cache lines, so that rows do not crowd the same places of the cache.
    """
    places = [0] * len(backs)
    end = start
    for number, back in enumerate(backs):
        if not back:
            places[number] = end
            end += 1
    if end > start:
        end += SLACK - 1
    for number in sorted((i for i, back in enumerate(backs) if back), key=backs.__getitem__):
        places[number] = -(-(end + backs[number]) // SLACK) * SLACK
        end = places[number] + SLACK
    return places, (-(-end // SLACK) | 1) * SLACK


def _lines(width: int, table: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return the cache lines of a row, in bytes, but for the inner ones of long windows."""
    inner = {line for index, _, back in table for line in range((index - back) // SLACK + 2, index // SLACK - 2)}
    return [8 * SLACK * line for line in range(width // SLACK) if line not in inner]


def _key(part: Shared) -> Key:
    return part.name, tuple(part.reads), part.parameters


def _once(parts: Iterable[Shared]) -> dict[Key, Shared]:
    """Return each shared column once, with the history that its furthest-looking reader wants."""
    found: dict[Key, Shared] = {}
    for part in parts:
        known = found.get(_key(part), part)
        found[_key(part)] = replace(part, back=max(part.back, known.back))
    return found


def _instruction(state: int, output: int, columns: Sequence[int], parameters: Sequence[float]) -> Ints:
    """Return one instruction, all but the kernel's address."""
    integers = [*columns, *(value for value in parameters if isinstance(value, int))]
    reals = [value for value in parameters if isinstance(value, float)]
    words = np.zeros(INSTRUCTION, np.int64)
    words[1:3] = state, output
    words[3 : 3 + len(integers)] = integers
    words[3 + INTEGERS : 3 + INTEGERS + len(reals)] = np.array(reals, np.float64).view(np.int64)
    return words


def _layout(specs: Sequence[Spec], storages: Sequence[Storage]) -> str:
    """Return the id of what a snapshot of these specs holds: two engines with one id read each other's snapshots."""
    content = ";".join(f"{spec.text}:{storage}" for spec, storage in zip(specs, storages, strict=True))
    return f"{LAYOUT_VERSION}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
