"""Train a range model: one pooled ridge regression a horizon, then the spread of what it left unexplained.

Everything that the model will meet live goes through the step that runs live: regressors, scales of each symbol, the
standardised returns whose quantiles make the bands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.bars import sort_and_dedupe, usual_interval
from tapeline.core.market import Bars, Flags, Floats
from tapeline.core.times import DAY
from tapeline.error_text import counted
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast import range_layout as at
from tapeline.forecast.labels import INTRADAY, longest_step
from tapeline.forecast.range_model import RangeModel, Table
from tapeline.forecast.range_state import RangeStates
from tapeline.forecast.time_of_day import TERMS
from tapeline.research.dataset import fingerprint
from tapeline.research.range_outcomes import Outcomes, outcomes
from tapeline.research.ridge import RIDGE, least_qlike, least_squares
from tapeline.research.session_profiles import fit_profiles

_SHARED = ("fast", "fast_squares", "within_5", "squares_22", "long_run", "fall", "move_5", "move_22", "size", "volume",
           "volume_5")  # fmt: skip

#: Regressors of each form. Daily bars have months and quarters, minutes do not. Below two sessions the plain one is
#: safe.
FORMS = {
    "daily": ("last", "mean_5", "mean_22", "mean_66", *_SHARED, "quarter"),
    "intraday": ("last", "mean_5", "mean_15", "mean_30", "mean_60", *_SHARED),
    "plain": ("last", "mean_5", "mean_15", "mean_30", "mean_60", "long_run"),
}  # fmt: skip
_VOLUME_FORMS = {
    "daily": at.VOLUME_REGRESSORS,
    "intraday": tuple(name for name in at.VOLUME_REGRESSORS if name != "quarter"),
    "plain": ("last", "mean_5", "mean_22", "mean_66"),
}

#: The penalties of their slopes. Neighbouring daily outcomes and those of symbols that move together are alike, so that
#: few symbols need the larger one most; of minutes there are enough.
_PENALTIES = {"daily": 300.0, "intraday": RIDGE, "plain": RIDGE}

_SLOW_DECAY = 0.985
_LONG_RUN_BARS = 1_000  # half-life of daily bars' long-run level; of intraday ones it is a session
_SCALE_HALF_LIFE = 500.0
_RETURN_SHRINKAGE = 50.0  # as many outcomes say that a symbol is like the pool
_SHRINKAGE, _MINUTE_SHRINKAGE = 500.0, 5_000.0  # likewise; over one bar within the day, see `_shrinkage`
_FEWEST = 300  # rows with an outcome
_SESSIONS_FOR_ALL = 2
_CAP = 4.0  # as in the step
_LEAST_STEPS = 20  # of an intraday session, where nothing tells its length

#: Levels of the quantiles that a model keeps: finer where the bands of 95% and rare moves are.
LEVELS = (
    0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04,
    *(round(0.05 + 0.0125 * k, 4) for k in range(73)),
    0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.995, 0.9975, 0.999,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rows:
    """Hold the regressors of every bar, what came after it, and which of them may be learnt from."""

    regressors: Floats
    outcomes: Outcomes
    usable: Flags


def fit_range(bars: Iterable[Bars], *, until: int | None = None) -> RangeModel:
    """Train on the bars with timestamp <= `until` (UTC epoch ms; None: all), outcomes included.

    `bars` come in batches cut anywhere. The same bars give the same model, byte for byte. Raises
    `NotEnoughHistoryError`.
    """
    history = sort_and_dedupe(bars, until)
    return fit_sorted(history, usual_interval(history.timestamp, history.code) or DAY)


def fit_sorted(history: Bars, interval: int) -> RangeModel:
    """Train on these sorted final bars, all of them, of this length (ms). Raises `NotEnoughHistoryError`."""
    if len(history) < at.WARM_UP:
        raise NotEnoughHistoryError(
            f"not enough history: {counted(len(history), 'bar')}, training a range model takes at least "
            f"{at.WARM_UP + _FEWEST}: give more history",
            rows=_FEWEST + at.WARM_UP - len(history),
        )
    intraday = interval < INTRADAY
    session = _bars_in_a_session(history) if intraday else 0
    form = "daily" if not intraday else "intraday" if _sessions(history) >= _SESSIONS_FOR_ALL else "plain"
    model = _blank(history, interval, form, session)
    if intraday:
        variance, volume = fit_profiles(history)
        model = replace(model, variance_profile=variance, volume_profile=volume)
    regressors = np.empty((len(history), at.REGRESSORS_WIDTH))
    RangeStates().update(history, model, regressors)
    known = outcomes(history, model)
    usable = ~np.isnan(regressors[:, 0])
    rows = _Rows(regressors, known, usable)
    learnable = int((usable & ~np.isnan(known.variance[:, 0])).sum())
    if learnable < _FEWEST:
        missing = _FEWEST - learnable
        raise NotEnoughHistoryError(
            f"{len(history)} bars give {counted(learnable, 'row')} to learn ranges from, "
            f"training needs {_FEWEST}, from at least {len(history) + missing:,} bars: give more history",
            rows=missing,
        )
    model = _with_regressions(model, rows, form)
    return _with_spreads(model, history, rows)


def _blank(history: Bars, interval: int, form: str, session: int) -> RangeModel:
    numbers = np.zeros(at.NUMBERS)
    long_run = 2 ** (-1 / _LONG_RUN_BARS) if not session else 1 - 2 / (session + 1)
    numbers[:at.OF_HORIZONS] = (
        _SLOW_DECAY, long_run, 0.5 ** (1 / _SCALE_HALF_LIFE), _RETURN_SHRINKAGE, longest_step(interval), 0.9 * interval,
    )  # fmt: skip
    for k, horizon in enumerate(at.HORIZONS):
        numbers[at.of_horizon(k, at.MEAN_SQUARE)] = numbers[at.of_horizon(k, at.CAPPED_SQUARE)] = 1.0
        numbers[at.of_horizon(k, at.SHRINKAGE)] = _shrinkage(horizon, intraday=session > 0)
    empty = tuple((0.0,) * len(LEVELS) for _ in at.HORIZONS)
    return RangeModel(
        interval=interval,
        form=form,
        trained_from=int(history.timestamp[0]),
        trained_until=int(history.timestamp[-1]),
        symbols=tuple(history.symbols[code] for code in np.unique(history.code)),
        rows=0,
        data_hash=fingerprint(history),
        numbers=tuple(numbers.tolist()),
        coefficients=tuple((0.0,) * (len(at.REGRESSORS) + 1) for _ in at.HORIZONS),
        volume_coefficients=tuple((0.0,) * (len(at.VOLUME_REGRESSORS) + 1) for _ in at.HORIZONS),
        levels=LEVELS,
        quantiles=empty,
        lowest=empty,
        highest=empty,
        variance_profile=(0.0,) * TERMS,
        volume_profile=(0.0,) * TERMS,
    )


def _shrinkage(horizon: int, *, intraday: bool) -> float:
    """Return as how many outcomes it counts that a symbol's variance is like the pool's.

    A scale follows logarithms. That of one minute's variance is low wherever nobody trades in some minutes, although
    the mean is what the model says: there a scale of its own does harm.
    """
    return _MINUTE_SHRINKAGE if intraday and horizon == 1 else _SHRINKAGE


def _sessions(history: Bars) -> int:
    """Return on how many UTC days at most a symbol has bars."""
    days = np.unique(np.stack((history.code.astype(np.int64), history.timestamp // DAY)), axis=1)
    return int(np.bincount(days[0]).max())


def _bars_in_a_session(history: Bars) -> int:
    """Return the median number of bars that a symbol has in a UTC day."""
    _, counts = np.unique(
        np.stack((history.code.astype(np.int64), history.timestamp // DAY)), axis=1, return_counts=True
    )
    return max(int(np.median(counts)), _LEAST_STEPS)


def _with_regressions(model: RangeModel, rows: _Rows, form: str) -> RangeModel:
    names, volume_names = FORMS[form], _VOLUME_FORMS[form]
    allowed = [at.REGRESSORS.index(name) for name in names]
    volume_allowed = [at.VOLUME_REGRESSORS.index(name) for name in volume_names]
    coefficients, volume_coefficients = [], []
    numbers = list(model.numbers)
    counted = 0
    for k in range(len(at.HORIZONS)):
        X, target = variance_rows(rows.regressors, rows.outcomes, k)
        some = rows.usable & ~np.isnan(target)
        if some.sum() < len(allowed) + 2:
            raise NotEnoughHistoryError(f"no row has {at.HORIZONS[k]} bars after it in its session: give more history")
        X, target = X[some], target[some]
        found = least_squares(X, target, allowed, _PENALTIES[form])
        left = target - X @ found[:-1] - found[-1]
        if at.HORIZONS[k] == 1:  # the logarithm of one bar's variance is mostly noise, and says little of the mean
            found = least_qlike(X, target, found, allowed, _PENALTIES[form])
            left = target - X @ found[:-1] - found[-1]
        numbers[at.of_horizon(k, at.SMEAR)] = float(np.log(np.exp(left).mean()))
        coefficients.append(tuple(found.tolist()))
        del X, target, left  # the largest of a training's memory
        Y, traded = volume_rows(rows.regressors, rows.outcomes, k)
        Y, traded = Y[some], traded[some]
        found = least_squares(Y, traded, volume_allowed)
        left = traded - Y @ found[:-1] - found[-1]
        numbers[at.of_horizon(k, at.VOLUME_SMEAR)] = float(np.median(left))
        volume_coefficients.append(tuple(found.tolist()))
        counted = max(counted, int(some.sum()))
    return replace(
        model, coefficients=tuple(coefficients), volume_coefficients=tuple(volume_coefficients),
        numbers=tuple(numbers), rows=counted,
    )  # fmt: skip


def variance_rows(regressors: Floats, known: Outcomes, k: int) -> tuple[Floats, Floats]:
    """Return regressors and target of the variance over horizon `k`: its log relative to the slow mean, NaN unknown."""
    shared = regressors[:, at.VARIANCE_REGRESSORS_AT : at.VARIANCE_REGRESSORS_AT + len(at.REGRESSORS) - 1]
    quarter = regressors[:, at.VARIANCE_REGRESSORS_AT + len(at.REGRESSORS) - 1 + k]
    return np.column_stack((shared, quarter)), np.log(known.variance[:, k] / regressors[:, 1])


def volume_rows(regressors: Floats, known: Outcomes, k: int) -> tuple[Floats, Floats]:
    """Return regressors and target of the volume over horizon `k`: its log less that of the slow mean, NaN unknown."""
    count = len(at.VOLUME_REGRESSORS) - 1
    shared = regressors[:, at.VOLUME_REGRESSORS_AT : at.VOLUME_REGRESSORS_AT + count]
    quarter = regressors[:, at.VOLUME_REGRESSORS_AT + count + k]
    return np.column_stack((shared, quarter)), np.log(known.volume[:, k] + 1.0) - regressors[:, 3]


def _with_spreads(model: RangeModel, history: Bars, rows: _Rows) -> RangeModel:
    """Return the model with the spread of standardised returns, in three passes of the step.

    The first has no scale of returns; the next has it, which needs the mean square of the first; the last gives what
    live rows will be standardised with.
    """
    numbers = np.array(model.numbers)
    numbers[at.RETURN_SHRINKAGE] = 1e11  # no symbol has a spread of its own yet
    said = RangeStates().update(history, replace(model, numbers=tuple(numbers.tolist())))
    numbers[at.RETURN_SHRINKAGE] = model.numbers[at.RETURN_SHRINKAGE]
    for k in range(len(at.HORIZONS)):
        squares = (rows.outcomes.move[:, k] / said[:, k]) ** 2
        squares = squares[~np.isnan(squares)]
        mean = float(squares.mean())
        numbers[at.of_horizon(k, at.MEAN_SQUARE)] = mean
        numbers[at.of_horizon(k, at.CAPPED_SQUARE)] = float(np.minimum(squares / mean, _CAP).mean())
    model = replace(model, numbers=tuple(numbers.tolist()))
    said = RangeStates().update(history, model)
    tables = [_quantiles(getattr(rows.outcomes, name), said) for name in ("move", "lowest", "highest")]
    return replace(model, quantiles=tables[0], lowest=tables[1], highest=tables[2])


def _quantiles(moves: Floats, said: Floats) -> Table:
    """Return the quantiles of log returns over each horizon in sigmas that were forecast for them."""
    found = []
    for k in range(len(at.HORIZONS)):
        standardised = moves[:, k] / said[:, k]
        found.append(tuple(np.quantile(standardised[~np.isnan(standardised)], LEVELS).tolist()))
    return tuple(found)
