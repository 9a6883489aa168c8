"""Split symbols over processes by rendezvous hashing, so that all of them agree without asking one another.

Each symbol belongs to the process with which it has the highest score. When a process comes or goes, only the symbols
that it gets or had move (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable


def owners(symbols: Iterable[str], members: Collection[str]) -> dict[str, str]:
    """Return to which of the members, of which there is at least one, each symbol belongs."""
    return {symbol: max(members, key=lambda member: _score(symbol, member)) for symbol in symbols}


def _score(symbol: str, member: str) -> tuple[bytes, str]:
    return hashlib.blake2b(f"{symbol}\0{member}".encode(), digest_size=8).digest(), member
