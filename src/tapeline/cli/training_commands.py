"""`tapeline train`: make models, here or on SageMaker."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import notice, print_json, stdout
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.model_commands import metadata_as_json, print_facts, ranges_beside, registry_at
from tapeline.cli.options import Bucket, DataDir, Json, ModelName, ModelsAt
from tapeline.cli.training_bars import Band, Horizon, OptionalFiles, StoredSymbols, Trials, history, progress
from tapeline.errors import MissingLibraryError, NotBetterError, NotEnoughHistoryError
from tapeline.forecast import DEFAULT_NAME, HORIZON, NO_TRADE_BAND
from tapeline.runtime.clock import now_ms

if TYPE_CHECKING:
    from tapeline.cli.cloud_training import SageMakerTrainer
    from tapeline.core.market import Bars
    from tapeline.forecast.model import LightGBMModel, Metadata
    from tapeline.forecast.range_model import RangeModel
    from tapeline.forecast.registry import Registry


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
    chosen: dict[str, Any] = {
        "horizon": horizon, "no_trade_band": no_trade_band, "seed": seed, "max_rows": max_rows, "until": end
    }  # fmt: skip
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
        registry = registry_at(data_dir, models)
        bars = functools.partial(history, files, symbols, data_dir, reading)
        model, reason = _trained_here(registry, name, bars, chosen | {"trials": trials}, promote=promote, quiet=json)
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


def _trained_here(
    registry: Registry, name: str, bars: Callable[..., Iterator[Bars]], options: dict[str, Any], *, promote: bool,
    quiet: bool,
) -> tuple[LightGBMModel, str]:  # fmt: skip
    """Train both models on these bars, and keep them. Return that of directions, and why `promote` did not help it.

    `bars` begins a pass over them; `options` are those of `training.fit`. Ranges need no library and fewer bars: their
    model stays where that of directions cannot be made, which raises `MissingLibraryError` or `NotEnoughHistoryError`.
    """
    from tapeline.research.libraries import import_optuna, require_training
    from tapeline.research.retraining import retrain
    from tapeline.research.training import fit

    if options["trials"]:
        import_optuna()  # before bars are read, which takes minutes
    version = _train_ranges(registry, name, bars(), options["until"], promote=promote)
    try:
        require_training()
        with progress("training", quiet=quiet) as show:
            again = bars(again=True)
            if promote:
                made = retrain(registry, name, again, at=now_ms(), **options, progress=show)
                return made.model, "" if made.promoted else f"not promoted: {made.contest}"
            model = fit(again, **options, progress=show)
            registry.save(name, model)
            return model, ""
    except (MissingLibraryError, NotEnoughHistoryError):
        if version:
            notice("no direction model is made")
        raise


def _train_ranges(registry: Registry, name: str, bars: Iterator[Bars], until: int | None, *, promote: bool) -> str:
    """Train a range model on the same bars, and with `promote` put it to use. Return its version.

    Too few bars are reported, and the answer is empty.
    """
    from tapeline.research.range_training import fit_range

    try:
        model = fit_range(bars, until=until)
    except NotEnoughHistoryError as error:
        notice(f"no ranges: {error}")
        return ""
    _keep_ranges(registry, name, model, promote=promote)
    return model.version


def _keep_ranges(registry: Registry, name: str, model: RangeModel, *, promote: bool) -> None:
    """Keep the range model, put it to use with `promote`, and say so, with how to change that."""
    ranges = ranges_beside(registry)
    version, before = ranges.save(name, model), ranges.current(name)
    of_name = "" if name == DEFAULT_NAME else f" --name {name}"
    if not promote:
        notice(f"range model {version} is kept: tapeline models promote {version}{of_name} puts it to use")
        return
    ranges.promote(name, version, at=now_ms())
    back = f"; back to {before}: tapeline models rollback --ranges{of_name}" if before not in {None, version} else ""
    notice(f"range model {version} is in use now{back}")


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
