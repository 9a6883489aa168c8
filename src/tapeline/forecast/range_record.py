"""Say in figures what the ranges were worth: coverage, Winkler's score, QLIKE and odds, each beside EWMA's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.estimates import Estimate, Sampling
from tapeline.forecast.price_bands import COVERAGES
from tapeline.forecast.range_grading import RangeGrades, stop_moves, usual_moves
from tapeline.forecast.range_scores import NORMAL, normal_beyond, normal_touch, qlike, saved, tercile, winkler

#: Thirds of the decided rows, by the sigma that was said.
TERCILES = ("low", "middle", "high")

_TENTHS = 10


@dataclass(frozen=True, slots=True)
class RangeGrade:
    """Hold the grade of a group of rows. `symbol`, `model` and `tercile` are '' where the group holds several.

    Every row that something was said of is counted once: it is `decided`, `waiting`, or `undecidable`, because a gap
    lies within the horizon. `held` counts the closes that each band held, by its coverage in percent; `coverage` is
    their share, `ewma_coverage` that of EWMA's bands of the same rows. `winkler`, `qlike` and `brier` are the shares of
    EWMA's loss that were saved: of the 95% band's score, of the variance's QLIKE, and of the odds of a big move.
    `qlike_adjusted` is that over EWMA in the units of the variance that came, without which EWMA, which knows squared
    returns, loses some for its level alone. `big_moves` is how many of the decided moves were big, `brier_score` the
    mean squared error of their odds, `ewma_brier` that of EWMA's. Of a stop and of a target one usual sigma away,
    `touched` is the share that was touched within the horizon, `touch_odds` the mean of the chances given to that,
    `touch_brier_score` their mean squared error, `ewma_touch_brier` that of a walk of EWMA's sigma, and `touch_brier`
    the share of the latter that was saved.
    """

    horizon: int
    symbol: str
    model: str
    tercile: str
    said: int
    decided: int
    waiting: int
    undecidable: int
    held: Mapping[int, int]
    coverage: Mapping[int, Estimate]
    ewma_coverage: Mapping[int, float]
    winkler: Estimate
    qlike: Estimate
    qlike_adjusted: Estimate
    brier: Estimate
    brier_score: float
    ewma_brier: float
    big_moves: int
    touched: Estimate
    touch_odds: float
    touch_brier: Estimate
    touch_brier_score: float
    ewma_touch_brier: float

    def as_dict(self) -> dict[str, Any]:
        """Return the grade under the names that the API and `--json` publish; coverages are texts."""
        published = asdict(self)
        for name in ("held", "coverage", "ewma_coverage"):
            published[name] = {str(coverage): value for coverage, value in published[name].items()}
        return published


@dataclass(frozen=True, slots=True, eq=False)
class RollingCoverage:
    """Hold the share of the last `window` closes that each band held, at the time of each (epoch ms)."""

    window: int
    timestamp: Ints
    coverage: Mapping[int, Floats]


def range_record(grades: RangeGrades) -> list[RangeGrade]:
    """Return one grade for all rows, then by tercile, by model, and by symbol and model. Empty groups are left out."""
    third = np.full(len(grades), -1, np.int32)
    third[grades.known] = tercile(grades.sigma[grades.known])
    groups: list[tuple[str, str, str, Flags]] = [("", "", "", np.ones(len(grades), np.bool_))]
    groups += [("", "", name, third == index) for index, name in enumerate(TERCILES)]
    groups += [("", model, "", grades.model == m) for m, model in enumerate(grades.models)]
    for s, symbol in enumerate(grades.symbols):
        for m, model in enumerate(grades.models):
            groups.append((symbol, model, "", (grades.symbol == s) & (grades.model == m)))
    return [_grade(symbol, model, name, grades[where]) for symbol, model, name, where in groups if where.any()]


def _grade(symbol: str, model: str, third: str, grades: RangeGrades) -> RangeGrade:
    part = grades[grades.known]
    sampling = Sampling(part.timestamp, part.horizon)
    ewma_sigma = np.sqrt(part.horizon * part.ewma)
    loss = qlike(part.variance, part.came)
    end = NORMAL[95] * ewma_sigma
    scores = winkler(part.low[:, -1], part.high[:, -1], part.move, 95), winkler(-end, end, part.move, 95)
    usual = usual_moves(part)
    big = np.abs(part.move) > usual
    odds = (part.big - big) ** 2, (normal_beyond(ewma_sigma, usual) - big) ** 2
    touched, said, touch_losses = _touches(part, ewma_sigma)
    everyone = np.ones(len(part), np.bool_)
    with np.errstate(invalid="ignore"):
        return RangeGrade(
            horizon=part.horizon,
            symbol=symbol,
            model=model,
            tercile=third,
            said=len(grades),
            decided=len(part),
            waiting=int((~grades.known & ~grades.undecidable).sum()),
            undecidable=int((grades.undecidable & ~grades.known).sum()),
            held={c: int(part.held[:, i].sum()) for i, c in enumerate(COVERAGES)},
            coverage={c: sampling.proportion(part.held[:, i], everyone) for i, c in enumerate(COVERAGES)},
            ewma_coverage={c: _mean(np.abs(part.move) <= NORMAL[c] * ewma_sigma) for c in COVERAGES},
            winkler=saved(sampling, *scores),
            qlike=saved(sampling, loss, qlike(part.ewma, part.came)),
            qlike_adjusted=saved(sampling, loss, qlike(part.ewma / part.level, part.came)),
            brier=saved(sampling, *odds),
            brier_score=_mean(odds[0]),
            ewma_brier=_mean(odds[1]),
            big_moves=int(big.sum()),
            touched=sampling.proportion(touched, everyone),
            touch_odds=_mean(said),
            touch_brier=saved(sampling, *touch_losses),
            touch_brier_score=_mean(touch_losses[0]),
            ewma_touch_brier=_mean(touch_losses[1]),
        )


def _touches(part: RangeGrades, ewma_sigma: Floats) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
    """Return of stop and target together which share was touched, the odds of it, and the losses of both forecasts."""
    away = stop_moves(part)
    fell, rose = part.lowest <= -away, part.highest >= away
    walk = normal_touch(ewma_sigma, away)  # of a walk without drift it is the same up and down
    ours = ((part.stop - fell) ** 2 + (part.target - rose) ** 2) / 2.0
    ewmas = ((walk - fell) ** 2 + (walk - rose) ** 2) / 2.0
    return (fell + 1.0 * rose) / 2.0, (part.stop + part.target) / 2.0, (ours, ewmas)


def rolling_coverage(grades: RangeGrades, window: int) -> RollingCoverage:
    """Return the coverage of the last `window` decided rows, at each from the `window`-th on."""
    part = grades[grades.known]
    total: Floats = np.cumsum(np.vstack((np.zeros((1, len(COVERAGES))), part.held)), axis=0, dtype=np.float64)
    shares: Floats = (total[window:] - total[:-window]) / window
    return RollingCoverage(window, part.timestamp[window - 1 :], {c: shares[:, i] for i, c in enumerate(COVERAGES)})


def rank_histogram(grades: RangeGrades) -> tuple[int, ...]:
    """Return how many closes came in each tenth of what was said, from low to high; they are alike where it is right.

    It is the histogram of the probability integral transform (A. Dawid, Statistical theory, 1984).
    """
    ranks = grades.rank[grades.known]
    found = np.bincount(np.minimum((ranks * _TENTHS).astype(np.int64), _TENTHS - 1), minlength=_TENTHS)
    return tuple(found.tolist())


def _mean(values: Floats | Flags) -> float:
    return float(values.mean()) if len(values) else math.nan
