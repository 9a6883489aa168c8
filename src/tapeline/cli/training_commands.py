"""`tapeline train` and `evaluate`: make models, and test whether they are worth anything."""

from __future__ import annotations

import contextlib
import enum
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import Ticker, notice, print_json, print_table, stdout
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.model_commands import metadata_as_json, print_facts, registry_at
from tapeline.cli.options import Bucket, DataDir, Json, ModelName, ModelsAt
from tapeline.errors import NotBetterError
from tapeline.forecast import DEFAULT_NAME, HORIZON, NO_TRADE_BAND
from tapeline.research import COST_BPS, FOLDS
from tapeline.runtime.clock import now_ms

if TYPE_CHECKING:
    from tapeline.cli.cloud_training import SageMakerTrainer
    from tapeline.core.market import Bars
    from tapeline.forecast.features import FeatureSet
    from tapeline.forecast.model import Metadata
    from tapeline.forecast.range_model import RangeModel
    from tapeline.forecast.registry import Registry
    from tapeline.research.range_report import RangeReport

OptionalFiles = Annotated[
    list[Path] | None, typer.Argument(help="CSV (also gz, zst, zip) or Parquet files of bars.", show_default=False)
]
StoredSymbols = Annotated[
    str | None, typer.Option(help="Instead of files: the stored bars of these symbols, comma-separated, or `all`.")
]
Horizon = Annotated[int, typer.Option(help="How many bars ahead to predict.", min=1, max=1000)]
Band = Annotated[float, typer.Option(help="No-trade band, in standard deviations of the move.", min=0.0)]
Trials = Annotated[int, typer.Option(help="Optuna trials for LightGBM's parameters, on training bars only.", min=0)]


class Machine(enum.StrEnum):
    """Say where a model is trained."""

    HERE = "here"
    SAGEMAKER = "sagemaker"


_PANEL = "On SageMaker"


