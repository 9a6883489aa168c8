"""`tapeline score`: grade the stored forecasts, and look for features that drifted."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.cli.console import Ticker, notice, print_json, print_table, stdout
from tapeline.cli.model_commands import ranges_at, registry_at
from tapeline.cli.options import DataDir, Json, ModelsAt, StoredInterval
from tapeline.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tapeline.forecast.drift import Drift
    from tapeline.forecast.estimates import Estimate
    from tapeline.forecast.grading import Grade
    from tapeline.forecast.range_record import RangeGrade


def score(
    symbols: Annotated[list[str] | None, typer.Argument(help="Only these.  [default: all]", show_default=False)] = None,
    last: Annotated[
        int | None, typer.Option(help="How many of the newest rows of each symbol.  [default: all]", min=50)
    ] = None,
    interval: StoredInterval = None,
    data_dir: DataDir = None,
    models: ModelsAt = None,
    json: Json = False,
) -> None:
    """Grade the stored forecasts whose horizon has passed: ranges beside EWMA, directions beside the base rate.

    Also name the features that drifted away from what each model was trained on.
    """
    with Ticker("grading", None, quiet=json):  # before the imports, which take a second
        from tapeline.app.stored_history import stored_series
        from tapeline.cli.stored_data import open_stored
        from tapeline.forecast.grading import grade
        from tapeline.forecast.range_record import range_record
        from tapeline.runtime.stored_grades import grade_stored
        from tapeline.runtime.stored_ranges import grade_stored_ranges

        with open_stored(data_dir) as directory:
            wanted = stored_series(directory, symbols or None, interval)
            known = directory.ranges if models is None else ranges_at(models)
            ranged = grade_stored_ranges(directory.store, wanted, known.models()[0], last)
            found = grade_stored(directory.store, wanted, registry_at(directory.path, models).metadata(), last)
            table = grade(found.grades) if len(found.grades) else []
            ranges = {horizon: range_record(grades) for horizon, grades in ranged.items()}
    counted = {"rows": found.rows, "symbols": len(wanted), "per_symbol": last}
    if not table and not ranges:
        raise NotFoundError(
            f"no stored row of {', '.join(wanted) or 'any symbol'} has a forecast yet: make a model with `tapeline "
            "train`, and the bars that come after that get one"
        )
    if json:
        from tapeline.research.evaluation_report import without_nan

        drift = {version: list(map(dataclasses.asdict, each)) for version, each in found.drifts.items()}
        documents = {
            **counted,
            "grades": [each.as_dict() for each in table],
            "ranges": [each.as_dict() for record in ranges.values() for each in record],
            "drift": drift,
        }
        print_json(without_nan(documents))
        return
    notice(_graded_rows(found.rows, len(wanted), last))
    _print_ranges(ranges)
    if table:
        _print_directions(table)
    _print_drifts(found.drifts)


def _graded_rows(rows: int, series: int, last: int | None) -> str:
    """Return which bars are graded: figures of other doors may be about fewer of them."""
    of = f"{series:,} series" if series > 1 else "one series"
    if last is None:
        from tapeline.runtime.stored_grades import NEWEST_GRADED

        more = f"The page's Model tab grades at most the newest {NEWEST_GRADED} of each: --last {NEWEST_GRADED}."
        return f"Graded: all {rows:,} stored bars of {of}. {more}"
    return f"Graded: at most the newest {last:,} bars of each series, {rows:,} in all of {of}."


def _print_ranges(ranges: Mapping[int, Sequence[RangeGrade]]) -> None:
    """Print what the ranges were worth: over each horizon, by volatility and model, over one by symbol, too."""
    from tapeline.forecast import HORIZON
    from tapeline.forecast.range_words import verdict

    shown = [
        each
        for record in ranges.values()
        for each in record
        if (each.horizon == HORIZON if each.symbol else not each.model or len({one.model for one in record}) > 2)
    ]
    for record in ranges.values():
        bars = f"{record[0].horizon} bar{'' if record[0].horizon == 1 else 's'} ahead"
        if record[0].decided:
            held = record[0].coverage[80]
            stdout().print(f"{verdict(record[0].qlike, held)} ({bars}, {record[0].decided:,} closes)", markup=False)
        else:
            stdout().print(f"Expected move: no close {bars} is known yet.")
    if not shown:
        return
    heads = (
        "ahead", "symbol", "model", "volatility", "decided", "waiting", "undecidable", "50% band", "80% band",
        "95% band", "QLIKE saved", "level adjusted", "Winkler saved", "odds' Brier saved",
        "stops' Brier saved",
    )  # fmt: skip
    print_table(heads, (
        (each.horizon, each.symbol or "(all)", each.model or "(all)", each.tercile or "(all)", each.decided,
         each.waiting, each.undecidable, *map(_percent, each.coverage.values()),
         *map(_percent, (each.qlike, each.qlike_adjusted, each.winkler, each.brier, each.touch_brier)))
        for each in shown
    ))  # fmt: skip
    stdout().print(
        "In %. Saved: the share of EWMA's loss on the same rows. Volatility: thirds of the sigmas that were said. "
        "Odds: of moves beyond 1.5 usual sigmas. Stops: that a price one usual sigma below or above is touched.",
        markup=False,
    )


def _print_directions(table: Sequence[Grade]) -> None:
    stdout().print(_verdict(table[0]))
    heads = (
        "symbol", "model", "graded", "held", "pending", "undecidable", "answered", "hit-rate", "base rate", "Brier",
        "base Brier",
    )  # fmt: skip
    print_table(heads, (
        (g.symbol or "(all)", g.model or "(all)", g.graded, g.holds, g.pending, g.undecidable, g.answered,
         _brief(g.hit_rate), _three(g.base_rate), _brief(g.brier), _three(g.brier_base))
        for g in table
    ))  # fmt: skip


def _print_drifts(drifts: Mapping[str, Sequence[Drift]]) -> None:
    from tapeline.forecast.drift import WARNING

    for version, features in drifts.items():
        for each in features:
            if each.warning:
                notice(f"{version}: {each.feature} has drifted, PSI {each.psi:.2f} (above {WARNING}): time to retrain")


def _verdict(everything: Grade) -> str:
    """Return what the grades say, in one line: better or worse only where the interval lies beyond the base rate."""
    if not everything.graded:
        return "Nothing to grade yet: no prediction's horizon has passed with the price leaving the no-trade band."
    hit, brier = everything.hit_rate, everything.brier
    facts = f"Brier score {_brief(brier)}, base rate {everything.brier_base:.3f}, {everything.graded:,} rows graded"
    if everything.answered and hit.low > everything.base_rate and brier.high < everything.brier_base:
        return f"Direction: BETTER than the base rate, in hits and in Brier score: {facts}"
    if brier.low > everything.brier_base:
        return f"Direction: WORSE than the base rate: {facts}"
    return f"Direction: no skill: {facts}"


def _brief(estimate: Estimate) -> str:
    if not estimate.has_interval:
        return _three(estimate.value)
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _three(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _percent(estimate: Estimate) -> str:
    value, low, high = (100 * each for each in (estimate.value, estimate.low, estimate.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]" if estimate.has_interval else f"{value:.1f}"
