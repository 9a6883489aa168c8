"""Compare the stored forecasts with what happened, beside the base rate of the same rows.

A forecast is graded once its horizon has passed, by the question its model was asked (horizon, no-trade band), with the
label code that training uses. So grades and training cannot disagree about what was right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Codes, Flags, Floats, Ints
from tapeline.core.rows import Direction, Rows
from tapeline.forecast import HORIZON, NO_TRADE_BAND
from tapeline.forecast.estimates import Bin, Estimate, Sampling, calibration
from tapeline.forecast.labels import decided, intervals, label, label_reach
from tapeline.forecast.model import Metadata


@dataclass(frozen=True, slots=True, eq=False)
class Grades:
    """Hold every predicted row and its outcome, in the order of time; one entry per row in each array.

    `answer` and `outcome` are int8 `Direction`; an outcome of NONE is one that is not decided yet, or where
    `undecidable`, one that never will be: because a session gap lies within the horizon, or the volatility that the
    question is asked in was not known. `symbol` and `model` are indices into `symbols` and `models`.
    """

    symbols: tuple[str, ...]
    models: tuple[str, ...]
    timestamp: Ints
    symbol: Codes
    model: Codes
    probability: Floats
    answer: NDArray[np.int8]
    outcome: NDArray[np.int8]
    undecidable: Flags
    horizon: int

    def __len__(self) -> int:
        return len(self.timestamp)

    def __getitem__(self, where: NDArray[Any]) -> Grades:
        """Return these rows only (an index array or a mask)."""
        columns = ("timestamp", "symbol", "model", "probability", "answer", "outcome", "undecidable")
        return replace(self, **{name: getattr(self, name)[where] for name in columns})


@dataclass(frozen=True, slots=True)
class Grade:
    """Hold the grade of a group of rows. `symbol` and `model` are '' where the group holds several.

    Every predicted row is counted once: `graded` went up or down by now, `holds` stayed inside the no-trade band,
    `pending` wait for their outcome, and `undecidable` will never have one. `called` ones say UP or DOWN; `answered`
    are the graded ones of them. `hit_rate` is theirs, `base_rate` that of always calling what was more frequent among
    them. `brier` is over all graded rows, `brier_base` that of the share of rises among them, known afterwards: the
    strictest reference there is.
    """

    symbol: str
    model: str
    predicted: int
    pending: int
    undecidable: int
    holds: int
    graded: int
    called: int
    answered: int
    hit_rate: Estimate
    base_rate: float
    brier: Estimate
    brier_base: float

    def as_dict(self) -> dict[str, Any]:
        """Return the grade under the names that the API and `--json` publish, where `holds` is `held`."""
        published = asdict(self)
        published["held"] = published.pop("holds")
        return published


@dataclass(frozen=True, slots=True, eq=False)
class Rolling:
    """Hold the hit-rate, base rate and Brier score of the last `window` graded rows, at the time of each (epoch ms)."""

    timestamp: Ints
    hit_rate: Floats
    base_rate: Floats
    brier: Floats


def grade_rows(
    rows: Rows, models: Mapping[str, Metadata] | None = None, *, interval: int | None = None,
    known_until: int | None = None,
) -> Grades:  # fmt: skip
    """Grade the predicted rows among these.

    `rows` hold each symbol's rows in the order of time. The outcome of a row needs the `LABEL_LOOKBACK` rows before it
    and those within `label_reach` after it: give them too, and cut afterwards. `models` say what each version was
    asked; one that is not in there was asked about `HORIZON` bars with the default no-trade band. `interval` (ms) is
    that of the series, where these rows are only a part of it. `known_until` (UTC epoch ms) is up to when bars would
    be here if there were any: what is not decided by then, although its horizon has passed, never will be.
    """
    final = rows[np.flatnonzero(rows.bars.final)]
    asked = [(models or {}).get(version) for version in final.models]
    questions = [(m.horizon, m.no_trade_band) if m else (HORIZON, NO_TRADE_BAND) for m in asked]
    outcome, undecidable = np.zeros(len(final), np.int8), np.zeros(len(final), np.bool_)
    usual = intervals(final.bars) if interval is None else np.full(len(final.bars.symbols), interval, np.int64)
    for question in set(questions):
        mine = np.isin(final.model, [index for index, other in enumerate(questions) if other == question])
        made = label(final.bars, *question, interval)
        outcome[mine], undecidable[mine] = made.direction[mine], made.undecidable[mine]
        if known_until is not None:
            reach = np.array([label_reach(each, question[0]) for each in usual.tolist()], np.int64)
            passed = final.bars.timestamp + reach[final.bars.code] <= known_until
            undecidable |= mine & passed & (outcome == Direction.NONE)
    kept = np.flatnonzero(final.model >= 0)
    kept = kept[np.argsort(final.bars.timestamp[kept], kind="stable")]
    return Grades(
        final.bars.symbols, final.models, final.bars.timestamp[kept], final.bars.code[kept], final.model[kept],
        final.probability[kept], final.prediction[kept], outcome[kept], undecidable[kept],
        max((question[0] for question in questions), default=HORIZON),
    )  # fmt: skip


def merge(parts: Sequence[Grades]) -> Grades:
    """Return the grades of several reads, such as one per symbol, as one, in the order of time."""
    symbols = tuple(dict.fromkeys(symbol for part in parts for symbol in part.symbols))
    models = tuple(dict.fromkeys(model for part in parts for model in part.models))

    def joined(name: str, table: tuple[str, ...] = (), own: str = "") -> NDArray[Any]:
        columns = [getattr(part, name) for part in parts]
        if own:
            indices = [np.array([table.index(text) for text in getattr(part, own)], np.int32) for part in parts]
            columns = [index[column] for index, column in zip(indices, columns, strict=True) if len(column)]
        return np.concatenate(columns) if columns else np.zeros(0, np.int32)

    timestamp = joined("timestamp")
    whole = Grades(
        symbols, models, timestamp, joined("symbol", symbols, "symbols"), joined("model", models, "models"),
        joined("probability"), joined("answer"), joined("outcome"), joined("undecidable").astype(np.bool_),
        max((part.horizon for part in parts), default=1),
    )  # fmt: skip
    return whole[np.argsort(timestamp, kind="stable")]


def grade(grades: Grades) -> list[Grade]:
    """Return one `Grade` for all rows, then one per model, then one per symbol and model. Empty groups are left out."""
    groups = [("", "", np.ones(len(grades), np.bool_))]
    for m, model in enumerate(grades.models):
        groups.append(("", model, grades.model == m))
    for s, symbol in enumerate(grades.symbols):
        for m, model in enumerate(grades.models):
            groups.append((symbol, model, (grades.symbol == s) & (grades.model == m)))
    return [_grade(symbol, model, grades[where]) for symbol, model, where in groups if where.any()]


def _grade(symbol: str, model: str, grades: Grades) -> Grade:
    part = grades[decided(grades.outcome)]
    up, called = part.outcome == Direction.UP, decided(part.answer)
    error = (part.probability - up) ** 2
    sampling = Sampling(part.timestamp, part.horizon)
    share = float(up[called].mean()) if called.any() else float("nan")
    rises = float(up.mean()) if len(up) else float("nan")
    return Grade(
        symbol=symbol,
        model=model,
        predicted=len(grades),
        pending=int(((grades.outcome == Direction.NONE) & ~grades.undecidable).sum()),
        undecidable=int(grades.undecidable.sum()),
        holds=int((grades.outcome == Direction.HOLD).sum()),
        graded=len(part),
        called=int(decided(grades.answer).sum()),
        answered=int(called.sum()),
        hit_rate=sampling.proportion(called & (part.answer == part.outcome), called),
        base_rate=max(share, 1 - share),
        brier=sampling.mean(error),
        brier_base=rises * (1 - rises),
    )


def reliability(grades: Grades) -> list[Bin]:
    """Return the mean probability against the share of UP of the graded rows, in ten bins of equally many."""
    known = decided(grades.outcome)
    return calibration(grades.probability[known], grades.outcome[known] == Direction.UP)


def rolling(grades: Grades, window: int = 500) -> Rolling:
    """Return the figures of the last `window` graded rows, at each from the `window`-th on.

    Hit and base rate are over the answered ones among them.
    """
    part = grades[decided(grades.outcome)]
    up, called = part.outcome == Direction.UP, decided(part.answer)
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