@reads_files(without={"interval"})
def train(
    files: OptionalFiles = None,
    symbols: StoredSymbols = None,
    horizon: Horizon = HORIZON,
    no_trade_band: Band = NO_TRADE_BAND,
    until: Annotated[
        datetime | None, typer.Option(help="Use bars up to this UTC time only.", show_default=False)
    ] = None,
    max_rows: Annotated[int, typer.Option(help="Thin the rows out to at most this many.", min=500)] = 200_000,
    trials: Trials = 0,
    seed: Annotated[int, typer.Option(help="The same bars and seed make the same model.")] = 0,
    name: ModelName = DEFAULT_NAME,
    promote: Annotated[bool, typer.Option(help="Use it from now on, if it beats the model in use.")] = True,
    data_dir: DataDir = None,
    models: ModelsAt = None,
    reading: FileReading = AS_FOUND,
    on: Annotated[
        Machine, typer.Option(help="Where to train; on SageMaker the bars are those of `tapeline upload`.")
    ] = Machine.HERE,
    interval: Annotated[str, typer.Option(help="Bars of this interval.", rich_help_panel=_PANEL)] = "1m",
    image: Annotated[
        str | None, typer.Option(help="Image that trains.  [default: the endpoint's]", rich_help_panel=_PANEL)
    ] = None,
    role: Annotated[
        str | None, typer.Option(help="ARN of the training role.", show_default=False, rich_help_panel=_PANEL)
    ] = None,
    instance_type: Annotated[str, typer.Option(help="Machine of the job.", rich_help_panel=_PANEL)] = "ml.m5.large",
    spot: Annotated[
        bool, typer.Option(help="A spot machine: cheaper, and the job may wait for one.", rich_help_panel=_PANEL)
    ] = True,
    minutes: Annotated[
        int, typer.Option(help="How long the job may run.", min=1, max=40_320, rich_help_panel=_PANEL)
    ] = 60,
    kms_key: Annotated[
        str, typer.Option(help="KMS key of the result.  [default: the bucket's]", rich_help_panel=_PANEL)
    ] = "",
    tag: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE of the job; may be repeated.", rich_help_panel=_PANEL)
    ] = None,
    job: Annotated[
        str | None, typer.Option(help="Wait for this job that runs already.", rich_help_panel=_PANEL)
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Endpoint to take image and group from.", rich_help_panel=_PANEL)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Model package group.  [default: named as the endpoint]", rich_help_panel=_PANEL)
    ] = None,
    bucket: Bucket = None,
    json: Json = False,
) -> None:
    """Train a model on files of bars, or on stored ones, and put it into the registry.

    A running pipeline picks up a model that is promoted. `tapeline evaluate` says whether it is worth anything.
    With `--on sagemaker` the registry is that of the bucket, unless --models or --data-dir names another.
    """
    end = None if until is None else int(until.replace(tzinfo=UTC).timestamp() * 1000)
    cloud: SageMakerTrainer | None = None
    reason = ""
    if on is Machine.SAGEMAKER:
        from tapeline.cli import cloud_training

        if files or trials:
            raise typer.BadParameter("a job on SageMaker takes no files and no --trials: upload the bars first")
        cloud = cloud_training.SageMakerTrainer(
            cloud_training.CloudTraining(
                bucket, endpoint, image, role, interval, instance_type, spot, minutes, kms_key, tuple(tag or ()), job,
                group,
            ),
            data_dir,
        )  # fmt: skip
        registry = registry_at(data_dir, cloud.models if models is None and data_dir is None else models)
        chosen = {"horizon": horizon, "no_trade_band": no_trade_band, "seed": seed, "max_rows": max_rows, "until": end}
        trained = cloud.train(name, symbols, {key: str(each) for key, each in chosen.items() if each is not None})
        model = trained.model
        registry.save(name, model)
        if trained.ranges is not None:
            _keep_ranges(registry, name, trained.ranges, promote=promote)
        if promote:
            try:
                registry.promote(name, model.version, at=now_ms())
            except NotBetterError as error:
                reason = str(error)
    else:
        from tapeline.research.retraining import retrain
        from tapeline.research.training import fit

        registry = registry_at(data_dir, models)
        _train_ranges(registry, name, _history(files, symbols, data_dir, reading), end, promote=promote)
        with _progress("training", quiet=json) as progress:
            options: dict[str, Any] = {
                "horizon": horizon, "no_trade_band": no_trade_band, "seed": seed, "max_rows": max_rows,
                "trials": trials, "progress": progress, "until": end,
            }  # fmt: skip
            history = _history(files, symbols, data_dir, reading, again=True)
            if promote:
                made = retrain(registry, name, history, at=now_ms(), **options)
                model = made.model
                reason = "" if made.promoted else f"not promoted: {made.contest}"
            else:
                model = fit(history, **options)
                registry.save(name, model)
    in_use = registry.current(name) == model.version
    if cloud is not None:
        cloud.publish(name, model, better=not reason)
    if json:
        print_json(metadata_as_json(name, model.version, model.metadata, in_use=in_use))
        return
    stdout().print(_verdict(model.metadata), markup=False)
    if reason:
        notice(reason)
    print_facts(name, model.version, model.metadata, in_use=in_use)


def _train_ranges(registry: Registry, name: str, history: Iterator[Bars], until: int | None, *, promote: bool) -> None:
    """Train a range model on the same bars, and with `promote` put it to use; too few bars are reported."""
    from tapeline.errors import NotEnoughHistoryError
    from tapeline.research.range_training import fit_range

    try:
        model = fit_range(history, until=until)
    except NotEnoughHistoryError as error:
        notice(f"no ranges: {error}")
        return
    _keep_ranges(registry, name, model, promote=promote)


def _keep_ranges(registry: Registry, name: str, model: RangeModel, *, promote: bool) -> None:
    from tapeline.forecast.range_registry import RangeRegistry

    ranges = RangeRegistry(registry.folder)
    ranges.save(name, model)
    if promote:
        ranges.promote(name, model.version, at=now_ms())


