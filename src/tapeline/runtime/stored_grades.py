"""Grade the forecasts that a store keeps, and tell whether the features still look as they did in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tapeline.core.bars import usual_interval
from tapeline.core.ports import Store
from tapeline.core.series import split_series
from tapeline.forecast.drift import Drift, drift_by_model
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.grading import Grades, grade_rows, merge
from tapeline.forecast.labels import LABEL_LOOKBACK
from tapeline.forecast.model import Metadata
from tapeline.runtime.indicator_view import IndicatorView

#: How many of the newest rows of each series page, API and metrics grade where nobody says how many: all would take
#: seconds. `tapeline score` grades all, and says so.
NEWEST_GRADED = 500


@dataclass(frozen=True, slots=True)
class StoredGrades:
    """Hold the grades of all symbols in the order of time, how many rows they come from, and drifts by version."""

    rows: int
    grades: Grades
    drifts: Mapping[str, tuple[Drift, ...]]


def grade_stored(
    store: Store, symbols: Sequence[str], models: Mapping[str, Metadata], last: int | None = None, *, drift: bool = True
) -> StoredGrades:
    """Grade the newest `last` rows of each symbol (None: all), on the values that were known when they were predicted.

    With `drift`, the features of the same rows are compared with what each model was trained on.
    """
    count, parts = 0, []
    newest = max((row.timestamp for row in store.latest()), default=0)
    for symbol in symbols:
        rows = store.rows(symbol, limit=None if last is None else last + LABEL_LOOKBACK)
        interval = usual_interval(rows.bars.timestamp)
        graded = grade_rows(rows.as_known(), models, interval=interval, known_until=newest)
        if last is not None and len(rows) > last:
            graded = graded[graded.timestamp >= rows.bars.timestamp[-last]]
        count += len(rows) if last is None else min(len(rows), last)
        parts.append(graded)
    grades = merge([part for part in parts if len(part)])
    return StoredGrades(count, grades, _drifts(store, symbols, models, grades.models, last) if drift else {})


def _drifts(
    store: Store, symbols: Sequence[str], models: Mapping[str, Metadata], versions: Sequence[str], last: int | None
) -> dict[str, tuple[Drift, ...]]:
    if not any(version in models for version in versions):
        return {}
    symbols = [name for name in symbols if split_series(name)[1] is None] or symbols  # of one length of bars
    view, seen, usual = IndicatorView(store), [], []
    timestamps, matrices = [np.zeros(0, np.int64)], [np.zeros((0, len(DEFAULT_FEATURES.names)))]
    for symbol in symbols:
        rows = view.rows(symbol, DEFAULT_FEATURES.specs, limit=last)
        rows = rows[np.flatnonzero(rows.bars.final)]
        if not len(rows):
            continue
        seen.append(symbol)
        usual.append(usual_interval(rows.bars.timestamp) or 0)
        timestamps.append(rows.bars.timestamp)
        matrices.append(DEFAULT_FEATURES.compute(rows.bars, rows.names, rows.indicator))
    return drift_by_model(
        models, versions, np.concatenate(timestamps), np.concatenate(matrices), symbols=seen,
        interval=int(np.median(usual)) if usual else None,
    )  # fmt: skip
