"""What the stored predictions were worth lately, and whether the features still look as they did in training."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.ports import Store
from tapeline.forecast.drift import Drift, drift_by_model
from tapeline.forecast.estimates import Bin
from tapeline.forecast.grading import Grade, Grades, grade, grade_rows, merge, reliability, rolling
from tapeline.forecast.model import Metadata

#: Rows looked at, of all symbols together, at the most.
MOST_ROWS = 200_000

#: Seconds for which an answer is given again.
KEPT_SECONDS = 60.0

_MOST_KEPT = 32
_POINTS = 200


@dataclass(frozen=True, slots=True)
class Judgement:
    """`grades` are those of `grade`; `calibration` is over all graded rows; `drifts` by model version.

    `rolling` has the columns of `prediction.grading.Rolling` and its `window`, thinned out for a drawing.
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
    """Grades on demand, and remembers the answer for a while. `judge` may be called from any thread; one at a time."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], Judgement] = {}

    def judge(self, models: Mapping[str, Metadata], symbol: str = "", last: int = 500) -> Judgement:
        """The newest `last` rows of each symbol (of one, where it is named), graded; fewer where symbols are many."""
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
        rows = [self._store.rows(one, limit=each) for one in symbols]
        parts: list[Grades] = [grade_rows(some, models) for some in rows]
        merged = merge([part for part in parts if len(part)])
        return Judgement(
            sum(map(len, rows)),
            len(symbols),
            each,
            tuple(grade(merged)) if len(merged) else (),
            tuple(reliability(merged)) if len(merged) else (),
            _rolling(merged),
            {} if symbol else drift_by_model(models, merged.models, sort_and_dedupe([some.bars for some in rows])),
            self._clock(),
        )


def _rolling(grades: Grades) -> dict[str, Any]:
    """Over a tenth of the rows at a time, 50 at least, at `_POINTS` times at the most."""
    window = max(len(grades) // 10, 50)
    found = rolling(grades, window) if len(grades) >= window else None
    if found is None or not len(found.timestamp):
        return {"window": window, "timestamp": [], "hit_rate": [], "base_rate": [], "brier": []}
    places = np.unique(np.linspace(0, len(found.timestamp) - 1, _POINTS).astype(np.intp))
    names = ("timestamp", "hit_rate", "base_rate", "brier")
    return {"window": window, **{name: getattr(found, name)[places] for name in names}}
