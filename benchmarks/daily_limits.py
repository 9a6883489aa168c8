"""Measure what a range forecast of daily bars could reach at best, where an aim of docs/evaluation.md is missed.

usage: daily_limits.py FILE ... [--frozen FILE ...] [--horizon 5] [--folds 5]

Tests walk-forward, or with --frozen a model of all of FILE on other bars, like range_forecast.py. Beside the model
stands what nobody has: the same regression fitted on the tested rows, bands chosen after the closes were seen, the
variance that came. For shares it says how likely a band that is exactly right would pass.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from range_forecast import read, walk_forward

from tapeline.core.bars import usual_interval
from tapeline.core.market import Bars, Flags, Floats, Ints
from tapeline.forecast import price_bands
from tapeline.forecast.estimates import Estimate, Sampling, ratio_influence
from tapeline.forecast.price_bands import BIG_MOVE
from tapeline.forecast.range_baselines import bar_returns, weighted_mean
from tapeline.forecast.range_layout import HORIZONS, REGRESSORS_WIDTH, SAID
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_scores import NORMAL, qlike, saved, tercile, winkler
from tapeline.forecast.range_state import RangeStates
from tapeline.research.garch import garch
from tapeline.research.metrics import auc_influence
from tapeline.research.range_outcomes import outcomes
from tapeline.research.range_training import fit_sorted, variance_rows
from tapeline.research.ridge import least_squares

_DAYS_A_YEAR = 252
_DRAWS = 200


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--frozen", nargs="*", type=Path, default=[])
    parser.add_argument("--horizon", type=int, default=5, choices=HORIZONS)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    history = read(options.files)
    interval = usual_interval(history.timestamp, history.code)
    assert interval is not None
    if options.frozen:
        model, history = fit_sorted(history, interval), read(options.frozen)
        parts = [tested(history, model, history.timestamp > model.trained_until, options.horizon)]
    else:
        parts = [
            tested(history, fit_sorted(history[before], interval), test, options.horizon)
            for before, test in walk_forward(history, options.folds)
        ]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    sampling = Sampling(rows["time"].astype(np.int64), options.horizon)
    print(f"{options.horizon} bars ahead, {len(rows['time']):,} rows at {sampling.times:,} times")
    show_variances(rows, sampling)
    show_bands(rows, sampling, options.horizon)
    show_big_moves(rows, sampling, options.horizon)
    show_shares(rows, sampling, options.horizon)


def tested(history: Bars, model: RangeModel, test: Flags, horizon: int) -> dict[str, Floats]:
    """Return of every tested row what came, what the model and the baselines say, and what hindsight would."""
    k = HORIZONS.index(horizon)
    regressors = np.empty((len(history), REGRESSORS_WIDTH))
    said, known = RangeStates().update(history, model, regressors), outcomes(history, model)
    X, target = variance_rows(regressors, known, k)
    rows = np.flatnonzero(test & ~np.isnan(said[:, k]) & ~np.isnan(target))
    own = [j for j, slope in enumerate(model.coefficients[k][:-1]) if slope]
    slopes = least_squares(X[rows], target[rows], own)
    level = X[rows] @ slopes[:-1] + slopes[-1]
    returns = bar_returns(history, model.interval)
    squares = weighted_mean(np.maximum(returns**2, 1e-12), history.code)
    first = int(history.timestamp[test].min())
    edges = np.interp((0.025, 0.1, 0.9, 0.975), model.levels, model.quantiles[k])
    sigma, usual = said[rows, k], said[rows, len(HORIZONS)]
    found = {
        "time": history.timestamp[rows], "symbol": history.code[rows], "came": known.variance[rows, k],
        "move": known.move[rows, k], "usual": usual, "sigma": sigma, "model": said[rows, SAID + k],
        "EWMA": squares[rows], "GARCH(1,1)": garch(history, first, returns)[rows, k],
        "hindsight": regressors[rows, 1] * np.exp(level) * np.exp(target[rows] - level).mean(),
        "low": edges[0] * sigma, "low_80": edges[1] * sigma, "high_80": edges[2] * sigma, "high": edges[3] * sigma,
        "odds": price_bands.big_move(model, horizon, sigma, usual),
    }  # fmt: skip
    return {name: np.asarray(column, np.float64) for name, column in found.items()}


def show_variances(rows: dict[str, Floats], sampling: Sampling) -> None:
    for baseline in ("EWMA", "GARCH(1,1)"):
        print(f"\nQLIKE saved over {baseline}, in %")
        of_baseline = qlike(rows[baseline], rows["came"])
        found = saved(sampling, qlike(rows["model"], rows["came"]), of_baseline)
        line("the model", found, 100)
        line("the same regression, fitted on the tested rows", saved(
            sampling, qlike(rows["hindsight"], rows["came"]), of_baseline), 100)  # fmt: skip
    years = sampling.times * ((found.high - found.low) / 2 / found.value) ** 2 / _DAYS_A_YEAR
    print(f"  years until the interval of such a gain is above zero: {years:.1f}, of which there are "
          f"{sampling.times / _DAYS_A_YEAR:.1f}")  # fmt: skip


def show_bands(rows: dict[str, Floats], sampling: Sampling, horizon: int) -> None:
    print("\nWinkler's score of the 95% band saved over EWMA-normal, in %")
    move, normal = rows["move"], NORMAL[95] * np.sqrt(horizon * rows["EWMA"])
    of_ewma = winkler(-normal, normal, move, 95)
    line("the model", saved(sampling, winkler(rows["low"], rows["high"], move, 95), of_ewma), 100)
    usual = rows["usual"] * math.sqrt(horizon)
    powers = [rows["sigma"] ** power * usual ** (1 - power) for power in np.arange(0.5, 1.31, 0.05)]
    for name, sigmas in {
        "its sigma, quantiles chosen after": [rows["sigma"]],
        "and how much they follow sigma": powers,
        "the regression fitted on the tested rows, both after": [
            np.sqrt(horizon * rows["hindsight"]) ** power * usual ** (1 - power) for power in np.arange(0.5, 1.31, 0.05)
        ],
        "knowing the variance that came, quantiles after": [np.sqrt(horizon * rows["came"])],
    }.items():
        scores = [winkler(*best_ends(move, sigma), move, 95) for sigma in sigmas]
        line(name, saved(sampling, min(scores, key=np.mean), of_ewma), 100)


def best_ends(move: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Return the ends, in sigmas of each row, that have the best score: quantiles in which a row weighs its sigma."""
    standardised = move / sigma
    order = np.argsort(standardised)
    reached = np.cumsum(sigma[order]) / sigma.sum()
    low, high = (standardised[order[int(np.searchsorted(reached, level))]] for level in (0.025, 0.975))
    return low * sigma, high * sigma


