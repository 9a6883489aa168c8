"""Kernels to machine code: each is compiled when it is first needed, once, and kept on disk by Numba.

The cache lies beside the package, or where that is read-only in NUMBA_CACHE_DIR or the user's cache directory. Where
none of them can be written, kernels are compiled anew in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tapeline.indicators.kernels.types import Kernel

_ready: dict[Kernel, Any] = {}


def addresses(kernels: Iterable[Kernel]) -> list[int]:
    """Where each kernel's machine code is in this process, after compiling what was not compiled."""
    return [_callback(kernel).address for kernel in kernels]


def compile_all(kernels: Iterable[Kernel]) -> int:
    """Makes all of these kernels ready. Returns how many had to be compiled because no cache held them."""
    new = {kernel for kernel in kernels if kernel not in _ready}
    return sum(_callback(kernel).cache_hits == 0 for kernel in new)


def cached(function: Callable[..., None]) -> Any:
    """The function, to be compiled at its first call."""
    from numba import njit

    try:
        return njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # no place for a cache
        return njit(error_model="numpy")(function)


def _callback(kernel: Kernel) -> Any:
    ready = _ready.get(kernel)
    if ready is None:
        from numba import cfunc, types

        reals, integers = types.CPointer(types.float64), types.CPointer(types.int64)
        signature = types.void(reals, reals, integers, reals, reals, reals, *[types.int64] * 3)
        try:
            ready = cfunc(signature, cache=True, error_model="numpy")(kernel)
        except RuntimeError:  # no place for a cache
            ready = cfunc(signature, error_model="numpy")(kernel)
        _ready[kernel] = ready
    return ready
