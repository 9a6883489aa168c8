"""`tapeline deploy-model`: a model of the registry to a SageMaker endpoint."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tapeline.app import cloud_wiring as cloud
from tapeline.app import config
from tapeline.backends.aws import deployment
from tapeline.backends.aws.clients import client
from tapeline.backends.aws.deployment import (
    Endpoint,
)
from tapeline.backends.aws.endpoint_plan import (
    ENDPOINT,
    Wanted,
    served,
)
from tapeline.cli.console import CommandError, notice, print_summary
from tapeline.cli.model_commands import DataDir, Models, Name, explained, registry_at
from tapeline.errors import DeploymentError, RolledBackError
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.registry import DEFAULT_NAME


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(deploy_model)


def deploy_model(
    version: Annotated[
        str | None, typer.Argument(help="Of the model in use when left out.", show_default=False)
    ] = None,
    only_upload: Annotated[
        bool, typer.Option("--only-upload", help="Leave the endpoint to Terraform: print the model_data_url for it.")
    ] = False,
    endpoint: Annotated[
        str | None, typer.Option(help=f"Which endpoint.  \\[default: setting sagemaker_endpoint, {ENDPOINT}]")
    ] = None,
    image: Annotated[str | None, typer.Option(help="Image that serves.  \\[default: as the endpoint has it]")] = None,
    role: Annotated[str | None, typer.Option(help="ARN of the role.  \\[default: as the endpoint has it]")] = None,
    memory: Annotated[
        int | None, typer.Option(help="MB of a serverless endpoint.  \\[default: as it has, 2048]", min=1024, max=6144)
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Calls at once of a serverless one.  \\[default: as it has, 5]", min=1, max=200)
    ] = None,
    instance_type: Annotated[
        str | None, typer.Option(help="Such as ml.c6i.large: instances instead of serverless.", show_default=False)
    ] = None,
    instances: Annotated[int | None, typer.Option(help="How many instances.  \\[default: as it has, 1]", min=1)] = None,
    canary: Annotated[
        int, typer.Option(help="Per cent of the traffic that a new model gets first.", min=1, max=50)
    ] = 10,
    bake: Annotated[int, typer.Option(help="Seconds that it has only these.", min=0, max=3600)] = 600,
    alarm: Annotated[
        list[str] | None, typer.Option(help="Alarm that takes it back; may be repeated.  \\[default: as last time]")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Model package group.  \\[default: named as the endpoint]", show_default=False)
    ] = None,
    minutes: Annotated[int, typer.Option(help="How long to wait for the endpoint.", min=1)] = 90,
    name: Name = DEFAULT_NAME,
    bucket: Annotated[str | None, typer.Option(help="S3 bucket.  \\[default: setting bucket]")] = None,
    data_dir: DataDir = None,
    models: Models = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")] = False,
) -> None:
    """Serve a model of the registry from a SageMaker endpoint: canary, automatic rollback, and waiting for the end.

    The same version again does nothing. What is not named stays as the endpoint has it. Canary and alarms are for
    endpoints with instances; a serverless one moves at once.
    """
    settings = config.load(bucket=bucket, sagemaker_endpoint=endpoint, data_dir=data_dir)
    cloud.required(settings, "bucket")
    model = _model(name, version, data_dir, models)
    key = f"models/{name}/{model.version}/model.tar.gz"
    url = f"s3://{settings.bucket}/{key}"
    wanted = Wanted(image, role, memory, concurrency, instance_type, instances, canary, bake, tuple(alarm or ()))
    target = Endpoint(client("sagemaker"), settings.sagemaker_endpoint or ENDPOINT, time.sleep, notice)
    group = group or target.name
    summary = {"version": model.version, "model_data_url": url, "endpoint": target.name}
    try:
        if only_upload:
            found = target.described()
            before = target.serving(found) if found else None
            deployment.upload(client("s3"), settings.bucket, key, deployment.archive(model))
            _registered(target, group, name, model, image or (before.image if before else None), url)
            summary |= {"outcome": "uploaded"}
        else:
            found = target.settled(minutes * 60)
            before = target.serving(found) if found else None
            to = served(before, url, wanted)
            deployment.upload(client("s3"), settings.bucket, key, deployment.archive(model))
            package = _registered(target, group, name, model, to.image, url)
            same = to == before and found is not None and found["EndpointStatus"] == "InService"
            if not same:
                notice(f"endpoint {target.name}: {to.size}, image {to.image}, role {to.model['ExecutionRoleArn']}")
                try:
                    target.move(found, before, to, wanted, minutes * 60)
                except RolledBackError:
                    target.approve(package, "Rejected")
                    raise
            target.approve(package, "Approved")
            summary |= {"outcome": "served already" if same else "served", "runs on": to.size}
    except DeploymentError as error:
        raise CommandError(str(error)) from error
    print_summary(summary, as_json=json)


def _model(name: str, version: str | None, data_dir: Path | None, where: str | None) -> LightGBMModel:
    """The version in the registry, wherever that is. Raises `CommandError`."""
    with explained():
        return registry_at(data_dir, where).load(name, version)


def _registered(
    target: Endpoint, group: str, name: str, model: LightGBMModel, image: str | None, url: str
) -> tuple[str, str] | None:
    """The version's entry among the model packages, None where it cannot have one."""
    if image is None:
        notice("not registered: there is no endpoint yet to take the image from, and no --image")
        return None
    facts = {"name": name, "version": model.version, "schema": model.metadata.feature_hash}
    return target.registered(group, f"tapeline {name} {model.version}", image, url, facts)
