"""Carry over to rows that are made anew what was said about their bars, and the values they were first stored with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tapeline.core.market import OHLCV, Bars, Codes, Floats, Ints
from tapeline.core.rows import Rows


def committed(rows: Rows) -> Bars:
    """Return the bars of these rows that are final."""
    return rows.bars[rows.bars.final]


def with_what_was_said(rows: Rows, stored: Rows, first: Bars) -> Rows:
    """Return one symbol's rows with the forecasts that were made on these bars, and the values known then.

    `first` are bars that came late, as they were said first.
    """
    models = tuple(dict.fromkeys(rows.models + stored.models))
    ours, theirs = (np.array([*map(models.index, each.models), -1], np.int32) for each in (rows, stored))
    columns: dict[str, Any] = {name: column.copy() for name, column in rows.forecast.items()}
    columns |= {"model": ours[rows.model], "ranges": None, "range_model": None}  # -1, for no model, is the last
    here, there = _said(rows, stored, stored.model)
    columns["model"][here] = theirs[stored.model[there]]
    for name, column in stored.forecast.items():
        columns[name][here] = column[there]
    if stored.ranges is not None and stored.range_model is not None:
        here, there = _said(rows, stored, stored.range_model)
        columns["ranges"] = np.zeros((len(rows), stored.ranges.shape[1]), np.uint16)
        columns["range_model"] = np.full(len(rows), -1, np.int32)
        columns["ranges"][here] = stored.ranges[there]
        columns["range_model"][here] = theirs[stored.range_model[there]]
    known = _first_values(rows, merged(first, committed(stored.as_known())))
    return replace(rows, models=models, known=known, **columns)


def _said(rows: Rows, stored: Rows, model: Codes) -> tuple[Ints, Ints]:
    """Return the indices in `rows` and in `stored` of final bars about which a model spoke."""
    said = np.flatnonzero(stored.bars.final & (model >= 0))
    _, here, there = np.intersect1d(rows.bars.timestamp, stored.bars.timestamp[said], return_indices=True)
    return here, said[there]


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
