"""`tapeline models`: the trained models, and which one is in use. Also what the other commands about models share."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tapeline.app import config
from tapeline.app import wiring as bootstrap
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.cli.console import CommandError, notice, print_json, print_summary, print_table, stdout
from tapeline.core.ports import Folder
from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.errors import MissingLibraryError, ModelError, NotBetterError, NotEnoughHistoryError, StorageError
from tapeline.forecast.model import (
    Metadata,
)
from tapeline.forecast.registry import DEFAULT_NAME, Registry
from tapeline.research.report import day
from tapeline.runtime.clock import now_ms

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the models.", show_default=False)]
Name = Annotated[str, typer.Option(help="Which model.")]
Models = Annotated[
    str | None, typer.Option(help="Folder of the models or s3://bucket/prefix.  \\[default: models in --data-dir]")
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]


app = typer.Typer(help="List the trained models, and choose which one is in use.", no_args_is_help=True)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """What a user can mend, as one line."""
    try:
        yield
    except (ModelError, MissingLibraryError, NotBetterError, NotEnoughHistoryError, StorageError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or 'a file'}: {error.strerror or error}") from error


def registry_at(data_dir: Path | None, where: str | None) -> Registry:
    """The registry at this folder or S3 address, otherwise the data directory's."""
    folder: Folder
    if where is not None and where.startswith("s3://"):
        from tapeline.backends.aws.s3_registry import S3Folder

        try:
            folder = S3Folder.at(where)
        except ImportError:
            raise CommandError("models on S3 need boto3: pip install 'tapeline[aws]'") from None
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--models") from None
    else:
        folder = LocalFolder(where or config.load(data_dir=data_dir).data_dir / "models")
    return Registry(folder)


def stored(home: bootstrap.DataDirectory, symbols: str) -> list[str]:
    """The symbols that were asked for. Raises `CommandError` for one that has no rows."""
    known = [row.stock_symbol for row in home.store.latest()]
    wanted = known if symbols == "all" else [part.strip() for part in symbols.split(",") if part.strip()]
    for symbol in wanted:
        if symbol not in known:
            raise CommandError(f"no rows of {symbol} in {home.path}; symbols there: {', '.join(known) or 'none yet'}")
    return wanted


def as_json(name: str, version: str, metadata: Metadata, *, in_use: bool) -> dict[str, Any]:
    """What is known of a version, as JSON types, without the drift reference."""
    known = dataclasses.asdict(metadata)
    del known["reference"]
    return {"name": name, "version": version, "in_use": in_use, **known}


def print_facts(name: str, version: str, metadata: Metadata, *, in_use: bool) -> None:
    """What people want to know of a version, one fact a line."""
    facts = {
        "name": name,
        "version": version,
        "in use": "yes" if in_use else "no",
        "trained on": f"{day(metadata.trained_from)} to {day(metadata.trained_until)} UTC",
        "bars": length(metadata.interval),
        "symbols": len(metadata.symbols),
        "rows": metadata.rows,
        "horizon": f"{metadata.horizon} bars, no-trade band {metadata.no_trade_band:g}",
        "trees": metadata.parameters.get("trees", 0),
        "features": f"{len(metadata.features)} (schema {metadata.feature_hash})",
        **{f"held-back {name.replace('_', '-')}": f"{value:.6g}" for name, value in metadata.metrics.items()},
    }
    print_summary(facts, as_json=False)


def length(interval: int) -> str:
    """A bar's length for people: 86,400,000 ms are `1d`."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if interval >= size:
            return f"{interval / size:.3g}{unit}"
    return f"{interval / 1000:.3g}s"


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only this model.", show_default=False)] = None,
    data_dir: DataDir = None,
    models: Models = None,
    json: Json = False,
) -> None:
    """List the versions, the oldest first; the one in use is marked."""
    with explained():
        entries = registry_at(data_dir, models).entries(name)
    if json:
        print_json([as_json(e.name, e.version, e.metadata, in_use=e.current) for e in entries])
        return
    if not entries:
        notice("no models yet: tapeline train FILE")
    heads = ("name", "version", "in use", "trained until", "bars", "horizon", "symbols", "rows", "skill")
    print_table(heads, (
        (e.name, e.version, "yes" if e.current else "", day(e.metadata.trained_until), length(e.metadata.interval),
         e.metadata.horizon, len(e.metadata.symbols), e.metadata.rows, f"{e.metadata.metrics['skill']:+.4f}")
        for e in entries
    ))  # fmt: skip


@app.command()
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
    registry = registry_at(data_dir, models)
    with explained():
        model = registry.load(name, version)
        in_use = registry.current(name) == model.version
    if json:
        print_json(as_json(name, model.version, model.metadata, in_use=in_use))
        return
    print_facts(name, model.version, model.metadata, in_use=in_use)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="See `tapeline models list`.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse than the one in use.")] = False,
    name: Name = DEFAULT_NAME,
    data_dir: DataDir = None,
    models: Models = None,
) -> None:
    """Put a version to use. A running pipeline picks it up without a restart."""
    with explained():
        registry_at(data_dir, models).promote(name, version, at=now_ms(), force=force)
    stdout.print(f"{name} is {version} now")


@app.command()
def rollback(name: Name = DEFAULT_NAME, data_dir: DataDir = None, models: Models = None) -> None:
    """Put the version to use that was in use before."""
    with explained():
        version = registry_at(data_dir, models).rollback(name)
    stdout.print(f"{name} is {version} again")
