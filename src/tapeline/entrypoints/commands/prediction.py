"""`tapeline train`, `evaluate`, `models` and `score`: making models, judging them, and choosing which one is in use."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tapeline import bootstrap, config
from tapeline.entrypoints.commands.inspect import opened
from tapeline.entrypoints.console import CommandError, Ticker, notice, print_json, print_summary, print_table, stdout
from tapeline.market import Bars
from tapeline.prediction.backtest import COST_BPS
from tapeline.prediction.dataset import build, tidy
from tapeline.prediction.drift import Drift, drift
from tapeline.prediction.evaluation import evaluate as evaluated
from tapeline.prediction.features import DEFAULT_FEATURES, FeatureSet
from tapeline.prediction.grading import Grade, grade, merge
from tapeline.prediction.grading import score as scored
from tapeline.prediction.labels import HORIZON, NO_TRADE_BAND
from tapeline.prediction.metrics import Estimate
from tapeline.prediction.model import Metadata, ModelError, write_atomically
from tapeline.prediction.registry import DEFAULT_NAME, Folder, LocalFolder, NotBetterError, Registry
from tapeline.prediction.report import day, html, markdown
from tapeline.prediction.training import MissingLibraryError, NotEnoughHistoryError, fit
from tapeline.prediction.walkforward import FOLDS
from tapeline.sources.files import FileSource

Files = Annotated[list[Path] | None, typer.Argument(help="CSV, CSV.gz or Parquet files of bars.", show_default=False)]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the models.", show_default=False)]
Zone = Annotated[str, typer.Option(help="Time zone of timestamps that name none, such as America/New_York.")]
Horizon = Annotated[int, typer.Option(help="Bars ahead that a prediction speaks of.", min=1, max=1000)]
Band = Annotated[float, typer.Option(help="No-trade band, in standard deviations of the move.", min=0.0)]
Across = Annotated[bool, typer.Option("--across-sessions", help="Let intraday labels reach over a session gap.")]
Symbols = Annotated[
    str | None, typer.Option(help="Instead of files: the stored bars of these symbols, comma-separated, or `all`.")
]
Name = Annotated[str, typer.Option(help="Which model.")]
Models = Annotated[
    str | None, typer.Option(help="Folder of the models or s3://bucket/prefix.  [default: models in --data-dir]")
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(train)
    app.command()(evaluate)
    app.add_typer(models, name="models")
    app.command()(score)


models = typer.Typer(help="List the trained models, and choose which one is in use.", no_args_is_help=True)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What a user can mend, as one line."""
    try:
        yield
    except (ModelError, MissingLibraryError, NotBetterError, NotEnoughHistoryError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or 'a file'}: {error.strerror or error}") from error


def _registry(data_dir: Path | None, where: str | None) -> Registry:
    folder: Folder
    if where is not None and where.startswith("s3://"):
        from tapeline.prediction.registry_s3 import S3Folder

        try:
            folder = S3Folder.at(where)
        except ImportError:
            raise CommandError("models on S3 need boto3: pip install 'tapeline[aws]'") from None
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--models") from None
    else:
        folder = LocalFolder(where or config.load(data_dir=data_dir).data_dir / "models")
    return Registry(folder)


def _history(files: list[Path] | None, symbols: str | None, data_dir: Path | None, zone: str) -> Iterator[Bars]:
    """The bars of the files, or the stored ones of these symbols."""
    if bool(files) == bool(symbols):
        raise typer.BadParameter("give files of bars, or --symbols for stored ones, and not both")
    if files:
        source = FileSource(files, zone=zone)
        for problem in source.problems:
            notice(problem)
        if len(source.problems) == len(files):
            raise CommandError("none of the files can be read")
        rejected = 0
        for delivery in source.deliveries(""):
            rejected += len(delivery.rejects)
            yield delivery.bars
        if rejected:
            notice(f"{rejected:,} records were left out; `tapeline replay` keeps them with their reasons")
        return
    with opened(data_dir) as home:
        for symbol in _stored(home, symbols or ""):
            yield home.store.rows(symbol).bars


def _stored(home: bootstrap.Home, symbols: str) -> list[str]:
    """The symbols that were asked for. Raises `CommandError` for one that has no rows."""
    known = [row.stock_symbol for row in home.store.latest()]
    wanted = known if symbols == "all" else [part.strip() for part in symbols.split(",") if part.strip()]
    for symbol in wanted:
        if symbol not in known:
            raise CommandError(f"no rows of {symbol} in {home.path}; symbols there: {', '.join(known) or 'none yet'}")
    return wanted


@contextlib.contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Callable[[float, str], None]]:
    with Ticker(what, 100, quiet=quiet) as ticker:
        yield lambda done, _: ticker.show(int(100 * done))


