"""Compare the stored ranges with what happened, beside EWMA on the same rows.

Everything is taken from what was stored when it was said, and from the bars as they were known then; so a grade never
changes once it is made. EWMA is RiskMetrics' of the squared returns up to the row (0.94), with normal quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Codes, Flags, Floats, Ints
from tapeline.core.rows import Rows
from tapeline.forecast import price_bands, said_codes
from tapeline.forecast.later_moves import later_moves
from tapeline.forecast.price_bands import COVERAGES
from tapeline.forecast.range_baselines import RECENT, bar_returns, recent_mean
from tapeline.forecast.range_layout import HORIZONS, MEAN_SQUARE, of_horizon
from tapeline.forecast.range_model import RangeModel

#: How many bars before a row its grade depends on: those of EWMA.
LOOKBACK = RECENT + 1

_USUAL = len(HORIZONS)
_LEAST = 0.01  # of the usual variance: a bar without a trade says little of what was to be expected


@dataclass(frozen=True, slots=True, eq=False)
class RangeGrades:
    """Hold every range that was said over one horizon, and what came, in the order of time; one entry a row.

    `symbol` and `model` are indices into `symbols` and `models`. `known` is where the outcome is, `undecidable` where
    it never will be; the others wait. `sigma` is that of the log return over the horizon, `usual` the usual one of a
    bar, `low` and `high` the log returns to the ends of the bands, [n, COVERAGES], and `held` whether they held the
    close. `variance` is that of a bar which the sigma stands for, `ewma` what EWMA says of the squared returns, `level`
    by how much squared returns exceed variances in the model's training, so that `ewma / level` is in the units of
    `came`, the variance that came. `move` is the log return to the close that decided, `rank` the chance that was given
    to one below it, `big` the chance of a move beyond 1.5 usual sigmas. `lowest` and `highest` are the log returns to
    the lowest low and the highest high on the way, `stop` and `target` the chances that were given to a fall and to a
    rise by one usual sigma at some time. What came is NaN where it is not known.
    """

    horizon: int
    symbols: tuple[str, ...]
    models: tuple[str, ...]
    timestamp: Ints
    symbol: Codes
    model: Codes
    known: Flags
    undecidable: Flags
    sigma: Floats
    usual: Floats
    low: Floats
    high: Floats
    held: Flags
    variance: Floats
    ewma: Floats
    level: Floats
    came: Floats
    move: Floats
    rank: Floats
    big: Floats
    lowest: Floats
    highest: Floats
    stop: Floats
    target: Floats

    def __len__(self) -> int:
        return len(self.timestamp)

    def __getitem__(self, where: NDArray[Any]) -> RangeGrades:
        """Return these rows only (an index array or a mask)."""
        return replace(self, **{name: getattr(self, name)[where] for name in _COLUMNS})

    @property
    def narrowest(self) -> Codes:
        """Return the coverage of the narrowest band that held, 0 where none did, -1 where that is not known, [n]."""
        found = np.zeros(len(self), np.int32)
        for c, coverage in reversed(tuple(enumerate(COVERAGES))):
            found[self.held[:, c]] = coverage
        found[~self.known] = -1
        return found


_COLUMNS = tuple(each.name for each in fields(RangeGrades))[3:]


def grade_ranges(
    rows: Rows, models: Mapping[str, RangeModel], horizon: int, interval: int, known_until: int | None = None
) -> RangeGrades:
    """Grade the ranges among one symbol's rows, which are in the order of time.

    A row's grade needs the `LOOKBACK` rows before it and those of its horizon: give them too, and cut afterwards. What
    an unknown model said is left out. `interval` and `known_until` are as in `later_moves`.
    """
    final = rows[np.flatnonzero(rows.bars.final)].as_known()
    ranges, by = final.said_ranges
    k = HORIZONS.index(horizon)
    known_models = np.array([version in models for version in final.models], np.bool_)
    said = np.flatnonzero((by >= 0) & np.append(known_models, False)[by] & (ranges[:, k] > 0))
    later = later_moves(final.bars, horizon, interval, known_until)
    squares = np.maximum(bar_returns(final.bars, interval) ** 2, 1e-12)
    ewma = recent_mean(squares)[said]
    codes = said_codes.decoded(ranges[said])
    sigma, usual = np.ascontiguousarray(codes[:, k]), np.ascontiguousarray(codes[:, _USUAL])
    closed, close, move = final.bars.close[said], later.close[said], later.move[said]
    shape = len(said), len(COVERAGES)
    low, high = np.empty(shape), np.empty(shape)
    level, rank, big, stop, target = (np.empty(len(said)) for _ in range(5))
    away = price_bands.STOP_DISTANCE * usual * math.sqrt(horizon)
    for index in np.unique(by[said]).tolist():
        model, mine = models[final.models[index]], by[said] == index
        for c, coverage in enumerate(COVERAGES):
            low[mine, c], high[mine, c] = price_bands.band(model, horizon, closed[mine], sigma[mine], coverage)
        rank[mine] = price_bands.below(model, horizon, sigma[mine], move[mine])
        big[mine] = price_bands.big_move(model, horizon, sigma[mine], usual[mine])
        stop[mine] = price_bands.touched(model, horizon, sigma[mine], -away[mine])
        target[mine] = price_bands.touched(model, horizon, sigma[mine], away[mine])
        level[mine] = model.numbers[of_horizon(k, MEAN_SQUARE)]
    held = (close[:, None] >= low) & (close[:, None] <= high)
    came = np.maximum(later.variance[said], _LEAST * usual**2 / level)
    return RangeGrades(
        horizon, final.bars.symbols, final.models, final.bars.timestamp[said], final.bars.code[said], by[said],
        ~np.isnan(move), later.undecidable[said], sigma, usual, np.log(low / closed[:, None]),
        np.log(high / closed[:, None]), held, sigma**2 / (horizon * level), ewma, level, came, move, rank, big,
        later.lowest[said], later.highest[said], stop, target,
    )  # fmt: skip


def merge_ranges(parts: Sequence[RangeGrades], horizon: int) -> RangeGrades | None:
    """Return the grades of several symbols as one, in the order of time; None where there is none."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return None
    symbols = tuple(dict.fromkeys(symbol for part in parts for symbol in part.symbols))
    models = tuple(dict.fromkeys(model for part in parts for model in part.models))
    places = {"symbol": symbols, "model": models}

    def column(part: RangeGrades, name: str) -> NDArray[Any]:
        if name not in places:
            return getattr(part, name)  # type: ignore[no-any-return]
        own: tuple[str, ...] = getattr(part, f"{name}s")
        moved: Codes = np.array([places[name].index(text) for text in own], np.int32)[getattr(part, name)]
        return moved

    columns = {name: np.concatenate([column(part, name) for part in parts]) for name in _COLUMNS}
    whole = RangeGrades(horizon, symbols, models, **columns)
    return whole[np.argsort(whole.timestamp, kind="stable")]


def usual_moves(grades: RangeGrades) -> Floats:
    """Return the move in log returns beyond which it is a big one, float64 [n]."""
    found: Floats = price_bands.BIG_MOVE * grades.usual * math.sqrt(grades.horizon)
    return found


def stop_moves(grades: RangeGrades) -> Floats:
    """Return how far the stop and the target are whose odds are graded, in log returns, float64 [n]."""
    found: Floats = price_bands.STOP_DISTANCE * grades.usual * math.sqrt(grades.horizon)
    return found
