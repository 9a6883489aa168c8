"""Split symbols over processes by rendezvous hashing, so that all of them agree without asking one another.

Each symbol belongs to the process with which it has the highest score. When a process comes or goes, only the symbols
that it gets or had move (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable


def own_symbols(symbols: Iterable[str], members: Collection[str], own: str) -> list[str]:
    """Return the symbols that belong to the member `own`, in their order; all of them when there is no other."""
    everybody = {*members, own}
    return [symbol for symbol in symbols if max(everybody, key=lambda member: _score(symbol, member)) == own]


def _score(symbol: str, member: str) -> tuple[bytes, str]:
    return hashlib.blake2b(f"{symbol}\0{member}".encode(), digest_size=8).digest(), member
