"""Compile functions by Numba when they are first called: importing Numba takes half a second, calling one 2 µs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])


def jit(function: _Function) -> _Function:
    """Return the function as one that is compiled at its first call, without the GIL, and cached beside its module.

    At that call the compiled function takes the place of this one in the module, so that later calls cost no more than
    without this.
    """

    @cache
    def compiled() -> Any:
        from numba import njit

        found = function.__globals__[function.__name__] = njit(cache=True, nogil=True)(function)
        return found

    def first(*arguments: Any) -> Any:
        return compiled()(*arguments)

    return cast("_Function", first)
