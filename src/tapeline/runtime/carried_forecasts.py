"""Carry over to rows that are made anew what was said about their bars, and the values they were first stored with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tapeline.core.market import OHLCV, Bars, Floats, Rows


def committed(rows: Rows) -> Bars:
    """Return the bars of these rows that are final."""
    return rows.bars[rows.bars.final]


def with_what_was_said(rows: Rows, stored: Rows, first: Bars) -> Rows:
    """Return one symbol's rows with the forecasts that were made on these bars, and the values known then.

    `first` are bars that came late, as they were said first.
    """
    said = np.flatnonzero(stored.bars.final & (stored.model >= 0))
    _, here, there = np.intersect1d(rows.bars.timestamp, stored.bars.timestamp[said], return_indices=True)
    model = rows.model.copy()
    models = tuple(dict.fromkeys(rows.models + stored.models))
    model[model >= 0] = np.array([*map(models.index, rows.models), -1], np.int32)[model[model >= 0]]
    columns: dict[str, Any] = {name: column.copy() for name, column in rows.forecast.items()}
    for name, column in stored.forecast.items():
        columns[name][here] = column[said[there]]
    model[here] = np.array([*map(models.index, stored.models), -1], np.int32)[stored.model[said[there]]]
    known = _first_values(rows, merged(first, committed(stored.as_known())))
    return replace(rows, models=models, model=model, known=known, **columns, **_said_ranges(rows, stored, models))


def _said_ranges(rows: Rows, stored: Rows, models: tuple[str, ...]) -> dict[str, Any]:
    """Return the range forecasts that were made on these bars, with their versions as indices into `models`."""
    if stored.ranges is None or stored.range_model is None:
        return {"ranges": None, "range_model": None}
    ranges, by = np.zeros((len(rows), stored.ranges.shape[1]), np.uint16), np.full(len(rows), -1, np.int32)
    said = np.flatnonzero(stored.bars.final & (stored.range_model >= 0))
    _, here, there = np.intersect1d(rows.bars.timestamp, stored.bars.timestamp[said], return_indices=True)
    ranges[here] = stored.ranges[said[there]]
    by[here] = np.array([*map(models.index, stored.models), -1], np.int32)[stored.range_model[said[there]]]
    return {"ranges": ranges, "range_model": by}


def _first_values(rows: Rows, first: Bars) -> Floats | None:
    """Return the values each final row was first stored with, float64 [n, 5], NaN where they are those of today."""
    _, here, there = np.intersect1d(rows.bars.timestamp, first.timestamp, return_indices=True)
    here, there = here[rows.bars.final[here]], there[rows.bars.final[here]]
    before = np.stack([getattr(first, name)[there] for name in OHLCV], axis=1)
    now = np.stack([getattr(rows.bars, name)[here] for name in OHLCV], axis=1)
    differs = (before != now).any(axis=1)
    if not differs.any():
        return None
    known = np.full((len(rows), len(OHLCV)), np.nan)
    known[here[differs]] = before[differs]
    return known


def merged(stored: Bars, changed: Bars) -> Bars:
    """Return one symbol's bars in the order of time; a changed bar replaces the stored one of its time."""
    both = Bars.concat((changed, stored))
    _, first = np.unique(both.timestamp, return_index=True)
    return both[first]
