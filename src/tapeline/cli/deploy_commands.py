"""`tapeline deploy-model`: serve a model of the registry from a SageMaker endpoint."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from tapeline.backends.aws.clients import client
from tapeline.backends.aws.endpoint_plan import ENDPOINT, DeploymentOptions, plan_endpoint
from tapeline.cli.console import notice, print_summary
from tapeline.cli.model_commands import registry_at
from tapeline.cli.options import Bucket, DataDir, Json, ModelName, ModelsAt, ModelVersion
from tapeline.errors import RolledBackError
from tapeline.forecast import DEFAULT_NAME


def deploy_model(
    version: ModelVersion = None,
    only_upload: Annotated[
        bool, typer.Option("--only-upload", help="Leave the endpoint to Terraform: print the model_data_url for it.")
    ] = False,
    endpoint: Annotated[
        str | None, typer.Option(help=f"Which endpoint.  [default: setting aws.sagemaker_endpoint, {ENDPOINT}]")
    ] = None,
    image: Annotated[str | None, typer.Option(help="Image that serves.  [default: as the endpoint has it]")] = None,
    role: Annotated[str | None, typer.Option(help="ARN of the role.  [default: as the endpoint has it]")] = None,
    memory: Annotated[
        int | None, typer.Option(help="MB of a serverless endpoint.  [default: as it has, 2048]", min=1024, max=6144)
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(help="Concurrent calls of a serverless endpoint.  [default: as it has, 5]", min=1, max=200),
    ] = None,
    instance_type: Annotated[
        str | None, typer.Option(help="Such as ml.c6i.large: instances instead of serverless.", show_default=False)
    ] = None,
    instances: Annotated[int | None, typer.Option(help="How many instances.  [default: as it has, 1]", min=1)] = None,
    canary: Annotated[
        int, typer.Option(help="Per cent of the traffic that a new model gets at first.", min=1, max=50)
    ] = 10,
    bake: Annotated[int, typer.Option(help="Seconds before it gets the rest.", min=0, max=3600)] = 600,
    alarm: Annotated[
        list[str] | None, typer.Option(help="Alarm that rolls it back; may be repeated.  [default: as last time]")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Model package group.  [default: named as the endpoint]", show_default=False)
    ] = None,
    minutes: Annotated[int, typer.Option(help="How long to wait for the endpoint.", min=1)] = 90,
    name: ModelName = DEFAULT_NAME,
    bucket: Bucket = None,
    data_dir: DataDir = None,
    models: ModelsAt = None,
    json: Json = False,
) -> None:
    """Serve a model of the registry from a SageMaker endpoint, with a canary and automatic rollback; wait for the end.

    The same version again does nothing. What is not named stays as the endpoint has it. Canary and alarms are for
    endpoints with instances; a serverless one switches at once.
    """
    from tapeline.app import config
    from tapeline.app.cloud_wiring import require
    from tapeline.backends.aws import deployment
    from tapeline.backends.aws.sagemaker_versions import archive_key, publish

    settings = config.load(aws__bucket=bucket, aws__sagemaker_endpoint=endpoint, data_dir=data_dir)
    require(settings, "aws.bucket")
    model = registry_at(data_dir, models, reading=True).load(name, version)
    url = f"s3://{settings.aws.bucket}/{archive_key(name, model.version)}"
    options = DeploymentOptions(
        image, role, memory, concurrency, instance_type, instances, canary, bake, tuple(alarm or ())
    )
    target = deployment.Endpoint(client("sagemaker"), settings.aws.sagemaker_endpoint or ENDPOINT, time.sleep, notice)
    group = group or target.name
    summary = {"version": model.version, "model_data_url": url, "endpoint": target.name}
    if only_upload:
        found = target.describe()
        before = target.definition(found) if found else None
        serves = image or (before.image if before else None)
        if serves is None:
            notice("not registered: there is no endpoint yet to take the image from, and no --image")
        publish(client("s3"), target, settings.aws.bucket, group, name, model, serves)
        summary |= {"outcome": "uploaded"}
    else:
        found = target.wait_until_settled(minutes * 60)
        before = target.definition(found) if found else None
        after = plan_endpoint(before, url, options)
        package = publish(client("s3"), target, settings.aws.bucket, group, name, model, after.image)
        same = after == before and found is not None and found["EndpointStatus"] == "InService"
        if not same:
            notice(f"endpoint {target.name}: {after.size}, image {after.image}, role {after.model['ExecutionRoleArn']}")
            try:
                target.move(found, before, after, options, minutes * 60)
            except RolledBackError:
                target.approve(package, "Rejected")
                raise
        target.approve(package, "Approved")
        summary |= {"outcome": "served already" if same else "served", "runs on": after.size}
    print_summary(summary, as_json=json)
