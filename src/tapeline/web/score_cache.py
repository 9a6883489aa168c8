"""Say what the stored forecasts were worth lately, and remember the answer for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.core.market import Ints
from tapeline.core.ports import Store
from tapeline.forecast.drift import Drift
from tapeline.forecast.estimates import Bin
from tapeline.forecast.grading import Grade, Grades, grade, reliability, rolling
from tapeline.forecast.model import Metadata
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_record import RangeGrade, range_record, rank_histogram, rolling_coverage
from tapeline.runtime.stored_grades import NEWEST_GRADED, grade_stored
from tapeline.runtime.stored_ranges import grade_stored_ranges
from tapeline.web.kept_answers import KeptAnswers

#: Rows looked at, of all symbols together, at most.
MOST_ROWS = 200_000

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


@dataclass(frozen=True, slots=True)
class RangeJudgement:
    """Hold what the ranges over one horizon were worth, as `range_record` says it.

    `ranks` counts closes by tenth of what was said. `rolling` has `window`, `timestamp` and the coverage of each band,
    by its name such as `80`, thinned out for a drawing.
    """

    horizon: int
    symbols: int
    per_symbol: int
    grades: tuple[RangeGrade, ...]
    ranks: tuple[int, ...]
    rolling: Mapping[str, Any]


class ScoreCache:
    """Grade on demand, and remember the answer for a minute. Any thread may ask; one is answered at a time."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._directions: KeptAnswers[Judgement] = KeptAnswers(clock)
        self._ranges: KeptAnswers[RangeJudgement] = KeptAnswers(clock)

    def judge(self, models: Mapping[str, Metadata], symbol: str = "", last: int = NEWEST_GRADED) -> Judgement:
        """Return the grades of the newest `last` rows of each symbol, or of one; of fewer where symbols are many."""
        return self._directions.get((symbol, last), lambda: self._judged(models, symbol, last))

    def judge_ranges(
        self, models: Mapping[str, RangeModel], horizon: int, symbol: str = "", last: int = NEWEST_GRADED
    ) -> RangeJudgement:
        """Return the same of the ranges over a horizon."""
        return self._ranges.get((symbol, last, horizon), lambda: self._judged_ranges(models, horizon, symbol, last))

    def _judged(self, models: Mapping[str, Metadata], symbol: str, last: int) -> Judgement:
        symbols, each = self._rows(symbol, last)
        found = grade_stored(self._store, symbols, models, each, drift=not symbol)
        return Judgement(
            found.rows,
            len(symbols),
            each,
            tuple(grade(found.grades)) if len(found.grades) else (),
            tuple(reliability(found.grades)) if len(found.grades) else (),
            _rolling(found.grades),
            found.drifts,
        )

    def _judged_ranges(self, models: Mapping[str, RangeModel], horizon: int, symbol: str, last: int) -> RangeJudgement:
        symbols, each = self._rows(symbol, last)
        grades = grade_stored_ranges(self._store, symbols, models, each, (horizon,)).get(horizon)
        if grades is None:
            return RangeJudgement(horizon, len(symbols), each, (), (), {"window": 0, "timestamp": []})
        window = _window(int(grades.known.sum()))
        found = rolling_coverage(grades, window)
        where = _thinned(found.timestamp)
        shares = {str(coverage): column[where] for coverage, column in found.coverage.items()}
        return RangeJudgement(
            horizon, len(symbols), each, tuple(range_record(grades)), rank_histogram(grades),
            {"window": window, "timestamp": found.timestamp[where], **shares},
        )  # fmt: skip

    def _rows(self, symbol: str, last: int) -> tuple[list[str], int]:
        """Return the symbols to grade, and how many rows of each."""
        symbols = [symbol] if symbol else [row.stock_symbol for row in self._store.latest()]
        return symbols, max(min(last, MOST_ROWS // max(len(symbols), 1)), 50)


def _window(rows: int) -> int:
    """Return how many rows a figure over time is of: a tenth of them, 50 at least."""
    return max(rows // 10, 50)


def _thinned(timestamp: Ints) -> Ints:
    """Return which of these times to show, at most `_POINTS` of them."""
    return np.unique(np.linspace(0, len(timestamp) - 1, _POINTS).astype(np.int64)) if len(timestamp) else timestamp


def _rolling(grades: Grades) -> dict[str, Any]:
    """Return the figures of a tenth of the rows at a time, at `_POINTS` times at most."""
    window = _window(len(grades))
    found = rolling(grades, window) if len(grades) >= window else None
    if found is None or not len(found.timestamp):
        return {"window": window, "timestamp": [], "hit_rate": [], "base_rate": [], "brier": []}
    where = _thinned(found.timestamp)
    names = ("timestamp", "hit_rate", "base_rate", "brier")
    return {"window": window, **{name: getattr(found, name)[where] for name in names}}
