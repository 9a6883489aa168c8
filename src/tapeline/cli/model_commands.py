"""`tapeline models`: list the trained models, and choose which one is in use."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import notice, print_json, print_summary, print_table, stdout
from tapeline.cli.options import DataDir, Json, ModelName, ModelsAt, ModelVersion
from tapeline.core.times import interval_name
from tapeline.error_text import counted
from tapeline.errors import InputError
from tapeline.forecast import DEFAULT_NAME
from tapeline.runtime.clock import now_ms

if TYPE_CHECKING:
    from tapeline.core.ports import Folder
    from tapeline.forecast.model import Metadata
    from tapeline.forecast.range_model import RangeModel
    from tapeline.forecast.range_registry import RangeRegistry
    from tapeline.forecast.registry import Registry

OfRanges = Annotated[bool, typer.Option("--ranges", help="The range model, not that of directions.")]

app = typer.Typer(help="List the trained models, and choose which one is in use.", no_args_is_help=True)


def registry_at(data_dir: Path | None, place: str | None, *, reading: bool = False) -> Registry:
    """Return the registry at this folder or S3 address, otherwise the data directory's.

    `reading` says that models are looked for, so that a demo's data directory may stand for an empty default one.
    """
    from tapeline.app import config
    from tapeline.app.data_directory import models_in, settings_for_reading
    from tapeline.forecast.registry import Registry

    if place is None:
        settings = settings_for_reading(data_dir) if reading else config.load(data_dir=data_dir)
        return models_in(settings.data_dir)
    return Registry(_folder_at(place))


def ranges_at(place: str) -> RangeRegistry:
    """Return the registry of range models at this folder or S3 address."""
    from tapeline.forecast.range_registry import RangeRegistry

    return RangeRegistry(_folder_at(place))


def ranges_beside(registry: Registry) -> RangeRegistry:
    """Return the registry of the range models that are in the same folder."""
    from tapeline.forecast.range_registry import RangeRegistry

    return RangeRegistry(registry.folder)


def _folder_at(place: str) -> Folder:
    from tapeline.backends.files.file_registry import LocalFolder

    if not place.startswith("s3://"):
        return LocalFolder(place)
    from tapeline.backends.aws.s3_registry import S3Folder

    try:
        return S3Folder.at(place)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--models") from None


def metadata_as_json(name: str, version: str, metadata: Metadata, *, in_use: bool) -> dict[str, Any]:
    """Return what is known of a version as JSON types, without the drift reference.

    The keys are public, so a field that was renamed or deleted since keeps its key: `band`, `across_sessions`.
    """
    from tapeline.core.iso_text import texts_of

    known = dataclasses.asdict(metadata)
    del known["reference"]
    known |= {"band": known.pop("hold_margin"), "across_sessions": False}
    times = texts_of(known, "trained_from", "trained_until")
    return {"name": name, "version": version, "kind": "direction", "in_use": in_use, **known, **times}


def _range_as_json(name: str, model: RangeModel, *, in_use: bool) -> dict[str, Any]:
    """Return what is known of a range model as JSON types, without its tables of numbers."""
    from tapeline.core.iso_text import texts_of
    from tapeline.forecast.range_layout import HORIZONS

    names = ("trained_from", "trained_until", "interval", "rows", "form", "data_hash")
    known = {each: getattr(model, each) for each in names}
    known |= {"symbols": list(model.symbols), "horizons": list(HORIZONS)}
    times = texts_of(known, "trained_from", "trained_until")
    return {"name": name, "version": model.version, "kind": "range", "in_use": in_use, **known, **times}


def print_facts(name: str, version: str, metadata: Metadata, *, in_use: bool) -> None:
    """Print what people want to know of a version, one fact a line."""
    from tapeline.research.report import day

    facts = {
        "name": name,
        "version": version,
        "kind": "direction",
        "in use": "yes" if in_use else "no",
        "trained on": f"{day(metadata.trained_from)} to {day(metadata.trained_until)} UTC",
        "bars": interval_name(metadata.interval),
        "symbols": len(metadata.symbols),
        "rows": metadata.rows,
        "horizon": f"{counted(metadata.horizon, 'bar')}, no-trade band {metadata.no_trade_band:g}",
        "trees": metadata.parameters.get("trees", 0),
        "features": f"{len(metadata.features)} (schema {metadata.feature_hash})",
        "direction": "passed its gate" if metadata.has_passed_gate else "has not passed its gate: HOLD is answered",
        **{f"held-out {metric.replace('_', '-')}": f"{value:.6g}" for metric, value in metadata.metrics.items()},
    }
    print_summary(facts, as_json=False)


def _print_range_facts(name: str, model: RangeModel, *, in_use: bool) -> None:
    from tapeline.forecast.range_layout import HORIZONS
    from tapeline.research.report import day

    facts = {
        "name": name,
        "version": model.version,
        "kind": "range",
        "in use": "yes" if in_use else "no",
        "trained on": f"{day(model.trained_from)} to {day(model.trained_until)} UTC",
        "bars": interval_name(model.interval),
        "symbols": len(model.symbols),
        "rows": model.rows,
        "horizons": f"{', '.join(map(str, HORIZONS))} bars",
        "form": model.form,
    }
    print_summary(facts, as_json=False)


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only this model.", show_default=False)] = None,
    data_dir: DataDir = None,
    models: ModelsAt = None,
    json: Json = False,
) -> None:
    """List the versions of each kind, oldest first, and mark the ones in use."""
    from tapeline.forecast.range_layout import HORIZONS
    from tapeline.research.report import day

    registry = registry_at(data_dir, models, reading=True)
    entries, ranges = registry.entries(name), ranges_beside(registry).listing(name)
    if json:
        print_json([
            *(metadata_as_json(e.name, e.version, e.metadata, in_use=e.current) for e in entries),
            *(_range_as_json(e.name, e.model, in_use=e.current) for e in ranges.entries),
        ])  # fmt: skip
        return
    for line in (*ranges.damaged, *ranges.other_formats):
        notice(line)
    if not entries and not ranges.entries:
        notice("no models yet: tapeline train FILE")
    heads = ("name", "version", "kind", "in use", "trained until", "bars", "horizon", "symbols", "rows", "skill")
    print_table(heads, (
        *((e.name, e.version, "direction", "yes" if e.current else "", day(e.metadata.trained_until),
           interval_name(e.metadata.interval), e.metadata.horizon, len(e.metadata.symbols), e.metadata.rows,
           _skill(e.metadata)) for e in entries),
        *((e.name, e.version, "range", "yes" if e.current else "", day(e.model.trained_until),
           interval_name(e.model.interval), ", ".join(map(str, HORIZONS)), len(e.model.symbols), e.model.rows,
           "") for e in ranges.entries),
    ))  # fmt: skip


def _skill(metadata: Metadata) -> str:
    return f"{metadata.metrics['skill']:+.4f}" if "skill" in metadata.metrics else ""


@app.command()
def show(
    version: ModelVersion = None,
    name: ModelName = DEFAULT_NAME,
    data_dir: DataDir = None,
    models: ModelsAt = None,
    ranges: OfRanges = False,
    json: Json = False,
) -> None:
    """Print what is known of a version of either kind; without one, of the direction model, else the range model."""
    from tapeline.forecast.range_model import is_range_version

    registry = registry_at(data_dir, models, reading=True)
    beside = ranges_beside(registry)
    if version is None:
        ranges = ranges or (registry.current(name) is None and beside.current(name) is not None)
    if ranges or (version is not None and is_range_version(version)):
        found = beside.load(name, version)
        in_use = beside.current(name) == found.version
        if json:
            print_json(_range_as_json(name, found, in_use=in_use))
        else:
            _print_range_facts(name, found, in_use=in_use)
        return
    model = registry.load(name, version)
    in_use = registry.current(name) == model.version
    if json:
        print_json(metadata_as_json(name, model.version, model.metadata, in_use=in_use))
    else:
        print_facts(name, model.version, model.metadata, in_use=in_use)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="See `tapeline models list`.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Even if it has not beaten the one in use.")] = False,
    name: ModelName = DEFAULT_NAME,
    data_dir: DataDir = None,
    models: ModelsAt = None,
) -> None:
    """Put a version of either kind to use. A running pipeline picks it up without a restart."""
    from tapeline.forecast.range_model import is_range_version

    registry = registry_at(data_dir, models, reading=True)
    if is_range_version(version):
        ranges_beside(registry).promote(name, version, at=now_ms())
        stdout().print(f"the range model of {name} is {version} now")
        return
    registry.promote(name, version, at=now_ms(), force=force)
    stdout().print(f"{name} is {version} now")


@app.command()
def rollback(
    name: ModelName = DEFAULT_NAME, data_dir: DataDir = None, models: ModelsAt = None, ranges: OfRanges = False
) -> None:
    """Put the version to use that was in use before."""
    registry = registry_at(data_dir, models, reading=True)
    if ranges:
        stdout().print(f"the range model of {name} is {ranges_beside(registry).rollback(name)} again")
    else:
        stdout().print(f"{name} is {registry.rollback(name)} again")
