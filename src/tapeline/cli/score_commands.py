"""`tapeline score`: grade the stored predictions, and look for features that drifted."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.cli.console import notice, print_json, print_table, stdout
from tapeline.cli.model_commands import registry_at
from tapeline.cli.options import DataDir, Json, ModelsAt
from tapeline.errors import NotFoundError

if TYPE_CHECKING:
    from tapeline.forecast.estimates import Estimate
    from tapeline.forecast.grading import Grade


def score(
    symbols: Annotated[list[str] | None, typer.Argument(help="Only these.  [default: all]", show_default=False)] = None,
    last: Annotated[
        int | None, typer.Option(help="How many of the newest rows of each symbol.  [default: all]", min=50)
    ] = None,
    data_dir: DataDir = None,
    models: ModelsAt = None,
    json: Json = False,
) -> None:
    """Grade the stored predictions whose horizon has passed, per model and symbol, against the base rate.

    Also name the features that drifted away from what each model was trained on.
    """
    from tapeline.cli.stored_data import open_stored, stored_symbols
    from tapeline.forecast.drift import WARNING
    from tapeline.forecast.grading import grade
    from tapeline.research.evaluation import without_nan
    from tapeline.runtime.stored_grades import grade_stored

    with open_stored(data_dir) as directory:
        metadata = registry_at(directory.path, models).metadata()
        wanted = stored_symbols(directory, ",".join(symbols) if symbols else "all")
        found = grade_stored(directory.store, wanted, metadata, last)
    grades = found.grades
    if not len(grades):
        raise NotFoundError(f"no stored row of {', '.join(wanted) or 'any symbol'} has a prediction yet")
    table = grade(grades)
    if json:
        drift = {version: list(map(dataclasses.asdict, each)) for version, each in found.drifts.items()}
        print_json(without_nan({"grades": [each.as_dict() for each in table], "drift": drift}))
        return
    stdout().print(_verdict(table[0]))
    heads = (
        "symbol",
        "model",
        "graded",
        "held",
        "pending",
        "undecidable",
        "answered",
        "hit-rate",
        "base rate",
        "Brier",
        "base Brier",
    )
    print_table(heads, (
        (g.symbol or "(all)", g.model or "(all)", g.graded, g.holds, g.pending, g.undecidable, g.answered,
         _brief(g.hit_rate), f"{g.base_rate:.3f}", _brief(g.brier), f"{g.brier_base:.3f}")
        for g in table
    ))  # fmt: skip
    for version, drifts in found.drifts.items():
        for drift_of in drifts:
            if drift_of.warning:
                notice(
                    f"{version}: {drift_of.feature} has drifted, PSI {drift_of.psi:.2f} (above {WARNING}): "
                    "time to retrain"
                )


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
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
