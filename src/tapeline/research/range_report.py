"""Hold what a test of the expected move found, and say it in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tapeline.forecast import HORIZON
from tapeline.forecast.estimates import Estimate
from tapeline.forecast.range_words import verdict

#: The baseline that the verdict is about.
EWMA = "EWMA"


@dataclass(frozen=True, slots=True)
class HorizonScores:
    """Hold what was measured over one horizon, on `rows` rows out of sample.

    `saved` is the share of each baseline's QLIKE that the model saves, `saved_adjusted` the same after the baseline was
    given the level of the variances on the rows before the tests. `coverage` is that of each band, `normal_coverage`
    that of a normal variable with EWMA's sigma, `by_tercile` that of the 80% band by volatility, low to high, and
    `symbols` the lowest and the highest of any symbol. `winkler` is the share of EWMA-normal's score of the 95% band
    that is saved. `big_move` and `big_move_ewma` are AUCs; `stop` is the AUC of a stop 2% below (of minutes 0.2%),
    `stop_skill` and `stop_over_normal` the share of the Brier score saved over the share of training rows and over
    EWMA-normal. `volume` is the share of EWMA's mean absolute log error of the volume saved.
    """

    horizon: int
    rows: int
    saved: Mapping[str, Estimate]
    saved_adjusted: Mapping[str, Estimate]
    coverage: Mapping[int, Estimate]
    normal_coverage: Mapping[int, float]
    by_tercile: tuple[float, ...]
    normal_by_tercile: tuple[float, ...]
    symbols: tuple[float, float]
    winkler: Estimate
    big_move: Estimate
    big_move_ewma: Estimate
    stop: Estimate
    stop_skill: Estimate
    stop_over_normal: Estimate
    volume: Estimate


@dataclass(frozen=True, slots=True)
class RangeReport:
    """Hold what `evaluate_ranges` found. `headline` says it in one line."""

    headline: str
    symbols: int
    bars: int
    first: int
    last: int
    interval: int
    folds: int
    scores: tuple[HorizonScores, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return asdict(self)


def headline(scores: Iterable[HorizonScores]) -> str:
    """Return the verdict over 5 bars in one line: how much better than EWMA, and how often the 80% band held."""
    mine = next(each for each in scores if each.horizon == HORIZON)
    return verdict(mine.saved[EWMA], mine.coverage[80])
