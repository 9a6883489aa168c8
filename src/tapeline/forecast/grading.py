"""How good the stored predictions were: graded once their horizon has passed, against the base rate of the same rows.

The question asked is the model's own (horizon, no-trade band), and the answer comes from the stored closes through the
same label code that training uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Codes, Direction, Flags, Floats, Ints, Rows
from tapeline.forecast.estimates import RESAMPLES, Bin, Estimate, calibration, draws, interval
from tapeline.forecast.labels import HORIZON, NO_TRADE_BAND, decided, label
from tapeline.forecast.model import Metadata


@dataclass(frozen=True, slots=True, eq=False)
class Grades:
    """Every predicted row and what became of it, in the order of time; one entry per row in each array.

    `answer` and `outcome` are int8 `Direction`; an outcome of NONE means: not decided yet, or not decidable (the
    horizon reaches over a session gap). `symbol` and `model` are places in `symbols` and `models`.
    """

    symbols: tuple[str, ...]
    models: tuple[str, ...]
    timestamp: Ints
    symbol: Codes
    model: Codes
    probability: Floats
    answer: NDArray[np.int8]
    outcome: NDArray[np.int8]
    horizon: int

    def __len__(self) -> int:
        return len(self.timestamp)

    def __getitem__(self, where: NDArray[Any]) -> Grades:
        columns = ("timestamp", "symbol", "model", "probability", "answer", "outcome")
        return replace(self, **{name: getattr(self, name)[where] for name in columns})


@dataclass(frozen=True, slots=True)
class Grade:
    """A group of rows, graded. `symbol` and `model` are '' where the group holds several.

    `graded` rows went up or down by now; `pending` have no outcome (yet). `hit_rate` is that of the `answered` ones
    (UP or DOWN), `base_rate` that of always calling what was more frequent among them. `brier` is over all graded
    rows, `brier_base` that of the share of rises among them, known afterwards: the strictest reference there is.
    """

    symbol: str
    model: str
    predicted: int
    pending: int
    held: int
    graded: int
    answered: int
    hit_rate: Estimate
    base_rate: float
    brier: Estimate
    brier_base: float


@dataclass(frozen=True, slots=True, eq=False)
class Rolling:
    """Hit-rate, base rate and Brier score over the last `window` graded rows, at the time of each (UTC epoch ms)."""

    timestamp: Ints
    hit_rate: Floats
    base_rate: Floats
    brier: Floats


def grade_rows(rows: Rows, models: Mapping[str, Metadata] | None = None, horizon: int = HORIZON) -> Grades:
    """Grades the predicted rows among these; they should reach back some 30 bars further, to scale the band.

    `rows` hold each symbol's rows in the order of time. `models` say what each version was asked; a version that is
    not in there was asked about `horizon` bars with the default band.
    """
    final = rows[np.flatnonzero(rows.bars.final)]
    asked = [(models or {}).get(version) for version in final.models]
    questions = [
        (m.horizon, m.no_trade_band, m.across_sessions) if m else (horizon, NO_TRADE_BAND, False) for m in asked
    ]
    outcome = np.zeros(len(final), np.int8)
    for question in set(questions):
        mine = np.isin(final.model, [place for place, q in enumerate(questions) if q == question])
        labels = label(final.bars, question[0], question[1], across_sessions=question[2])
        outcome[mine] = labels.direction[mine]
    kept = np.flatnonzero(final.model >= 0)
    kept = kept[np.argsort(final.bars.timestamp[kept], kind="stable")]
    return Grades(
        final.bars.symbols, final.models, final.bars.timestamp[kept], final.bars.code[kept], final.model[kept],
        final.probability[kept], final.prediction[kept], outcome[kept],
        max((q[0] for q in questions), default=horizon),
    )  # fmt: skip


def merge(parts: Sequence[Grades]) -> Grades:
    """The grades of several reads, such as one per symbol, as one, in the order of time."""
    symbols = tuple(dict.fromkeys(symbol for part in parts for symbol in part.symbols))
    models = tuple(dict.fromkeys(model for part in parts for model in part.models))

    def joined(name: str, table: tuple[str, ...] = (), own: str = "") -> NDArray[Any]:
        columns = [getattr(part, name) for part in parts]
        if own:
            places = [np.array([table.index(text) for text in getattr(part, own)], np.int32) for part in parts]
            columns = [place[column] for place, column in zip(places, columns, strict=True) if len(column)]
        return np.concatenate(columns) if columns else np.zeros(0, np.int32)

    timestamp = joined("timestamp")
    whole = Grades(
        symbols, models, timestamp, joined("symbol", symbols, "symbols"), joined("model", models, "models"),
        joined("probability"), joined("answer"), joined("outcome"), max((part.horizon for part in parts), default=1),
    )  # fmt: skip
    return whole[np.argsort(timestamp, kind="stable")]


def grade(grades: Grades, *, resamples: int = RESAMPLES, seed: int = 0) -> list[Grade]:
    """One `Grade` for all rows, then one per model, then one per symbol and model; intervals by block bootstrap."""
    everything = [("", "", np.ones(len(grades), np.bool_))]
    for m, model in enumerate(grades.models):
        everything.append(("", model, grades.model == m))
    for s, symbol in enumerate(grades.symbols):
        for m, model in enumerate(grades.models):
            everything.append((symbol, model, (grades.symbol == s) & (grades.model == m)))
    return [_grade(symbol, model, grades[where], resamples, seed) for symbol, model, where in everything if where.any()]


def _grade(symbol: str, model: str, grades: Grades, resamples: int, seed: int) -> Grade:
    known = decided(grades.outcome)
    part = grades[known]
    up = part.outcome == Direction.UP
    called = (part.answer == Direction.UP) | (part.answer == Direction.DOWN)
    right = called & (part.answer == part.outcome)
    error = (part.probability - up) ** 2
    block, drawn = draws(part.timestamp, part.horizon, resamples, seed)
    sums = np.stack([np.bincount(block, c, drawn.shape[1]) for c in (called, right, error, np.ones(len(part)))], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        calls, hits, errors, count = np.vstack((sums.sum(axis=0), drawn @ sums)).T
        hit_rate, brier = hits / calls, errors / count
    share = float(up[called].mean()) if called.any() else float("nan")
    rises = float(up.mean()) if len(up) else float("nan")
    return Grade(
        symbol=symbol,
        model=model,
        predicted=len(grades),
        pending=int((grades.outcome == Direction.NONE).sum()),
        held=int((grades.outcome == Direction.HOLD).sum()),
        graded=len(part),
        answered=int(called.sum()),
        hit_rate=Estimate(float(hit_rate[0]), *interval(hit_rate[1:])),
        base_rate=max(share, 1 - share),
        brier=Estimate(float(brier[0]), *interval(brier[1:])),
        brier_base=rises * (1 - rises),
    )


def reliability(grades: Grades, bins: int = 10) -> list[Bin]:
    """Mean probability against the share of UP of the graded rows, in bins of equally many."""
    known = decided(grades.outcome)
    return calibration(grades.probability[known], grades.outcome[known] == Direction.UP, bins)


def rolling(grades: Grades, window: int = 500) -> Rolling:
    """The last `window` graded rows, at each from the `window`-th on. Hit and base rate are over the answered ones."""
    part = grades[decided(grades.outcome)]
    up = part.outcome == Direction.UP
    called = (part.answer == Direction.UP) | (part.answer == Direction.DOWN)
    calls = _moving(called, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        rises = _moving(called & up, window) / calls
        hits = _moving(called & (part.answer == part.outcome), window) / calls
    return Rolling(
        part.timestamp[window - 1 :], hits, np.maximum(rises, 1 - rises),
        _moving((part.probability - up) ** 2, window) / window,
    )  # fmt: skip


def _moving(values: Floats | Flags, window: int) -> Floats:
    total: Floats = np.cumsum(np.append(0.0, values))
    result: Floats = total[window:] - total[:-window]
    return result
