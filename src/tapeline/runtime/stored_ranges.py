"""Grade the ranges that a store keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tapeline.core.candle_intervals import stored_interval
from tapeline.core.ports import Store
from tapeline.forecast.range_grading import LOOKBACK, RangeGrades, grade_ranges, merge_ranges
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel


def grade_stored_ranges(
    store: Store, symbols: Sequence[str], models: Mapping[str, RangeModel], last: int | None = None,
    horizons: Sequence[int] = HORIZONS,
) -> dict[int, RangeGrades]:  # fmt: skip
    """Grade what was said of the newest `last` rows of each symbol (None: all), by the values that were known then.

    There is an entry for each horizon over which something was said, of all symbols in the order of time. Symbols whose
    bars have ended wait for nothing: bars of others show how late it is.
    """
    parts: dict[int, list[RangeGrades]] = {horizon: [] for horizon in horizons}
    newest = max((row.timestamp for row in store.latest()), default=0)
    for symbol in symbols if models else ():
        rows = store.rows(symbol, limit=None if last is None else last + LOOKBACK)
        if not len(rows):
            continue
        first = rows.bars.timestamp[0 if last is None else -min(last, len(rows))]
        interval = stored_interval(rows.bars.timestamp)
        for horizon, graded in parts.items():
            found = grade_ranges(rows, models, horizon, interval, newest)
            graded.append(found[found.timestamp >= first])
    merged = {horizon: merge_ranges(graded, horizon) for horizon, graded in parts.items()}
    return {horizon: grades for horizon, grades in merged.items() if grades is not None}
