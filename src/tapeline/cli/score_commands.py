"""`tapeline score`: the stored predictions, graded, and the features, watched for drift."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np
import typer

from tapeline.cli.console import CommandError, notice, print_json, print_table, stdout
from tapeline.cli.inspect_commands import opened
from tapeline.cli.model_commands import DataDir, Json, Models, explained, registry_at, stored
from tapeline.core.bars import sort_and_dedupe
from tapeline.forecast.drift import WARNING, drift_by_model
from tapeline.forecast.estimates import Estimate
from tapeline.forecast.grading import Grade, grade, merge
from tapeline.forecast.grading import grade_rows as scored


def score(
    symbols: Annotated[
        list[str] | None, typer.Argument(help="Only these.  \\[default: all]", show_default=False)
    ] = None,
    last: Annotated[int | None, typer.Option(help="Only the newest so many rows of each symbol.", min=50)] = None,
    data_dir: DataDir = None,
    models: Models = None,
    json: Json = False,
) -> None:
    """Grade the stored predictions whose horizon has passed, per model and symbol, against the base rate.

    And look for features that drifted away from what each model was trained on.
    """
    with explained(), opened(data_dir) as home:
        known = registry_at(home.path, models).metadata()
        wanted = stored(home, ",".join(symbols) if symbols else "all")
        rows = [home.store.rows(symbol, limit=last) for symbol in wanted]
    grades = merge([scored(some, known) for some in rows])
    if not len(grades):
        raise CommandError(f"no stored row of {', '.join(wanted) or 'any symbol'} has a prediction yet")
    table = grade(grades)
    drifted = drift_by_model(known, grades.models, sort_and_dedupe([some.bars for some in rows]))
    if json:
        print_json(
            {"grades": [_plain(g) for g in table], "drift": {v: list(map(_plain, d)) for v, d in drifted.items()}}
        )
        return
    stdout.print(_verdict(table[0]))
    heads = ("symbol", "model", "graded", "pending", "answered", "hit-rate", "base rate", "Brier", "base Brier")
    print_table(heads, (
        (g.symbol or "(all)", g.model or "(all)", g.graded, g.pending, g.answered, _brief(g.hit_rate),
         f"{g.base_rate:.3f}", _brief(g.brier), f"{g.brier_base:.3f}")
        for g in table
    ))  # fmt: skip
    for version, found in drifted.items():
        for one in found:
            if one.warning:
                notice(f"{version}: {one.feature} has drifted, PSI {one.psi:.2f} (above {WARNING}): time to retrain")


def _verdict(everything: Grade) -> str:
    if not everything.graded:
        return "Nothing to grade yet: no prediction's horizon has passed with the price leaving the no-trade band."
    hit, brier = everything.hit_rate, everything.brier
    if everything.answered and hit.low > everything.base_rate and brier.high < everything.brier_base:
        return "Better than the base rate, in hits and in Brier score, beyond their 95% intervals."
    return "NOT better than the base rate within the 95% intervals."


def _brief(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _plain(value: Any) -> Any:
    """A dataclass as JSON types; NaN is None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(inner) for name, inner in dataclasses.asdict(value).items()}
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
