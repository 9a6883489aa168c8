"""Grade the bands that were said: how many of the closes they were about did they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Rows
from tapeline.forecast.horizons import horizon_columns
from tapeline.forecast.labels import longest_step
from tapeline.forecast.price_bands import COVERAGES
from tapeline.forecast.range_model import RangeModel


@dataclass(frozen=True, slots=True)
class BandGrade:
    """Count what happened to the bands of one horizon, in bars.

    `held` says how many of the `decided` closes each band held, by its coverage in percent. `waiting` bands are about
    bars to come, `undecidable` ones never will be decided, because a gap lies between.
    """

    horizon: int
    decided: int
    waiting: int
    undecidable: int
    held: Mapping[int, int]


def grade_bands(rows: Rows, models: Mapping[str, RangeModel], horizon: int, interval: int) -> BandGrade:
    """Grade the bands of one symbol's rows, in the order of time, by the closes that were known then.

    `interval` is the length of the bars (ms).
    """
    final = rows[np.flatnonzero(rows.bars.final)].as_known()
    columns = horizon_columns(final, models)
    said = np.flatnonzero(~np.isnan(columns[f"low_80_{horizon}"]))
    gaps = np.append(0, np.cumsum(np.diff(final.bars.timestamp) > longest_step(interval)))
    later = said + horizon
    known = later < len(final)
    broken = gaps[np.minimum(later, len(final) - 1)] != gaps[said]
    decided = known & ~broken
    at, close = said[decided], final.bars.close[later[decided]]
    held = {}
    for coverage in COVERAGES:
        low, high = columns[f"low_{coverage}_{horizon}"][at], columns[f"high_{coverage}_{horizon}"][at]
        held[coverage] = int(((close >= low) & (close <= high)).sum())
    waiting = ~known & ~broken
    return BandGrade(horizon, len(at), int(waiting.sum()), int((broken & ~decided).sum()), held)
