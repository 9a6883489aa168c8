"""Keep the memory of a long-running process near what it uses."""

from __future__ import annotations

import ctypes
import gc

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


def _call(name: str, *arguments: int) -> None:
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # not glibc; TypeError on Windows
        return
    function(*arguments)
