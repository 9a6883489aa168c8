"""Specs to a program: which kernels to run, where in a symbol's row their numbers are, and with what parameters.

A symbol's row is float64: the count of its bars, then every instruction's own numbers, then the columns. A column with
a history of h bars has h + BLOCK places; bar k is at place h + k % BLOCK, and after every BLOCK bars the last h places
move to the front.

The program itself is one int64 array, read by `driver`: the header (`HEADER` numbers), the place of bar 0 of every
input (-1: nobody reads it), a (place of bar 0, history) pair for every column, and one instruction of `INSTRUCTION`
numbers a spec: the kernel's address, the place of its numbers, that of its outputs, then its `a` and, as float64,
its `p`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tapeline.indicators.entry import INPUTS, Storage
from tapeline.indicators.kernels.types import BLOCK
from tapeline.indicators.spec import Spec
from tapeline.market import Ints

#: Raised whenever a kernel keeps something else in its numbers or columns, or the row is laid out differently.
LAYOUT_VERSION = 1

HEADER = 5  # instructions, columns, outputs, width of a row, first place behind the numbers
INTEGERS, REALS = 13, 8
INSTRUCTION = 3 + INTEGERS + REALS
INPUT_COUNT = len(INPUTS)


class Program:
    """What to run for these specs, all but the kernels' addresses. `code` is the array described above."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        storages = [spec.indicator.storage(*spec.parameters) for spec in specs]
        self.layout = _layout(specs, storages)
        history: dict[str, int] = {}
        for spec, storage in zip(specs, storages, strict=True):
            for name, back in zip(spec.indicator.inputs, storage.history, strict=True):
                history[name] = max(history.get(name, 0), back)
        place = 1
        numbers = []
        for storage in storages:
            numbers.append(place)
            place += storage.numbers
        self.numbers_end = place
        columns: list[tuple[int, int]] = []

        def column(back: int) -> int:
            nonlocal place
            columns.append((place + back, back))
            place += back + BLOCK
            return columns[-1][0]

        inputs = {name: column(history[name]) for name in INPUTS if name in history}
        instructions = np.zeros((len(specs), INSTRUCTION), np.int64)
        output = 0
        for i, (spec, storage) in enumerate(zip(specs, storages, strict=True)):
            whole = [int(value) for value in spec.parameters if isinstance(value, int)]
            real = [value for value in spec.parameters if isinstance(value, float)]
            places = [inputs[name] for name in spec.indicator.inputs] + [column(back) for back in storage.columns]
            integers = np.array(places + whole, np.int64)
            instructions[i, 1:3] = numbers[i], output
            instructions[i, 3 : 3 + len(integers)] = integers
            instructions[i, 3 + INTEGERS : 3 + INTEGERS + len(real)] = np.array(real, np.float64).view(np.int64)
            output += len(spec.outputs)
        self.width = place
        self.outputs = output
        header = [len(specs), len(columns), output, place, self.numbers_end]
        header += [inputs.get(name, -1) for name in INPUTS]
        header += [number for pair in columns for number in pair]
        self.code: Ints = np.concatenate((np.array(header, np.int64), instructions.ravel()))
        self._first = len(header)

    def place_kernels(self, addresses: Sequence[int]) -> None:
        """Writes the kernels' addresses into the instructions."""
        self.code[self._first :: INSTRUCTION] = addresses


def _layout(specs: Sequence[Spec], storages: Sequence[Storage]) -> str:
    said = ";".join(f"{spec.text}:{storage}" for spec, storage in zip(specs, storages, strict=True))
    return f"{LAYOUT_VERSION}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