def show_big_moves(rows: dict[str, Floats], sampling: Sampling, horizon: int) -> None:
    print("\nAUC of moves beyond 1.5 usual sigmas")
    big = np.abs(rows["move"]) > BIG_MOVE * rows["usual"] * math.sqrt(horizon)
    for name, score in {
        "the model": rows["odds"],
        "the regression fitted on the tested rows": rows["hindsight"] / rows["usual"] ** 2,
        "knowing the variance that came": rows["came"] / rows["usual"] ** 2,
    }.items():
        line(name, sampling.around(*auc_influence(score, big)), 1)
    drawn = np.random.default_rng(0).random((_DRAWS, len(big))) < rows["odds"]
    right = [auc_influence(rows["odds"], each)[0] for each in drawn]
    print(f"  {'where these odds are exactly right':56} {np.mean(right):6.3f}")


def show_shares(rows: dict[str, Floats], sampling: Sampling, horizon: int) -> None:
    print("\nHow likely a band of 80% that is exactly right would pass, given how few outcomes there are, in %")
    held = (rows["move"] >= rows["low_80"]) & (rows["move"] <= rows["high_80"])
    thirds = tercile(rows["sigma"])
    chances = [passes(sampling, held, np.ones(len(held)), 0.015)]
    chances += [passes(sampling, held * (thirds == third), thirds == third, 0.025) for third in range(3)]
    line("what the model's lowest third held", sampling.proportion(held * (thirds == 0), thirds == 0), 100)
    print(f"  {'overall within 1.5 points':56} {100 * chances[0]:6.0f}")
    print(f"  {'lowest / middle / highest third within 2.5':56} "
          + " / ".join(f"{100 * chance:.0f}" for chance in chances[1:]))  # fmt: skip
    counts = np.bincount(rows["symbol"].astype(np.int64))
    least, most = symbol_shares(counts[counts > 0], horizon)
    within = 100 * np.mean((least >= 0.74) & (most <= 0.86))
    print(f"  {'every symbol within 74 to 86, if they are independent':56} {within:6.0f}")
    print(f"  {'its lowest / highest symbol, median':56} {100 * np.median(least):.1f} / {100 * np.median(most):.1f}")


def passes(sampling: Sampling, held: Floats | Flags, among: Floats | Flags, within: float) -> float:
    """Return the chance that a share whose true value is the aim comes out `within` it, by its standard error."""
    error = sampling.spread(ratio_influence(held, among)[1]).error
    return math.erf(within / error / math.sqrt(2))


def symbol_shares(counts: Ints, horizon: int) -> tuple[Floats, Floats]:
    """Return the lowest and the highest share that bands of 80% hold of random walks with this many rows, by draw."""
    rng, longest = np.random.default_rng(0), int(counts.max())
    least, most = np.empty(_DRAWS), np.empty(_DRAWS)
    for draw in range(_DRAWS):
        path = np.cumsum(rng.normal(size=(longest + horizon, len(counts))), axis=0)
        held = np.abs(path[horizon:] - path[:-horizon]) < NORMAL[80] * math.sqrt(horizon)
        shares = [float(held[:count, i].mean()) for i, count in enumerate(counts)]
        least[draw], most[draw] = min(shares), max(shares)
    return least, most


def line(name: str, found: Estimate, scale: int) -> None:
    digits = 1 if scale > 1 else 3
    values = [f"{scale * value:.{digits}f}" for value in (found.value, found.low, found.high)]
    print(f"  {name:56} {values[0]:>6} [{values[1]}, {values[2]}]")


if __name__ == "__main__":
    main()
