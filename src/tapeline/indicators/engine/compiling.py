"""Compile kernels to machine code: each when it is first needed, once, and kept on disk by Numba.

The cache lies beside the package or, where that is read-only, in NUMBA_CACHE_DIR or the user's cache directory. Where
none of them can be written, kernels are compiled again in every process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit, types
from numba.core.caching import FunctionCache

from tapeline.indicators.kernels.interface import Kernel

_reals, _integers = types.CPointer(types.float64), types.CPointer(types.int64)

#: A kernel, as Numba sees it.
SIGNATURE = types.void(_reals, _reals, _integers, _reals, _reals, _reals, *[types.int64] * 4)

_ready: dict[Kernel, Any] = {}


def addresses(kernels: Iterable[Kernel]) -> list[int]:
    """Compile what was not compiled, and return where each kernel's machine code is in this process."""
    compiled = [_compiled(kernel).overloads[SIGNATURE.args] for kernel in kernels]
    return [result.library.get_pointer_to_function(result.fndesc.llvm_func_name) for result in compiled]


def compile_all(kernels: Iterable[Kernel]) -> int:
    """Make these kernels ready. Return how many had to be compiled because no cache held them."""
    new = {kernel for kernel in kernels if kernel not in _ready}
    return sum(not _compiled(kernel).stats.cache_hits for kernel in new)


def cached(function: Callable[..., Any], **options: bool) -> Any:
    """Return the function as one that is compiled at its first call."""
    dispatcher = njit(error_model="numpy", **options)(function)
    try:
        dispatcher._cache = _Cache(function)  # noqa: SLF001
    except RuntimeError:  # no place for a cache
        pass
    return dispatcher


def _compiled(kernel: Kernel) -> Any:
    ready = _ready.get(kernel)
    if ready is None:
        ready = cached(kernel, no_cpython_wrapper=True, no_cfunc_wrapper=True)  # only `driver` calls it
        ready.compile(SIGNATURE.args)
        _ready[kernel] = ready
    return ready


class _Cache(FunctionCache):  # type: ignore[misc]
    """Extend Numba's cache of a function, which would not notice a change in another file whose steps it calls."""

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return *super()._index_key(signature, codegen), _sources()


@cache
def _sources() -> str:
    """Return a digest of every file, the kernel's own aside, whose code is compiled into kernels and driver."""
    engine = Path(__file__).parent
    paths = [
        *engine.parent.glob("kernels/*.py"),
        *(engine / f"{name}.py" for name in ("compiling", "driver", "program")),
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()
