"""Raise the number of files that this process may hold open, connections included, where there is such a limit."""

from __future__ import annotations

import contextlib


def allow_open_files(wanted: int) -> int | None:
    """Let this process hold this many open, as far as it is allowed. Return how many it may hold, None for any number.

    The usual limit is 1,024 (macOS: 256). Windows has none to ask for.
    """
    try:
        import resource
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
            soft = more
    return None if soft == resource.RLIM_INFINITY else soft