def _verdict(metadata: Metadata) -> str:
    """Return in one line what the gate says of the model's directions."""
    from tapeline.forecast.estimates import Estimate

    gate = metadata.gate
    if not gate:
        return "Direction: not judged, the history is too short to keep rows for that. HOLD is answered."
    gain = Estimate(gate["gain"], gate.get("low", float("nan")), gate.get("high", float("nan")))
    facts = f"log-loss gain {gain} over the base rate on {gate['times']:,} later times that training did not see"
    if metadata.has_passed_gate:
        return f"Direction: BETTER than the base rate: {facts}. tapeline evaluate says whether by luck."
    verdict = "WORSE than the base rate" if gain.high < 0 else "no skill"
    return f"Direction: {verdict}: {facts}. HOLD is answered."


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
    from tapeline.research.range_tables import range_tables
    from tapeline.research.report import html, markdown, summary, tables

    chosen = DEFAULT_FEATURES if features is None else _feature_set(features)
    with _progress("evaluating", quiet=json) as progress:
        found = evaluation.evaluate(
            _history(files, symbols, data_dir, reading), horizon=horizon, no_trade_band=no_trade_band, seed=seed,
            folds=folds, embargo=embargo, forest=forest, trials=trials,
            trade=trade, cost_bps=cost_bps, leaks=audit, features=chosen, progress=progress,
        )  # fmt: skip
    moves = _ranges(_history(files, symbols, data_dir, reading, again=True), folds) if ranges else None
    if report is not None:
        write_text(report, html(found))
    if table is not None:
        write_text(table, markdown(found))
    if json:
        print_json(found.as_dict() | ({} if moves is None else {"ranges": evaluation.without_nan(moves.as_dict())}))
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


def _ranges(history: Iterator[Bars], folds: int) -> RangeReport | None:
    """Return what the expected move is worth on these bars; None where there are too few, which is said."""
    from tapeline.errors import NotEnoughHistoryError
    from tapeline.research.range_evaluation import evaluate_ranges

    try:
        return evaluate_ranges(history, folds=folds)
    except NotEnoughHistoryError as error:
        notice(f"Expected move: not tested, {error}")
        return None


def _history(
    files: list[Path] | None, symbols: str | None, data_dir: Path | None, reading: FileReading, *, again: bool = False
) -> Iterator[Bars]:
    """Yield the bars of the files, or the stored ones of these symbols, with the values that were known live.

    A volume that was corrected after the close would tell a model what nobody knew at the close. How the files are read
    is said once, not when they are read `again`.
    """
    if bool(files) == bool(symbols):
        raise typer.BadParameter("give files of bars, or --symbols for stored ones, and not both")
    if files:
        from tapeline.app.file_series import series_of_files
        from tapeline.cli.bar_files import open_files, read_bars, say_reading, scan_of
        from tapeline.core.times import interval_name

        source = open_files(files, reading, future=True)
        scan = scan_of(source, reading)
        if not again:
            for problem in source.problems:
                notice(problem)
            say_reading(source)
        series = series_of_files(None, scan)
        source.name_series(series.names)
        if (others := series.others(scan.interval)) and not again:
            length = interval_name(scan.interval or 0)
            notice(f"{len(others)} series are left out, whose bars are not {length} long")
        for bars in read_bars(source, "reading", quiet=True):
            yield series.only(bars, scan.interval)
        return
    from tapeline.app.config import comma_separated
    from tapeline.app.stored_history import stored_series
    from tapeline.cli.stored_data import open_stored
    from tapeline.core.series import symbol_of

    wanted = None if symbols == "all" else comma_separated(symbols or "")
    with open_stored(data_dir) as directory:
        for name in stored_series(directory, wanted, reading.interval):
            yield replace(directory.store.rows(name).as_known().bars, symbols=(symbol_of(name),))


@contextlib.contextmanager
def _progress(what: str, *, quiet: bool) -> Iterator[Callable[[float, str], None]]:
    with Ticker(what, 100, quiet=quiet, percent=True) as ticker:
        yield lambda done, _: ticker.show(int(100 * done))


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
