"""Tell whether a model is worth anything: test it walk-forward beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.extras import import_extra, is_installed
from tapeline.core.market import Bars, Flags, Floats
from tapeline.core.rows import Direction
from tapeline.error_text import counted
from tapeline.errors import NotEnoughHistoryError
from tapeline.forecast import HORIZON, NO_TRADE_BAND
from tapeline.forecast.estimates import calibration, hit_rate_by_confidence
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.labels import decided, direction
from tapeline.research import COST_BPS, FOLDS
from tapeline.research.audit import audit
from tapeline.research.backtest import backtest
from tapeline.research.baselines import RAW_FEATURES, majority, previous_move, random_forest
from tapeline.research.dataset import Dataset, Progress, build, fingerprint, silent
from tapeline.research.evaluation_report import MODEL, FoldResult, Metrics, Report, headline_of
from tapeline.research.fitting import fit_rows
from tapeline.research.libraries import library_versions, require_training
from tapeline.research.metrics import NEVER_SURE, PairedMetrics, log_loss
from tapeline.research.search import search
from tapeline.research.superior_ability import superior_ability
from tapeline.research.walk_forward import walk_forward

FOREST = "random forest"


@dataclass(slots=True, eq=False)
class _Tested:
    """Collect out-of-sample probabilities of every warm row of a dataset, and what each fold's model answers.

    `graded` are the rows that were tested and went up or down.
    """

    model: Floats
    answer: np.ndarray[Any, np.dtype[np.int8]]
    baselines: dict[str, Floats]
    graded: Flags
    folds: list[FoldResult] = field(default_factory=list)


def evaluate(
    bars: Iterable[Bars],
    *,
    horizon: int = HORIZON,
    no_trade_band: float = NO_TRADE_BAND,
    features: FeatureSet = DEFAULT_FEATURES,
    folds: int = FOLDS,
    embargo: int | None = None,
    forest: bool | None = None,
    trials: int = 0,
    trade: bool | None = None,
    cost_bps: float = COST_BPS,
    leaks: bool = False,
    seed: int = 0,
    expected_move: str = "",
    progress: Progress = silent,
) -> Report:
    """Train and test walk-forward on these bars, beside the baselines, on exactly the same rows.

    `forest` adds the random-forest baseline, `trade` the backtest (None: if their libraries are installed), `leaks` the
    leak audit of the features; `trials` is the number of Optuna trials inside each training fold. None of them changes
    what the model is trained or tested on. `expected_move` is a sentence on the range model of the same bars, which the
    first line begins with. Raises `NotEnoughHistoryError`, `MissingLibraryError`.
    """
    require_training(trials)
    forest, trade, left_out = _possible(forest, trade)
    history = sort_and_dedupe(bars)
    rows_of = partial(build, history, horizon=horizon, no_trade_band=no_trade_band, only_decided=False)
    data = rows_of(features=features, progress=_part(progress, 0.0, 0.1))
    raw = rows_of(features=RAW_FEATURES) if forest else None
    tested = _test(data, raw, folds, embargo, trials, seed, _part(progress, 0.1, 0.8))
    rows = tested.graded
    up, move = data.direction[rows] == Direction.UP, data.labels.move[data.index[rows]]
    paired = PairedMetrics(data.timestamp[rows], up, move, tested.baselines["majority"][rows], horizon)
    said = {name: each[rows] for name, each in {MODEL: tested.model, **tested.baselines}.items()}
    metrics = _measured(paired, said, _part(progress, 0.8, 0.9))
    gains = {
        name: {metric: paired.difference(metric, MODEL, name) for metric in ("log_loss", "auc")}
        for name in tested.baselines
    }
    losses = {name: log_loss(np.clip(each, NEVER_SURE, 1 - NEVER_SURE), up) for name, each in said.items()}
    trading = None
    if trade:
        answer = np.zeros(len(history), np.int8)
        answer[data.index] = tested.answer
        trading = backtest(history, answer, tested.folds[0].start, horizon=horizon, cost_bps=cost_bps)
    progress(0.95, "audit" if leaks else "backtest")
    findings = tuple(audit(data, list(walk_forward(data, folds, embargo)), seed)) if leaks else ()
    better = all(gain["log_loss"].low > 0 and gain["auc"].low > 0 for gain in gains.values())
    leaking = any(not finding.passed for finding in findings)
    called = decided(tested.answer[rows])
    right = (tested.answer[rows] == Direction.UP) == up
    progress(1.0, "done")
    return Report(
        headline=" ".join(filter(None, (expected_move, headline_of(metrics, gains, better, leaking)))),
        better=better and not leaking,
        symbols=tuple(history.symbols[code] for code in np.unique(history.code)),
        bars=len(history),
        first=int(history.timestamp[0]),
        last=int(history.timestamp[-1]),
        tested=int(rows.sum()),
        horizon=horizon,
        no_trade_band=no_trade_band,
        folds=tuple(tested.folds),
        metrics=metrics,
        gains=gains,
        calibration=tuple(calibration(tested.model[rows], up)),
        confidence=tuple(hit_rate_by_confidence(tested.model[rows], up)),
        answered=float(called.mean()),
        hit_rate=float(right[called].mean()) if called.any() else float("nan"),
        hit_rate_of_majority=float(max(up[called].mean(), 1 - up[called].mean())) if called.any() else float("nan"),
        trading=trading,
        findings=findings,
        superior_ability=superior_ability("majority", losses, data.timestamp[rows], horizon, seed=seed),
        left_out=tuple(left_out),
        data_hash=fingerprint(history),
        feature_hash=features.hash,
        libraries=library_versions(),
    )


def _possible(forest: bool | None, trade: bool | None) -> tuple[bool, bool, list[str]]:
    """Return whether there is a forest and a backtest, and what is left out for want of a library.

    Raises `MissingLibraryError` for one that is asked for, before what takes minutes.
    """
    if trade:
        import_extra("bt", "the backtest needs the package bt", "research")
    if forest:
        import_extra("sklearn.ensemble", "the random-forest baseline needs scikit-learn", "research")
    left_out = []
    if forest is None and not (forest := is_installed("sklearn")):
        left_out.append("the random-forest baseline needs scikit-learn")
    if trade is None and not (trade := is_installed("bt")):
        left_out.append("the backtest needs bt")
    return bool(forest), bool(trade), left_out


def _measured(paired: PairedMetrics, said: Mapping[str, Floats], progress: Progress) -> Metrics:
    metrics = {}
    for name, probability in said.items():
        metrics[name] = paired.measure(name, probability)
        progress(len(metrics) / len(said), "intervals")
    return metrics


def _part(progress: Progress, start: float, end: float) -> Progress:
    return lambda done, what: progress(start + (end - start) * done, what)


def _test(
    data: Dataset, raw: Dataset | None, folds: int, embargo: int | None, trials: int, seed: int, progress: Progress
) -> _Tested:
    names = ["majority", "previous move", *([FOREST] if raw is not None else [])]
    count = len(data.index)
    done = _Tested(
        np.full(count, np.nan), np.zeros(count, np.int8), {name: np.full(count, np.nan) for name in names},
        np.zeros(count, np.bool_),
    )  # fmt: skip
    learnable = decided(data.direction)
    for k, fold in enumerate(walk_forward(data, folds, embargo)):
        inner = _part(progress, k / folds, (k + 1) / folds)
        what = f"fold {k + 1} of {folds}"
        try:
            chosen = search(data, fold.train, trials, seed=seed, progress=_part(inner, 0.0, 0.5)) if trials else {}
            model = fit_rows(
                data, fold.train, seed=seed, parameters=chosen, progress=_named(_part(inner, 0, 0.7), what)
            )
        except NotEnoughHistoryError as error:
            day = datetime.fromtimestamp(fold.start / 1000, UTC)
            raise NotEnoughHistoryError(
                f"fold {k + 1} of {folds}, trained before {day:%Y-%m-%d %H:%M}: {error}"
            ) from None
        test = fold.test
        done.model[test] = model.predict(data.X[test])
        done.answer[test] = direction(done.model[test], model.metadata.hold_margin)
        done.baselines["majority"][test] = majority(data, fold.train, test)
        done.baselines["previous move"][test] = previous_move(data, fold.train, test)
        if raw is not None:
            inner(0.7, f"{what}: {FOREST}")
            done.baselines[FOREST][test] = random_forest(data, raw, fold.train, test, seed)
        graded = test & learnable
        done.graded |= graded
        auc = PairedMetrics(
            data.timestamp[graded], data.direction[graded] == Direction.UP, data.labels.move[data.index[graded]],
            done.baselines["majority"][graded], data.horizon,
        ).measure(MODEL, done.model[graded])["auc"]  # fmt: skip
        trees = len(model.trees.root)
        done.folds.append(FoldResult(fold.start, fold.end, int(fold.train.sum()), int(graded.sum()), trees, auc.value))
    if not done.graded.any():
        raise NotEnoughHistoryError(f"{counted(len(data.bars), 'bar')} without a row to test on: give more history")
    return done


def _named(progress: Progress, what: str) -> Callable[[float, str], None]:
    return lambda done, _: progress(done, what)
