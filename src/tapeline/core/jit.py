"""Compile functions by Numba when they are first called: importing Numba takes half a second, calling one 2 µs."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])


def jit(function: _Function) -> _Function:
    """Return the function as one that is compiled at its first call, without the GIL, and cached beside its module.

    The cache counts as long as no module of the same folder changes: what a function calls, and the numbers that it
    takes from elsewhere, are compiled into it. At that call the compiled function takes the place of this one in the
    module, so that later calls cost no more than without this.
    """

    @cache
    def compiled() -> Any:
        from numba import njit

        from tapeline.core.kernel_cache import KernelCache

        found = function.__globals__[function.__name__] = njit(nogil=True)(function)
        folder = Path(function.__code__.co_filename).parent
        with contextlib.suppress(RuntimeError):  # no place for a cache
            found._cache = KernelCache(function, partial(_digest, folder))  # noqa: SLF001
        return found

    def first(*arguments: Any) -> Any:
        return compiled()(*arguments)

    return cast("_Function", first)


@cache
def _digest(folder: Path) -> str:
    """Return a digest of the modules in a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
