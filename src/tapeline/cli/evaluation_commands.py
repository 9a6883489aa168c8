"""`tapeline evaluate`: test whether models are worth anything."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.cli.console import notice, print_json, print_table, stdout
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import DataDir, Json
from tapeline.cli.training_bars import Band, Horizon, OptionalFiles, StoredSymbols, Trials, history, progress
from tapeline.forecast import HORIZON, NO_TRADE_BAND
from tapeline.research import COST_BPS, FOLDS

if TYPE_CHECKING:
    from tapeline.core.market import Bars
    from tapeline.forecast.features import FeatureSet
    from tapeline.research.range_report import RangeReport


@reads_files()
def evaluate(
    files: OptionalFiles = None,
    symbols: StoredSymbols = None,
    horizon: Horizon = HORIZON,
    no_trade_band: Band = NO_TRADE_BAND,
    folds: Annotated[int, typer.Option(help="Walk-forward folds.", min=1, max=100)] = FOLDS,
    embargo: Annotated[
        int | None, typer.Option(help="Bar times left out before each test.  [default: the horizon]", min=0)
    ] = None,
    forest: Annotated[
        bool | None,
        typer.Option(
            "--forest/--no-forest",
            help="With the random-forest baseline, which takes most of the time.  [default: if scikit-learn is there]",
            show_default=False,
        ),
    ] = None,
    trials: Trials = 0,
    trade: Annotated[
        bool | None,
        typer.Option("--trade/--no-trade", help="With the backtest.  [default: if bt is there]", show_default=False),
    ] = None,
    cost_bps: Annotated[float, typer.Option(help="Cost of a trade, in 1/100 of a percent of its value.", min=0)] = (
        COST_BPS
    ),
    audit: Annotated[bool, typer.Option("--audit", help="Look for features and labels that see the future.")] = False,
    features: Annotated[
        str | None, typer.Option(help="Features of your own: FILE.py:NAME of a FeatureSet.", show_default=False)
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.", show_default=False)] = None,
    table: Annotated[Path | None, typer.Option(help="Write the tables as Markdown.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    ranges: Annotated[bool, typer.Option(help="Test the expected move, too.")] = True,
    data_dir: DataDir = None,
    reading: FileReading = AS_FOUND,
    json: Json = False,
) -> None:
    """Test the model walk-forward beside its baselines. The first line says whether it is better than they are.

    Exit code 1 when the audit finds a leak.
    """
    from tapeline.cli.output_files import write_text
    from tapeline.forecast.features import DEFAULT_FEATURES
    from tapeline.research import evaluation
    from tapeline.research.evaluation_report import without_nan
    from tapeline.research.range_tables import range_tables
    from tapeline.research.report import figure_library, html, markdown, summary, tables

    if report is not None:
        figure_library()
    chosen = DEFAULT_FEATURES if features is None else _feature_set(features)
    with progress("evaluating", quiet=json) as show:
        found = evaluation.evaluate(
            history(files, symbols, data_dir, reading), horizon=horizon, no_trade_band=no_trade_band, seed=seed,
            folds=folds, embargo=embargo, forest=forest, trials=trials,
            trade=trade, cost_bps=cost_bps, leaks=audit, features=chosen, progress=show,
        )  # fmt: skip
    moves = _ranges(history(files, symbols, data_dir, reading, again=True), folds) if ranges else None
    if report is not None:
        write_text(report, html(found))
    if table is not None:
        write_text(table, markdown(found))
    if json:
        print_json(found.as_dict() | ({} if moves is None else {"ranges": without_nan(moves.as_dict())}))
    else:
        if moves is not None:
            stdout().print(moves.headline, markup=False)
        stdout().print(found.headline, markup=False)
        for line in summary(found):
            stdout().print(line, markup=False)
        for title, (heads, rows) in tables(found).items():
            stdout().print(f"\n{title}", markup=False)
            print_table(heads, rows)
        for title, (heads, rows) in range_tables(moves).items() if moves is not None else ():
            stdout().print(f"\n{title}", markup=False)
            print_table(heads, rows)
    if any(not finding.passed for finding in found.findings):
        raise typer.Exit(1)


def _ranges(bars: Iterator[Bars], folds: int) -> RangeReport | None:
    """Return what the expected move is worth on these bars; None where there are too few, which is said."""
    from tapeline.errors import NotEnoughHistoryError
    from tapeline.research.range_evaluation import evaluate_ranges

    try:
        return evaluate_ranges(bars, folds=folds)
    except NotEnoughHistoryError as error:
        notice(f"Expected move: not tested, {error}")
        return None


def _feature_set(place: str) -> FeatureSet:
    """Return the FeatureSet called NAME in FILE.py, which is run: the user asked for it."""
    from tapeline.forecast.features import FeatureSet

    path, _, name = place.rpartition(":")
    if not path or not Path(path).is_file():
        raise typer.BadParameter(f"{place!r}: give it as FILE.py:NAME of an existing file", param_hint="--features")
    spec = importlib.util.spec_from_file_location("tapeline_user_features", path)
    if spec is None or spec.loader is None:
        raise typer.BadParameter(f"{path} is not a Python file", param_hint="--features")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not isinstance(found, FeatureSet):
        raise typer.BadParameter(f"{path} has no FeatureSet called {name}", param_hint="--features")
    return found
