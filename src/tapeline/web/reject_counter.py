"""Count refused records without reading all of them at every request."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

from tapeline.core.market import Reject

_MOST_COUNTED = 100_000
_KEPT_SECONDS = 10.0


class RejectCounter:
    """Count refused records, with those that were only counted. Reading them all is done every ten seconds at most."""

    def __init__(self, rejects: Callable[[int | None], Iterator[Reject]]) -> None:
        self._rejects = rejects
        self._counted_at = -_KEPT_SECONDS
        self._count = 0

    def count(self) -> int:
        """Return the number of refused records, at most ten seconds old. Raises what the store raises."""
        if time.monotonic() - self._counted_at >= _KEPT_SECONDS:
            self._count = sum(reject.count for reject in itertools.islice(self._rejects(None), _MOST_COUNTED))
            self._counted_at = time.monotonic()
        return self._count
