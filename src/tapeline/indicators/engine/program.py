"""Turn specs into a program: which kernels to run, where in a symbol's row their numbers are, with what parameters.

A symbol's row is float64: the count of its bars, then every instruction's own numbers, then the columns. A column with
a history of h bars has h + BLOCK places; bar k is at index h + k % BLOCK, and after every BLOCK bars the last h places
move to the front.

The program itself is one int64 array, read by `driver`: the header (`HEADER` numbers), the index of bar 0 of every
input (-1: nobody reads it), an (index of bar 0, history) pair for every column, and instructions of `INSTRUCTION`
numbers: the kernel's address, the index of its state, that of its first output in a row of values, then its `ints` and,
as float64, its `reals`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from tapeline.core.market import Ints
from tapeline.indicators.entry import Storage
from tapeline.indicators.kernels.interface import BLOCK, INPUTS
from tapeline.indicators.kernels.shared_columns import Shared
from tapeline.indicators.spec import Spec

#: Raised whenever a kernel keeps something else in its numbers or columns, or the row is laid out differently.
LAYOUT_VERSION = 1

HEADER = 5  # instructions, columns, outputs, width of a row, first index after the numbers
INTEGERS, REALS = 13, 8
INSTRUCTION = 3 + INTEGERS + REALS
INPUT_COUNT = len(INPUTS)


class Program:
    """Hold what to run for these specs, all but the kernels' addresses. `code` is the array described above.

    `kernels` are in the order of the instructions: those of shared columns come before the indicators that read them.
    """

    def __init__(self, specs: Sequence[Spec]) -> None:
        storages = [spec.indicator.storage(*spec.parameters) for spec in specs]
        self.layout = _layout(specs, storages)
        shared = _once(part for storage in storages for part in storage.shared)
        history: dict[str, int] = {}
        for reads in (
            *(dict.fromkeys(part.inputs, part.history) for part in shared.values()),
            *(storage.reads for storage in storages),
        ):
            for name, back in reads.items():
                history[name] = max(history.get(name, 0), back)
        numbers = [part.numbers for part in shared.values()] + [storage.numbers for storage in storages]
        starts = [1 + sum(numbers[:i]) for i in range(len(numbers))]
        self.numbers_end = 1 + sum(numbers)
        self.width = self.numbers_end
        self._columns: list[tuple[int, int]] = []
        inputs = {name: self._column(history[name]) for name in INPUTS if name in history}
        indices: dict[Key, list[int]] = {}
        instructions: list[Ints] = []
        for start, (key, part) in zip(starts, shared.items(), strict=False):
            indices[key] = [self._column(part.back) for _ in range(part.columns)]
            read = [inputs[name] for name in part.inputs]
            instructions.append(_instruction(start, 0, [*read, *indices[key], *part.parameters], []))
        self.outputs = 0
        for start, spec, storage in zip(starts[len(shared) :], specs, storages, strict=True):
            read = [inputs[name] for name in storage.reads]
            read += [index for part in storage.shared for index in indices[_key(part)]]
            read += [self._column(back) for back in storage.columns]
            whole = [value for value in spec.parameters if isinstance(value, int)]
            real = [value for value in spec.parameters if isinstance(value, float)]
            instructions.append(_instruction(start, self.outputs, [*read, *whole], real))
            self.outputs += len(spec.outputs)
        self.kernels = [part.kernel for part in shared.values()] + [spec.indicator.kernel for spec in specs]
        header = [len(instructions), len(self._columns), self.outputs, self.width, self.numbers_end]
        header += [inputs.get(name, -1) for name in INPUTS]
        header += [number for pair in self._columns for number in pair]
        self.code: Ints = np.concatenate((np.array(header, np.int64), *instructions))
        self._first = len(header)

    def _column(self, back: int) -> int:
        """Make room for a column with this much history, and return the index of its bar 0."""
        self._columns.append((self.width + back, back))
        self.width += back + BLOCK
        return self._columns[-1][0]

    def place_kernels(self, addresses: Sequence[int]) -> None:
        """Write the addresses of `kernels` into the instructions."""
        self.code[self._first :: INSTRUCTION] = addresses


Key = tuple[str, tuple[str, ...], tuple[int, ...]]


def _key(part: Shared) -> Key:
    return part.name, part.inputs, part.parameters


def _once(parts: Iterable[Shared]) -> dict[Key, Shared]:
    """Return each shared column once, with the history that its furthest-looking reader wants."""
    found: dict[Key, Shared] = {}
    for part in parts:
        known = found.get(_key(part), part)
        found[_key(part)] = replace(part, back=max(part.back, known.back))
    return found


def _instruction(numbers: int, output: int, integers: Sequence[int], reals: Sequence[float]) -> Ints:
    """Return one instruction, all but the kernel's address."""
    words = np.zeros(INSTRUCTION, np.int64)
    words[1:3] = numbers, output
    words[3 : 3 + len(integers)] = integers
    words[3 + INTEGERS : 3 + INTEGERS + len(reals)] = np.array(reals, np.float64).view(np.int64)
    return words


def _layout(specs: Sequence[Spec], storages: Sequence[Storage]) -> str:
    """Return the id of what a row of these specs holds: two engines with one id read each other's snapshots."""
    content = ";".join(f"{spec.text}:{storage}" for spec, storage in zip(specs, storages, strict=True))
    return f"{LAYOUT_VERSION}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
