"""Measure how much of EWMA's loss over the next bar a forecast could save that knew the bars after it.

usage: range_limits.py [FILE ...] [--folds 5]

FILE are bars of one interval (default: the packaged minutes). The model's regression over one bar is fitted anew with
two more regressors that nobody has: the mean variance of the 5 and of the 20 bars after the next one. Once it is fitted
on the bars before each test, once on the tested bars themselves, which flatters it. What it still loses is the noise of
one bar's variance, which no forecast can save.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from range_forecast import read, walk_forward

from tapeline.core.bars import usual_interval
from tapeline.core.market import Bars, Flags, Floats
from tapeline.data import sample_path
from tapeline.forecast.estimates import Sampling
from tapeline.forecast.labels import longest_step
from tapeline.forecast.range_baselines import bar_returns, weighted_mean
from tapeline.forecast.range_layout import REGRESSORS, REGRESSORS_WIDTH, SAID
from tapeline.forecast.range_scores import qlike, saved
from tapeline.forecast.range_state import RangeStates
from tapeline.forecast.time_of_day import season
from tapeline.research.range_outcomes import outcomes
from tapeline.research.range_training import fit_sorted, variance_rows
from tapeline.research.ridge import least_qlike, least_squares

_LEAST = 0.01  # of the slow mean, as in the step
_AFTER = (6, 21)  # the last of the bars after the next one


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path, default=[sample_path("1m")])
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    history = read(options.files)
    losses: dict[str, list[Floats]] = {}
    of_ewma, tested = [], []
    for before, test in walk_forward(history, options.folds):
        rows, forecasts, ewma, came = asked(history, before, test)
        for name, variance in forecasts.items():
            losses.setdefault(name, []).append(qlike(variance[rows], came[rows]))
        of_ewma.append(qlike(ewma[rows], came[rows]))
        tested.append(history.timestamp[rows])
    sampling = Sampling(np.concatenate(tested), 1)
    print(f"Over one bar, {len(np.concatenate(tested)):,} rows: share of EWMA's QLIKE that is saved, in %\n")
    for name, parts in losses.items():
        found = saved(sampling, np.concatenate(parts), np.concatenate(of_ewma))
        print(f"{name:42} {100 * found.value:5.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]")


def asked(history: Bars, before: Flags, test: Flags) -> tuple[Floats, dict[str, Floats], Floats, Floats]:
    """Return which rows are tested, what each forecast says of every bar, what EWMA says, and what came."""
    interval = usual_interval(history.timestamp, history.code)
    assert interval is not None
    model = fit_sorted(history[before], interval)
    regressors = np.empty((len(history), REGRESSORS_WIDTH))
    said, known = RangeStates().update(history, model, regressors), outcomes(history, model)
    ahead = season(history, interval, np.array(model.variance_profile), np.array(model.volume_profile))[:, 2]
    X, target = variance_rows(regressors, known, 0)
    slow = regressors[:, 1]
    later = [np.log(np.maximum(mean, _LEAST * slow) / slow) for mean in means_after(history, said[:, -1], interval)]
    X = np.column_stack((X, *later))
    usable = ~np.isnan(target) & ~np.isnan(X).any(axis=1)
    own = [j for j, slope in enumerate(model.coefficients[0][:-1]) if slope]
    everything = [*own, len(REGRESSORS), len(REGRESSORS) + 1]

    def fitted(rows: Flags, allowed: Sequence[int]) -> Floats:
        slopes = least_qlike(X[rows], target[rows], least_squares(X[rows], target[rows], allowed), allowed)
        level = X @ slopes[:-1] + slopes[-1]
        return slow * np.exp(level) * np.exp((target - level)[rows]).mean() * ahead

    forecasts = {
        "the model": said[:, SAID],
        "knowing the 20 bars after, fitted before": fitted(before & usable, everything),
        "knowing them, fitted on the tested rows": fitted(test & usable, everything),
    }
    squares = np.maximum(bar_returns(history, interval) ** 2, 1e-12)
    came = known.variance[:, 0] * ahead
    return np.flatnonzero(test & usable), forecasts, weighted_mean(squares, history.code), came


def means_after(history: Bars, variance: Floats, interval: int) -> list[Floats]:
    """Return the mean variance of the bars from the second on to each of `_AFTER`, NaN over the end or a gap."""
    found = [np.full(len(history), np.nan) for _ in _AFTER]
    for code in range(len(history.symbols)):
        mine = np.flatnonzero(history.code == code)
        breaks = np.append(0, np.cumsum(np.diff(history.timestamp[mine]) > longest_step(interval)))[: len(mine)]
        total = np.append(0.0, np.cumsum(variance[mine]))
        for last, column in zip(_AFTER, found, strict=True):
            here = np.arange(max(len(mine) - last, 0))
            here = here[breaks[here] == breaks[here + last]]
            column[mine[here]] = (total[here + last + 1] - total[here + 2]) / (last - 1)
    return found


if __name__ == "__main__":
    main()