def train(
    files: Files = None,
    symbols: Symbols = None,
    horizon: Horizon = HORIZON,
    no_trade_band: Band = NO_TRADE_BAND,
    across_sessions: Across = False,
    until: Annotated[
        datetime | None, typer.Option(help="Use bars up to this UTC time only.", show_default=False)
    ] = None,
    max_rows: Annotated[int, typer.Option(help="Thin the rows out to at most so many.", min=500)] = 200_000,
    seed: Annotated[int, typer.Option(help="The same bars and seed make the same model.")] = 0,
    name: Name = DEFAULT_NAME,
    promote: Annotated[bool, typer.Option(help="Use it from now on, unless the model in use is better.")] = True,
    data_dir: DataDir = None,
    models: Models = None,
    zone: Zone = "UTC",
    json: Json = False,
) -> None:
    """Train a model on files of bars, or on stored ones, and put it into the registry.

    A model that is promoted is picked up by a running pipeline. Whether it is worth anything: `tapeline evaluate`.
    """
    registry = _registry(data_dir, models)
    with _explained(), _progress("training", json) as progress:
        model = fit(
            _history(files, symbols, data_dir, zone), horizon=horizon, no_trade_band=no_trade_band, seed=seed,
            across_sessions=across_sessions, max_rows=max_rows, progress=progress,
            until=None if until is None else int(until.replace(tzinfo=UTC).timestamp() * 1000),
        )  # fmt: skip
        registry.save(name, model)
        reason = ""
        if promote:
            try:
                registry.promote(name, model.version, at=_now())
            except NotBetterError as error:
                reason = str(error)
    skill = model.metadata.metrics["skill"]
    if not json:
        if skill <= 0:
            stdout.print("NOT better than the base rate on the slice that training held back.")
        else:
            stdout.print("Better than the base rate on one held-back slice; tapeline evaluate says whether by luck.")
        if reason:
            notice(reason)
    summary = _facts(name, model.version, model.metadata)
    print_summary(summary | {"in_use": registry.current(name) == model.version}, as_json=json)


