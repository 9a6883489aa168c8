"""Run a program without Numba, one symbol after the other, by machine code that was kept.

`driver` computes many symbols at once; what is here calls the same code for one at a time. The values are the same to
the last bit: those of a bar do not depend on the bars that it is computed with.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapeline.core.market import Codes, Floats, Ints
from tapeline.indicators.engine import machine_code
from tapeline.indicators.engine.program import WIDTH
from tapeline.indicators.kernels.interface import Kernel

#: Where in what the driver is given the addresses of the row and of the bars' indices are.
_ROW, _BARS = 0, 12

_DRIVER = "tapeline.indicators.engine.driver"

#: How Numba's code is called: where it may put a result and an exception, of which it has none, and its argument.
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


def entry_points(kernels: Sequence[Kernel]) -> tuple[list[int], tuple[Any, Any, Any, int]] | None:
    """Return the addresses of the kernels and what `driver.entry_points` does; None where not all of it is kept."""
    names = [(kernel.__module__, kernel.__qualname__) for kernel in kernels]
    found = machine_code.addresses([(_DRIVER, "update_alone"), (_DRIVER, "peek_alone"), *names])
    if found is None:
        return None
    update, peek = (functools.partial(_by_symbol, _FUNCTION(address)) for address in found[:2])
    return found[2:], (_update_one, update, peek, found[0])


def _update_one(*arguments: Any) -> None:
    """Do `driver.update_one`, which takes Numba: whoever calls it has bars to come, and will not mind the start."""
    from tapeline.indicators.engine import driver

    driver.entry_points()[0](*arguments)


def _by_symbol(
    function: Any, state: int, code: int, work: int, out: Floats, row_stride: int, column_stride: int,
    slots: Codes, session: Floats, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
    *room: Ints,
) -> None:  # fmt: skip
    """Do `driver.update` or `driver.peek`, whose arguments these are: `room` is what `update` has more."""
    if room and len(slots) and not 0 <= slots.min() <= slots.max() < len(room[0]):
        raise ValueError("a slot is not from this engine's slots()")
    width = ctypes.c_int64.from_address(code + 8 * WIDTH).value
    columns = (open_, high, low, close, volume, session)
    order = np.argsort(slots, kind="stable")
    edges = np.flatnonzero(np.diff(slots[order], prepend=-1, append=-1))
    rows = state + 8 * width * slots[order[edges[:-1]]].astype(np.int64)
    end, first = np.zeros(1, np.int64), order.ctypes.data
    given, call = _prepared(function, (state, code, work), out, (row_stride, column_stride), columns, order, end)
    for row, start, stop in zip(rows.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        given[_ROW], given[_BARS], end[0] = row, first + 8 * start, stop - start
        call()


def update_in_turn(
    function: int, state: int, code: int, work: int, out: Floats, row_stride: int, column_stride: int, ends: Ints,
    session: Floats, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,
) -> None:  # fmt: skip
    """Commit bars of one symbol after the other, of which each takes the first row over as one that saw no bar.

    `function` is the address of `driver.update_alone`, `ends` are int64: the index after the last bar of each symbol.
    The first one goes on from what stands in the row.
    """
    columns, bars = (open_, high, low, close, volume, session), np.arange(len(session))
    _prepared(_FUNCTION(function), (state, code, work), out, (row_stride, column_stride), columns, bars, ends)[1]()


def _prepared(
    function: Any, places: tuple[int, int, int], out: Floats, strides: tuple[int, int], columns: Sequence[Floats],
    bars: Ints, ends: Ints,
) -> tuple[Ints, Callable[[], object]]:  # fmt: skip
    """Return what `driver.update_alone` or `driver.peek_alone` is given, and a call of it. Both say what that is.

    What is given may be changed between calls. The call keeps it and the arrays; memory at `places` is the caller's.
    """
    given = np.array(
        (*places, out.ctypes.data, *strides, *(column.ctypes.data for column in columns), bars.ctypes.data, len(ends),
         ends.ctypes.data), np.int64
    )  # fmt: skip
    unused = (ctypes.c_void_p * 2)()
    first = ctypes.addressof(unused)
    call = functools.partial(function, first, first + ctypes.sizeof(ctypes.c_void_p), given.ctypes.data)
    call.keeps = unused, given, out, columns, bars, ends  # type: ignore[attr-defined]  # it has their addresses only
    return given, call
