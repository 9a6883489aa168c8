"""Compile kernels to machine code: each when it is first needed, once, and kept on disk by Numba.

A wheel may have them compiled already (`core.kernel_cache`). Otherwise the cache lies in NUMBA_CACHE_DIR, beside the
package or, where that is read-only, in the user's cache folder; never where others can write (`core.trusted_code`).
Where there is no such place, kernels are compiled again in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import binding
from numba import njit
from numba.core.caching import CompileResultCacheImpl

from tapeline.core.kernel_cache import KernelCache
from tapeline.indicators.engine import machine_code
from tapeline.indicators.engine.addresses import SIGNATURE, reals_at
from tapeline.indicators.kernels.interface import Integers, Kernel, Reals

_ready: dict[Kernel, Any] = {}


def addresses(kernels: Iterable[Kernel]) -> list[int]:
    """Compile what was not compiled, and return where each kernel's machine code is in this process."""
    return [address_of(_compiled(kernel).overloads[SIGNATURE.args]) for kernel in kernels]


def address_of(compiled: Any) -> int:
    """Return where the machine code of a compiled function is in this process."""
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def compile_all(kernels: Iterable[Kernel]) -> int:
    """Make these kernels ready. Return how many had to be compiled because no cache held them."""
    new = {kernel for kernel in kernels if kernel not in _ready}
    return sum(not _compiled(kernel).stats.cache_hits for kernel in new)


def cached(function: Callable[..., Any], kept_as: Callable[..., Any] | None = None, **options: bool) -> Any:
    """Return the function as one that is compiled at its first call, and cached under its own or another's name.

    One that Python cannot call is also kept for `machine_code`.
    """
    dispatcher = njit(error_model="numpy", **options)(function)
    try:
        dispatcher._cache = _Cache(kept_as or function, "no_cpython_wrapper" in options)  # noqa: SLF001
    except RuntimeError:  # no place for a cache
        pass
    return dispatcher


def _compiled(kernel: Kernel) -> Any:
    ready = _ready.get(kernel)
    if ready is None:
        # Only `driver` calls it.
        ready = cached(_over_symbols(kernel), kernel, no_cpython_wrapper=True, no_cfunc_wrapper=True)
        ready.compile(SIGNATURE.args)
        _ready[kernel] = ready
    return ready


def _over_symbols(kernel: Kernel) -> Callable[..., None]:
    """Return the kernel as one that takes one bar of each of several symbols, or a block of bars of one.

    It is compiled for both: for a single bar, without its loops, a third of the instructions remain. Running one kernel
    over several symbols keeps its code in the cache, which all kernels together do not fit, and lets the processor
    fetch the next symbol's state while it computes.
    """
    body = njit(error_model="numpy", inline="always")(kernel)  # by Numba: LLVM would optimise it alone, and then again

    def run(
        columns: Integers, rows: Integers, firsts: Integers, outs: Integers, symbols: int, state: int, output: int,
        ints: Integers, reals: Reals, scratch: Reals, row_stride: int, column_stride: int, count: int,
    ) -> None:  # fmt: skip
        if count == 1:
            for s in range(symbols):
                body(
                    reals_at(columns[s]), reals_at(rows[s] + state), ints, reals, reals_at(outs[s] + output), scratch,
                    1, column_stride, firsts[s], 1,
                )  # fmt: skip
        else:
            body(
                reals_at(columns[0]), reals_at(rows[0] + state), ints, reals, reals_at(outs[0] + output), scratch,
                row_stride, column_stride, firsts[0], count,
            )  # fmt: skip

    # Machine code is found by this name, and kernels from the cache were compiled in other processes.
    run.__module__, run.__qualname__ = kernel.__module__, f"{kernel.__qualname__}.over_symbols"
    return run


class _CompiledCode(CompileResultCacheImpl):  # type: ignore[misc]
    """Keep for `machine_code` what Numba writes to its cache or finds there."""

    kept: machine_code.Name | None = None

    def reduce(self, result: Any) -> Any:
        reduced = super().reduce(result)
        self._keep(reduced, result.library.codegen)
        return reduced

    def rebuild(self, context: Any, reduced: Any) -> Any:
        self._keep(reduced, context.codegen())
        return super().rebuild(context, reduced)

    def _keep(self, reduced: Any, codegen: Any) -> None:
        (_, kind, content), description = reduced[:2]
        if self.kept is None or kind != "object" or codegen.magic_tuple() != machine_code.processor():
            return
        code, bitcode = content
        module = binding.parse_bitcode(bitcode)
        values = (*module.functions, *module.global_variables)
        externals = [value.name for value in values if value.is_declaration and not value.name.startswith("llvm.")]
        machine_code.keep(self.kept, description.llvm_func_name, code, externals)


class _Cache(KernelCache):
    """Extend the cache of a function by what is kept of it for `machine_code`."""

    _impl_class = _CompiledCode

    def __init__(self, function: Callable[..., Any], kept: bool = False) -> None:
        super().__init__(function, machine_code.shared_sources)
        if kept:
            self._impl.kept = function.__module__, function.__qualname__
