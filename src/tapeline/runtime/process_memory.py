"""Keep the memory of a long-running process near what it uses."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's mallopt


def limit_arenas() -> None:
    """Let all threads allocate from one arena.

    glibc gives each thread one of its own and keeps what was freed in it: a replay held 140 MB more for nothing. Large
    arrays are mapped anyway. Elsewhere than on glibc nothing happens.
    """
    _call("mallopt", _ARENA_MAX, 1)


def release_freed_memory() -> None:
    """Give memory that was freed back to the system, after work that needed much of it and is done."""
    gc.collect()
    _call("malloc_trim", 0)


@contextlib.contextmanager
def garbage_left() -> Iterator[None]:
    """Put off Python's search for garbage while thousands of objects are made: each search would look at all of them.

    It goes on afterwards; another thread that leaves garbage meanwhile is only cleared up later.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _call(name: str, *arguments: int) -> None:
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # not glibc; TypeError on Windows
        return
    function(*arguments)