def evaluate(
    files: Files = None,
    symbols: Symbols = None,
    horizon: Horizon = HORIZON,
    no_trade_band: Band = NO_TRADE_BAND,
    across_sessions: Across = False,
    folds: Annotated[int, typer.Option(help="Walk-forward folds.", min=1, max=100)] = FOLDS,
    embargo: Annotated[
        int | None, typer.Option(help="Bar times left out before each test.  [default: the horizon]", min=0)
    ] = None,
    forest: Annotated[bool, typer.Option(help="With the random-forest baseline, which takes most of the time.")] = True,
    trials: Annotated[int, typer.Option(help="Optuna trials inside each training fold.", min=0)] = 0,
    trade: Annotated[bool, typer.Option(help="With the backtest.")] = True,
    cost_bps: Annotated[float, typer.Option(help="Cost of a trade, in 1/100 of a percent of its value.", min=0)] = (
        COST_BPS
    ),
    audit: Annotated[bool, typer.Option("--audit", help="Look for features and labels that see the future.")] = False,
    features: Annotated[
        str | None, typer.Option(help="Features of your own: FILE.py:NAME of a FeatureSet.", show_default=False)
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.", show_default=False)] = None,
    table: Annotated[Path | None, typer.Option(help="Write the tables as Markdown.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    data_dir: DataDir = None,
    zone: Zone = "UTC",
    json: Json = False,
) -> None:
    """Test the model walk-forward beside its baselines. The first line says whether it is better than they are.

    Exit code 1 when the audit finds a leak.
    """
    chosen = DEFAULT_FEATURES if features is None else _feature_set(features)
    with _explained():
        with _progress("evaluating", json) as progress:
            result = evaluated(
                _history(files, symbols, data_dir, zone), horizon=horizon, no_trade_band=no_trade_band, seed=seed,
                across_sessions=across_sessions, folds=folds, embargo=embargo, forest=forest, trials=trials,
                trade=trade, cost_bps=cost_bps, leaks=audit, features=chosen, progress=progress,
            )  # fmt: skip
        if report is not None:
            write_atomically(report, html(result).encode())
        if table is not None:
            write_atomically(table, markdown(result).encode())
    if json:
        print_json(result.as_dict())
    else:
        stdout.print(markdown(result), markup=False, end="")
    if any(not finding.passed for finding in result.findings):
        raise typer.Exit(1)


def _feature_set(where: str) -> FeatureSet:
    """The FeatureSet called NAME in FILE.py; running the user's file is what was asked for."""
    path, _, name = where.rpartition(":")
    if not path or not Path(path).is_file():
        raise typer.BadParameter(f"{where!r}: give it as FILE.py:NAME of an existing file", param_hint="--features")
    spec = importlib.util.spec_from_file_location("tapeline_user_features", path)
    if spec is None or spec.loader is None:
        raise typer.BadParameter(f"{path} is not a Python file", param_hint="--features")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not isinstance(found, FeatureSet):
        raise typer.BadParameter(f"{path} has no FeatureSet called {name}", param_hint="--features")
    return found


@models.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only this model.", show_default=False)] = None,
    data_dir: DataDir = None,
    models: Models = None,
    json: Json = False,
) -> None:
    """List the versions, the oldest first; the one in use is marked."""
    with _explained():
        entries = _registry(data_dir, models).entries(name)
    if json:
        print_json(
            [{"name": e.name, "version": e.version, "in_use": e.current, **_figures(e.metadata)} for e in entries]
        )
        return
    if not entries:
        notice("no models yet: tapeline train FILE")
    heads = ("name", "version", "in use", "trained until", "horizon", "symbols", "rows", "skill")
    print_table(heads, (
        (e.name, e.version, "yes" if e.current else "", day(e.metadata["trained_until"]), e.metadata["horizon"],
         len(e.metadata["symbols"]), e.metadata["rows"], f"{e.metadata['metrics'].get('skill', math.nan):+.4f}")
        for e in entries
    ))  # fmt: skip


def _figures(metadata: dict[str, Any]) -> dict[str, Any]:
    names = ("trained_from", "trained_until", "horizon", "no_trade_band", "symbols", "rows", "metrics", "feature_hash")
    return {name: metadata[name] for name in names}


@models.command()
def show(
    version: Annotated[
        str | None, typer.Argument(help="Of the model in use when left out.", show_default=False)
    ] = None,
    name: Name = DEFAULT_NAME,
    data_dir: DataDir = None,
    models: Models = None,
    json: Json = False,
) -> None:
    """Print what is known of a version."""
    with _explained():
        model = _registry(data_dir, models).load(name, version)
    if json:
        print_json({"name": name, "version": model.version, **dataclasses.asdict(model.metadata)})
        return
    print_summary(_facts(name, model.version, model.metadata), as_json=False)


@models.command()
def promote(
    version: Annotated[str, typer.Argument(help="See `tapeline models list`.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse than the one in use.")] = False,
    name: Name = DEFAULT_NAME,
    data_dir: DataDir = None,
    models: Models = None,
) -> None:
    """Put a version to use. A running pipeline picks it up without a restart."""
    with _explained():
        _registry(data_dir, models).promote(name, version, at=_now(), force=force)
    stdout.print(f"{name} is {version} now")


@models.command()
def rollback(name: Name = DEFAULT_NAME, data_dir: DataDir = None, models: Models = None) -> None:
    """Put the version to use that was in use before."""
    with _explained():
        version = _registry(data_dir, models).rollback(name)
    stdout.print(f"{name} is {version} again")


def score(
    symbols: Annotated[list[str] | None, typer.Argument(help="Only these.  [default: all]", show_default=False)] = None,
    last: Annotated[int | None, typer.Option(help="Only the newest so many rows of each symbol.", min=50)] = None,
    data_dir: DataDir = None,
    models: Models = None,
    json: Json = False,
) -> None:
    """Grade the stored predictions whose horizon has passed, per model and symbol, against the base rate.

    And look for features that drifted away from what each model was trained on.
    """
    with _explained(), opened(data_dir) as home:
        known = _registry(home.path, models).metadata()
        wanted = _stored(home, ",".join(symbols) if symbols else "all")
        rows = [home.store.rows(symbol, limit=last) for symbol in wanted]
    grades = merge([scored(some, known) for some in rows])
    if not len(grades):
        raise CommandError(f"no stored row of {', '.join(wanted) or 'any symbol'} has a prediction yet")
    table = grade(grades)
    drifted = _drifts(known, grades.models, tidy([some.bars for some in rows]))
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
                notice(f"{version}: {one.feature} has drifted, PSI {one.psi:.2f} (above 0.25): time to retrain")


def _verdict(everything: Grade) -> str:
    if not everything.graded:
        return "Nothing to grade yet: no prediction's horizon has passed with the price leaving the no-trade band."
    hit, brier = everything.hit_rate, everything.brier
    if everything.answered and hit.low > everything.base_rate and brier.high < everything.brier_base:
        return "Better than the base rate, in hits and in Brier score, beyond their 95% intervals."
    return "NOT better than the base rate within the 95% intervals."


def _drifts(known: dict[str, Metadata], versions: tuple[str, ...], bars: Bars) -> dict[str, list[Drift]]:
    """Drift of the features of the bars behind each model's training, for the models that keep a reference."""
    made = build(bars, only_decided=False)
    found = {}
    for version in versions:
        metadata = known.get(version)
        if metadata is None or metadata.feature_hash != made.features.hash:
            continue
        X = made.X[made.timestamp > metadata.trained_until]
        with contextlib.suppress(ValueError):  # too few rows to say anything
            found[version] = drift(metadata.reference, made.features.names, X)
    return found


def _facts(name: str, version: str, metadata: Metadata) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "trained_from": day(metadata.trained_from),
        "trained_until": day(metadata.trained_until),
        "horizon": metadata.horizon,
        "no_trade_band": metadata.no_trade_band,
        "symbols": len(metadata.symbols),
        "rows": metadata.rows,
        "trees": metadata.parameters.get("trees", 0),
        "features": f"{len(metadata.features)} (schema {metadata.feature_hash})",
        **{f"held_back_{metric}": round(value, 6) for metric, value in metadata.metrics.items()},
    }


def _brief(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _plain(value: Any) -> Any:
    """A dataclass as JSON types; NaN is None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(inner) for name, inner in dataclasses.asdict(value).items()}
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _now() -> int:
    return time.time_ns() // 1_000_000
