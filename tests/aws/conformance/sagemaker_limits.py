"""List what SageMaker's documentation says about the calls that tapeline makes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.aws.conformance.table import MIB, Asked, exclusive, limit, one_of, size

_API = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_"
_GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg/"
_RUNTIME = f"{_API}runtime_InvokeEndpoint.html"
_TAGGED = "CreateTrainingJob CreateModel CreateEndpointConfig CreateEndpoint CreateModelPackage"


@limit("sagemaker-runtime", "InvokeEndpoint", "a serverless endpoint takes 4 MB", f"{_GUIDE}serverless-endpoints.html")
def _(asked: Asked) -> Iterator[str]:
    """Hold every request to the smaller limit: the function does not know which kind of endpoint it asks."""
    if size(asked.get("Body", b"")) > 4 * MIB:
        yield f"{size(asked['Body']):,} bytes"


@limit("sagemaker-runtime", "InvokeEndpoint", "custom attributes are at most 1,024 visible characters", _RUNTIME)
def _(asked: Asked) -> Iterator[str]:
    text = asked.get("CustomAttributes")
    if text is not None and not re.fullmatch(r"[!-~]{1,1024}", text):
        yield f"CustomAttributes {text[:80]!r}"


@limit("sagemaker", "CreateTrainingJob", "spot waits at least as long as it runs", f"{_API}StoppingCondition.html")
def _(asked: Asked) -> Iterator[str]:
    stopping = asked["StoppingCondition"]
    waits = stopping.get("MaxWaitTimeInSeconds")
    if asked.get("EnableManagedSpotTraining"):
        if waits is None or waits < stopping.get("MaxRuntimeInSeconds", 86_400):
            yield f"MaxWaitTimeInSeconds {waits}"
    elif waits is not None:
        yield "MaxWaitTimeInSeconds without spot"


@limit("sagemaker", "CreateTrainingJob", "a job runs at most 28 days", f"{_API}StoppingCondition.html")
def _(asked: Asked) -> Iterator[str]:
    runs = asked["StoppingCondition"].get("MaxRuntimeInSeconds", 1)
    if not 1 <= runs <= 28 * 86_400:
        yield f"MaxRuntimeInSeconds {runs}"


@limit("sagemaker", "CreateTrainingJob", "a job has an image or an algorithm", f"{_API}AlgorithmSpecification.html")
def _(asked: Asked) -> Iterator[str]:
    yield from one_of(asked["AlgorithmSpecification"], "TrainingImage", "AlgorithmName")


@limit("sagemaker", "CreateTrainingJob", "metric expressions have one group", f"{_GUIDE}define-train-metrics.html")
def _(asked: Asked) -> Iterator[str]:
    found = asked["AlgorithmSpecification"].get("MetricDefinitions", ())
    for each in found:
        if re.compile(each["Regex"]).groups != 1:
            yield f"{each['Name']}: {each['Regex']}"
    if len({each["Name"] for each in found}) < len(found):
        yield "two metrics of one name"


@limit("sagemaker", "CreateTrainingJob", "channels have names of their own", f"{_API}Channel.html")
def _(asked: Asked) -> Iterator[str]:
    names = [each["ChannelName"] for each in asked.get("InputDataConfig", ())]
    if len(set(names)) < len(names):
        yield f"channels {names}"


@limit("sagemaker", "CreateTrainingJob", "a warm pool and spot exclude each other", f"{_GUIDE}train-warm-pools.html")
def _(asked: Asked) -> Iterator[str]:
    if asked.get("EnableManagedSpotTraining") and asked["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
        yield "KeepAlivePeriodInSeconds with spot"


@limit("sagemaker", "CreateTrainingJob", "results and checkpoints go to S3", f"{_API}OutputDataConfig.html")
def _(asked: Asked) -> Iterator[str]:
    for name in ("OutputDataConfig", "CheckpointConfig"):
        place = asked.get(name)
        url = place.get("S3OutputPath", place.get("S3Uri")) if place else "s3://bucket"
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{2,62}(/.*)?", url or ""):
            yield f"{name} {url!r}"


@limit("sagemaker", _TAGGED, "no tag begins with aws: and none is there twice", f"{_API}Tag.html")
def _(asked: Asked) -> Iterator[str]:
    keys = [each["Key"] for each in asked.get("Tags", ())]
    for key in keys:
        if key.lower().startswith("aws:") or keys.count(key) > 1:
            yield f"tag {key}"


@limit("sagemaker", "CreateModel", "a model has one container or a list", f"{_API}CreateModel.html")
def _(asked: Asked) -> Iterator[str]:
    yield from one_of(asked, "PrimaryContainer", "Containers")


@limit("sagemaker", "CreateEndpointConfig", "a variant is serverless or has instances", f"{_API}ProductionVariant.html")
def _(asked: Asked) -> Iterator[str]:
    for each in asked["ProductionVariants"]:
        yield from one_of(each, "ServerlessConfig", "InstanceType")
        yield from exclusive(each, "ServerlessConfig", "InitialInstanceCount")
        if "InstanceType" in each and not each.get("InitialInstanceCount"):
            yield "instances without InitialInstanceCount"


@limit(
    "sagemaker",
    "CreateEndpointConfig",
    "serverless memory is a multiple of 1 GB",
    f"{_API}ProductionVariantServerlessConfig.html",
)
def _(asked: Asked) -> Iterator[str]:
    for each in asked["ProductionVariants"]:
        memory = each.get("ServerlessConfig", {}).get("MemorySizeInMB", 1024)
        if memory not in {1024, 2048, 3072, 4096, 5120, 6144}:
            yield f"MemorySizeInMB {memory}"


@limit("sagemaker", "CreateEndpointConfig", "serverless has no data capture", f"{_GUIDE}serverless-endpoints.html")
def _(asked: Asked) -> Iterator[str]:
    if "DataCaptureConfig" in asked and any("ServerlessConfig" in each for each in asked["ProductionVariants"]):
        yield "DataCaptureConfig"


@limit(
    "sagemaker",
    "UpdateEndpoint CreateEndpoint",
    "a canary has at most half of the capacity",
    f"{_API}TrafficRoutingConfig.html",
)
def _(asked: Asked) -> Iterator[str]:
    routing = asked.get("DeploymentConfig", {}).get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    canary = routing.get("CanarySize", {})
    if canary.get("Type") == "CAPACITY_PERCENT" and not 1 <= canary["Value"] <= 50:
        yield f"{canary['Value']}%"
    if (routing.get("Type") == "CANARY") != bool(canary):
        yield f"{routing.get('Type')} with canary {canary}"


@limit(
    "sagemaker", "UpdateEndpoint CreateEndpoint", "a deployment has time to end", f"{_API}BlueGreenUpdatePolicy.html"
)
def _(asked: Asked) -> Iterator[str]:
    policy = asked.get("DeploymentConfig", {}).get("BlueGreenUpdatePolicy")
    if policy:
        waits = policy.get("TerminationWaitInSeconds", 0)
        waits += policy["TrafficRoutingConfiguration"].get("WaitIntervalInSeconds", 0)
        if policy.get("MaximumExecutionTimeoutInSeconds", 14_400) < waits:
            yield f"it waits {waits} s"


@limit("sagemaker", "UpdateEndpoint", "a deployment configuration is kept or given", f"{_API}UpdateEndpoint.html")
def _(asked: Asked) -> Iterator[str]:
    if asked.get("RetainDeploymentConfig") and "DeploymentConfig" in asked:
        yield "DeploymentConfig and RetainDeploymentConfig"


@limit(
    "sagemaker", "CreateModelPackage", "a version in a group has no name of its own", f"{_API}CreateModelPackage.html"
)
def _(asked: Asked) -> Iterator[str]:
    yield from one_of(asked, "ModelPackageName", "ModelPackageGroupName")
    if "ModelPackageName" in asked and "ModelApprovalStatus" in asked:
        yield "ModelApprovalStatus of a package without versions"
