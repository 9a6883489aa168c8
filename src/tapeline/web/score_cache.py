"""Say what the stored predictions were worth lately, and remember the answer for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.core.ports import Store
from tapeline.forecast.drift import Drift
from tapeline.forecast.estimates import Bin
from tapeline.forecast.grading import Grade, Grades, grade, reliability, rolling
from tapeline.forecast.model import Metadata
from tapeline.runtime.stored_grades import grade_stored

#: Rows looked at, of all symbols together, at most.
MOST_ROWS = 200_000

#: Seconds for which an answer is given again.
KEPT_SECONDS = 60.0

_MOST_KEPT = 32
_POINTS = 200


@dataclass(frozen=True, slots=True)
class Judgement:
    """Hold grades as `grade` makes them, the calibration of all graded rows, and drifts by model version.

    `rolling` has the columns of `forecast.grading.Rolling` and its `window`, thinned out for a drawing.
    """

    rows: int
    symbols: int
    per_symbol: int
    grades: tuple[Grade, ...]
    calibration: tuple[Bin, ...]
    rolling: Mapping[str, Any]
    drifts: Mapping[str, tuple[Drift, ...]]
    at: float


class ScoreCache:
    """Grade on demand, and remember the answer for a while. Any thread may ask; one is answered at a time."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], Judgement] = {}

    def judge(self, models: Mapping[str, Metadata], symbol: str = "", last: int = 500) -> Judgement:
        """Return the grades of the newest `last` rows of each symbol, or of one; of fewer where symbols are many."""
        with self._lock:
            found = self._kept.get((symbol, last))
            if found is None or self._clock() - found.at > KEPT_SECONDS:
                found = self._judged(models, symbol, last)
                self._kept.pop((symbol, last), None)
                self._kept[symbol, last] = found
                while len(self._kept) > _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
            return found

    def _judged(self, models: Mapping[str, Metadata], symbol: str, last: int) -> Judgement:
        symbols = [symbol] if symbol else [row.stock_symbol for row in self._store.latest()]
        each = max(min(last, MOST_ROWS // max(len(symbols), 1)), 50)
        found = grade_stored(self._store, symbols, models, each, drift=not symbol)
        return Judgement(
            found.rows,
            len(symbols),
            each,
            tuple(grade(found.grades)) if len(found.grades) else (),
            tuple(reliability(found.grades)) if len(found.grades) else (),
            _rolling(found.grades),
            found.drifts,
            self._clock(),
        )


def _rolling(grades: Grades) -> dict[str, Any]:
    """Return the figures of a tenth of the rows at a time, 50 at least, at `_POINTS` times at most."""
    window = max(len(grades) // 10, 50)
    found = rolling(grades, window) if len(grades) >= window else None
    if found is None or not len(found.timestamp):
        return {"window": window, "timestamp": [], "hit_rate": [], "base_rate": [], "brier": []}
    indices = np.unique(np.linspace(0, len(found.timestamp) - 1, _POINTS).astype(np.intp))
    names = ("timestamp", "hit_rate", "base_rate", "brier")
    return {"window": window, **{name: getattr(found, name)[indices] for name in names}}
