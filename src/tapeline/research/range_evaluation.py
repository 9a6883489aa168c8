"""Tell whether the expected move is worth anything: test it walk-forward beside EWMA, on exactly the same rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tapeline.core.bars import sort_and_dedupe, usual_interval
from tapeline.core.market import Bars, Flags, Floats
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast import price_bands, said_codes
from tapeline.forecast.estimates import Estimate, Sampling
from tapeline.forecast.labels import INTRADAY
from tapeline.forecast.price_bands import BIG_MOVE, COVERAGES
from tapeline.forecast.range_baselines import Baseline, bar_returns, weighted_mean
from tapeline.forecast.range_layout import HORIZONS, SAID
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_scores import (
    NORMAL,
    coverage_by,
    normal_touch,
    qlike,
    saved,
    tercile,
    winkler,
)
from tapeline.forecast.range_state import RangeStates
from tapeline.forecast.time_of_day import season
from tapeline.research import FOLDS
from tapeline.research.garch import GARCH, garch
from tapeline.research.metrics import auc_influence
from tapeline.research.range_outcomes import Outcomes, outcomes
from tapeline.research.range_report import EWMA, HorizonScores, RangeReport, headline
from tapeline.research.range_training import fit_sorted

TIME_OF_DAY = "time-of-day EWMA"

#: The stop whose odds are tested, as a change of the price: of daily and longer bars, and of shorter ones.
STOP, INTRADAY_STOP = -0.02, -0.002

_VOLUMES_AT = len(HORIZONS) + 1


@dataclass(slots=True, eq=False)
class _Tested:
    """Collect what models said out of sample of every bar; one row a bar, NaN or 0 where none was asked.

    Columns over horizons; `edges` are the standardised ends of the bands, low and high of each coverage.
    """

    tested: Flags
    said: Floats
    edges: Floats
    big: Floats
    stop: Floats
    stop_share: Floats
    baselines: dict[str, Floats]
    levels: dict[str, Floats]
    seasons: Floats
    known: list[tuple[Flags, Outcomes]] = field(default_factory=list)


def evaluate_ranges(
    bars: Iterable[Bars], *, folds: int = FOLDS, baselines: Mapping[str, Baseline] | None = None
) -> RangeReport:
    """Train and test range models walk-forward on these bars, on exactly the same rows as EWMA, GARCH and `baselines`.

    The last folds/(folds+1) of the times are tested, each fold by a model trained on what was decided before it, with
    an embargo of the longest horizon. Raises `NotEnoughHistoryError`.
    """
    history = sort_and_dedupe(bars)
    interval = usual_interval(history.timestamp, history.code)
    times = np.unique(history.timestamp)
    if interval is None or len(times) < 2 * (folds + 1):
        raise NotEnoughHistoryError(f"{len(history)} bars give no range to test: give more history")
    compared = _compared(interval, baselines)
    done = _empty(history, interval, compared)
    edges = [len(times) * k // (folds + 1) for k in range(1, folds + 2)]
    for k in range(folds):
        start, stop = times[edges[k]], times[edges[k + 1] - 1]
        trained_until = times[max(0, edges[k] - HORIZONS[-1])]
        try:
            model = fit_sorted(history[history.timestamp < trained_until], interval)
        except NotEnoughHistoryError as error:
            raise NotEnoughHistoryError(_of_fold(error, k, folds, len(history))) from None
        test = (history.timestamp >= start) & (history.timestamp <= stop)
        _ask(done, history, model, test, compared)
    return _report(history, interval, folds, done)


def _of_fold(error: NotEnoughHistoryError, k: int, folds: int, bars: int) -> str:
    """Return the text of an error about fold `k`, which learns from k + 1 of folds + 1 parts of these bars."""
    text = f"fold {k + 1} of {folds}: {error}"
    if not error.rows:
        return text
    wanted = bars - (-error.rows * (folds + 1) // (k + 1))
    return f"{text}; {folds} folds take about {wanted:,} bars in all, fewer folds fewer"


def evaluate_frozen(model: RangeModel, bars: Iterable[Bars]) -> RangeReport:
    """Test a model as it is on bars that its training did not see, or only those after `trained_until`."""
    history = sort_and_dedupe(bars)
    compared = _compared(model.interval, None)
    done = _empty(history, model.interval, compared)
    later = history.timestamp > model.trained_until
    _ask(done, history, model, later, compared)
    return _report(history, model.interval, 1, done)


def _compared(interval: int, more: Mapping[str, Baseline] | None) -> dict[str, Baseline]:
    """Return what is fitted before every test: GARCH on daily and longer bars, whose returns it is made for."""
    fitted: dict[str, Baseline] = {GARCH: garch} if interval >= INTRADAY else {}
    return fitted | dict(more or {})


def _empty(history: Bars, interval: int, fitted: Iterable[str]) -> _Tested:
    baselines = [EWMA, *([TIME_OF_DAY] if interval < INTRADAY else []), *fitted]
    count, horizons = len(history), len(HORIZONS)
    blank = np.full((count, horizons), np.nan)
    return _Tested(
        np.zeros(count, np.bool_), np.full((count, SAID + horizons + 1), np.nan),
        np.full((count, horizons, 2 * len(COVERAGES)), np.nan), blank.copy(), blank.copy(), blank.copy(),
        {name: blank.copy() for name in baselines}, {name: blank.copy() for name in baselines},
        np.ones((count, 2 + 2 * horizons)),
    )  # fmt: skip


def _ask(done: _Tested, history: Bars, model: RangeModel, test: Flags, baselines: Mapping[str, Baseline]) -> None:
    """Fill in what this model says of the tested rows, as it would be shown: after it was stored and read back."""
    said = RangeStates().update(history, model)
    said[:, :SAID] = said_codes.decoded(said_codes.codes(said))
    known = outcomes(history, model)
    factors = season(history, model.interval, np.array(model.variance_profile), np.array(model.volume_profile))
    ahead = factors[:, 2 : 2 + len(HORIZONS)]
    returns = bar_returns(history, model.interval)
    squares = np.maximum(returns**2, 1e-12)
    made = {EWMA: weighted_mean(squares, history.code)[:, None] * np.ones(len(HORIZONS))}
    if TIME_OF_DAY in done.baselines:
        made[TIME_OF_DAY] = weighted_mean(squares / factors[:, 0], history.code)[:, None] * ahead
    first = int(history.timestamp[test].min()) if test.any() else 0
    for name, baseline in baselines.items():
        made[name] = baseline(history, first, returns)
    before = ~test & (history.timestamp <= model.trained_until) & ~np.isnan(said[:, 0])
    done.tested |= test
    done.said[test] = said[test]
    done.seasons[test] = factors[test]
    for name, variance in made.items():
        done.baselines[name][test] = variance[test]
        for k in range(len(HORIZONS)):
            came = known.variance[:, k] * ahead[:, k]
            some = before & ~np.isnan(came)
            level = float((came[some] / np.maximum(variance[some, k], 1e-12)).mean()) if some.any() else math.nan
            done.levels[name][test, k] = level
    for k, horizon in enumerate(HORIZONS):
        for c, coverage in enumerate(COVERAGES):
            outside = (1.0 - coverage / 100.0) / 2.0
            ends = np.interp((outside, 1.0 - outside), model.levels, model.quantiles[k])
            done.edges[test, k, 2 * c : 2 * c + 2] = ends
        done.big[test, k] = price_bands.big_move(model, horizon, said[test, k], said[test, len(HORIZONS)])
        move = _stop(model.interval)
        done.stop[test, k] = price_bands.touched(model, horizon, said[test, k], move)
        some = before & ~np.isnan(known.lowest[:, k])
        done.stop_share[test, k] = float((known.lowest[some, k] <= move).mean()) if some.any() else math.nan
    done.known.append((test, known))


def _report(history: Bars, interval: int, folds: int, done: _Tested) -> RangeReport:
    scores = tuple(_scores(history, done, k, _stop(interval)) for k in range(len(HORIZONS)))
    if not any(each.rows for each in scores):
        raise NotEnoughHistoryError(f"{len(history)} bars give no row to test ranges on: give more history")
    return RangeReport(
        headline(scores), len(np.unique(history.code)), len(history), int(history.timestamp[0]),
        int(history.timestamp[-1]), interval, folds, scores,
    )  # fmt: skip


def _stop(interval: int) -> float:
    """Return the log return to the stop whose odds are tested."""
    return math.log(1.0 + (STOP if interval >= INTRADAY else INTRADAY_STOP))


def _scores(history: Bars, done: _Tested, k: int, stop: float) -> HorizonScores:
    horizon = HORIZONS[k]
    columns = {name: np.full(len(history), np.nan) for name in ("variance", "move", "lowest", "volume")}
    for test, known in done.known:
        for name, column in columns.items():
            column[test] = getattr(known, name)[test, k]
    came = columns["variance"] * done.seasons[:, 2 + k]
    rows = np.flatnonzero(done.tested & ~np.isnan(done.said[:, k]) & ~np.isnan(came))
    sampling = Sampling(history.timestamp[rows], horizon)
    came, sigma, move = came[rows], done.said[rows, k], columns["move"][rows]
    forecast, ewma = done.said[rows, SAID + k], done.baselines[EWMA][rows, k]
    loss = qlike(forecast, came)
    gains, adjusted = {}, {}
    for name, baseline in done.baselines.items():
        variance = baseline[rows, k]
        gains[name] = saved(sampling, loss, qlike(variance, came))
        adjusted[name] = saved(sampling, loss, qlike(variance * done.levels[name][rows, k], came))
    ewma_sigma = np.sqrt(horizon * ewma)
    held, normal_held = {}, {}
    for c, coverage in enumerate(COVERAGES):
        low, high = done.edges[rows, k, 2 * c] * sigma, done.edges[rows, k, 2 * c + 1] * sigma
        held[coverage] = (move >= low) & (move <= high)
        normal_held[coverage] = np.abs(move) <= NORMAL[coverage] * ewma_sigma
    low, high = done.edges[rows, k, -2] * sigma, done.edges[rows, k, -1] * sigma
    ours = winkler(low, high, move, 95)
    theirs = winkler(-NORMAL[95] * ewma_sigma, NORMAL[95] * ewma_sigma, move, 95)
    usual = done.said[rows, len(HORIZONS)]
    big = np.abs(move) > BIG_MOVE * usual * math.sqrt(horizon)
    fell = columns["lowest"][rows] <= stop
    stop_loss = (done.stop[rows, k] - fell) ** 2
    code, names = history.code[rows], len(history.symbols)
    by_symbol = [share for share in coverage_by(held[80], code, names) if not math.isnan(share)]
    return HorizonScores(
        horizon=horizon,
        rows=len(rows),
        saved=gains,
        saved_adjusted=adjusted,
        coverage={coverage: sampling.proportion(hit, np.ones(len(rows))) for coverage, hit in held.items()},
        normal_coverage={coverage: float(hit.mean()) for coverage, hit in normal_held.items()},
        by_tercile=tuple(coverage_by(held[80], tercile(sigma), 3)),
        normal_by_tercile=tuple(coverage_by(normal_held[80], tercile(ewma), 3)),
        symbols=(min(by_symbol, default=math.nan), max(by_symbol, default=math.nan)),
        winkler=saved(sampling, ours, theirs),
        big_move=sampling.around(*auc_influence(done.big[rows, k], big)),
        big_move_ewma=sampling.around(*auc_influence(ewma / usual**2, big)),
        stop=sampling.around(*auc_influence(done.stop[rows, k], fell)),
        stop_skill=saved(sampling, stop_loss, (done.stop_share[rows, k] - fell) ** 2),
        stop_over_normal=saved(sampling, stop_loss, (normal_touch(ewma_sigma, stop) - fell) ** 2),
        volume=_volume_saved(history, done, columns["volume"], k),
    )


def _volume_saved(history: Bars, done: _Tested, came: Floats, k: int) -> Estimate:
    """Return the share saved of EWMA's mean absolute error of the logarithm of the mean volume over a horizon."""
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = np.log(came * done.seasons[:, 2 + len(HORIZONS) + k])
        ours = np.log(done.said[:, _VOLUMES_AT + k])
        ewma = np.log(weighted_mean(history.volume, history.code))
    rows = np.flatnonzero(done.tested & np.isfinite(truth) & np.isfinite(ours) & np.isfinite(ewma))
    sampling = Sampling(history.timestamp[rows], HORIZONS[k])
    return saved(sampling, np.abs(ours[rows] - truth[rows]), np.abs(ewma[rows] - truth[rows]))
