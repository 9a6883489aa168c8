"""Deploy a model version to a SageMaker endpoint: archive on S3, model, configuration, and the endpoint's move to them.

What an endpoint runs on is read from the endpoint: image, role, network, size. Only what is asked for changes. Models
and configurations are never changed: each is named after its content, so a second run finds what the first one made.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

from tapeline.backends.aws.botocore_errors import AwsProblem, botocore_errors, translating_botocore_errors
from tapeline.backends.aws.endpoint_plan import DeploymentOptions, EndpointDefinition, JsonObject, guardrails
from tapeline.errors import DeploymentError, RolledBackError
from tapeline.forecast.model import LightGBMModel

_CONTENT_TYPES = ["text/csv", "application/json", "application/jsonlines", "application/x-npy"]
_MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
_POLL_SECONDS = 10.0

#: What a configuration and a model may have beside variants and container. Kept as it is.
_CONFIGURED = (
    "KmsKeyId", "DataCaptureConfig", "AsyncInferenceConfig", "ExplainerConfig", "ExecutionRoleArn", "VpcConfig",
    "EnableNetworkIsolation",
)  # fmt: skip
_CONTAINED = ("Image", "ModelDataUrl", "Environment")

#: How SageMaker says that something does not exist: the code alone, ValidationException, says only "refused".
_ABSENT = ("could not find", "does not exist", "not found")


def pack_model(model: LightGBMModel) -> bytes:
    """Return `model.tar.gz` as the container's `serve` reads it; the same model gives the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(model.dump().items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def upload(s3: Any, bucket: str, key: str, content: bytes) -> bool:
    """Put the archive on S3 unless the same one is there. Return whether it was put. Raises `DeploymentError`."""
    url, digest = f"s3://{bucket}/{key}", hashlib.sha256(content).hexdigest()
    try:
        if s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256") == digest:
            return False
    except botocore_errors() as error:
        problem = AwsProblem.of(error, "s3:GetObject", permission="s3:GetObject and s3:ListBucket")
        if problem.code not in {"404", "NoSuchKey"}:
            raise DeploymentError(problem.line(url)) from error
    with translating_botocore_errors(url, "s3:PutObject", into=DeploymentError):
        s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata={"sha256": digest})
    return True


class Endpoint:
    """Read and move one endpoint. `client` is a boto3 SageMaker client; `sleep` waits for seconds.

    `notify` gets one line about each step. Every method raises `DeploymentError`.
    """

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None], notify: Callable[[str], None]) -> None:
        self.name = name
        self._client = client
        self._sleep = sleep
        self._notify = notify

    # -- reading -----------------------------------------------------------------------------------------------------

    def describe(self) -> JsonObject | None:
        """Return its description, None when there is no such endpoint."""
        return self._find("DescribeEndpoint", EndpointName=self.name)

    def wait_until_settled(self, seconds: float) -> JsonObject | None:
        """Return its description once it no longer moves, None when there is no such endpoint."""
        waited, status = 0.0, ""
        while True:
            found = self.describe()
            if found is None or found["EndpointStatus"] not in _MOVING:
                return found
            if found["EndpointStatus"] != status:
                status = found["EndpointStatus"]
                self._notify(f"endpoint {self.name}: {status}")
            if waited >= seconds:
                raise DeploymentError(
                    f"endpoint {self.name} is {status} after {seconds / 60:.0f} minutes; run this again to wait on"
                )
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS

    def definition(self, described: JsonObject) -> EndpointDefinition:
        """Return what the endpoint of this description serves and runs on."""
        name = described["EndpointConfigName"]
        configuration = self._find("DescribeEndpointConfig", EndpointConfigName=name)
        if configuration is None:
            raise DeploymentError(
                f"endpoint configuration {name} is gone; give --image, --role and the size, or make it"
            )
        variants = configuration["ProductionVariants"]
        model = self._find("DescribeModel", ModelName=variants[0]["ModelName"])
        if model is None:
            raise DeploymentError(f"SageMaker model {variants[0]['ModelName']} of endpoint {self.name} is gone")
        if len(variants) != 1 or "PrimaryContainer" not in model:
            raise DeploymentError(
                f"endpoint {self.name} has several variants or containers; only one of each can be deployed to: choose "
                "another --endpoint"
            )
        return EndpointDefinition(
            {
                "PrimaryContainer": _select(model["PrimaryContainer"], _CONTAINED),
                **_select(model, ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")),
            },
            {
                "ProductionVariants": [{key: value for key, value in variants[0].items() if key != "ModelName"}],
                **_select(configuration, _CONFIGURED),
            },
        )

    # -- moving ------------------------------------------------------------------------------------------------------

    def move(
        self,
        described: JsonObject | None,
        before: EndpointDefinition | None,
        after: EndpointDefinition,
        options: DeploymentOptions,
        seconds: float,
    ) -> None:
        """Begin a move and wait `seconds` for its end. A move that SageMaker takes back raises `RolledBackError`."""
        name = self.begin_move(described, before, after, options)
        settled = self.wait_until_settled(seconds)
        if settled is None:
            raise DeploymentError(f"endpoint {self.name} was deleted meanwhile")
        reason = settled.get("FailureReason", "SageMaker gives no reason; see the endpoint's log and alarms")
        if settled["EndpointStatus"] != "InService":
            raise RolledBackError(f"endpoint {self.name} is {settled['EndpointStatus']}: {reason}")
        if settled["EndpointConfigName"] != name:
            raise RolledBackError(
                f"endpoint {self.name} was taken back and serves {settled['EndpointConfigName']} as before: {reason}"
            )

    def begin_move(
        self,
        described: JsonObject | None,
        before: EndpointDefinition | None,
        after: EndpointDefinition,
        options: DeploymentOptions,
    ) -> str:
        """Make model and configuration where they do not exist yet and begin to move the endpoint to them.

        Return the name of both. With instances, a part of the traffic moves first.
        """
        if described is not None and described["EndpointStatus"] != "InService":
            reason = described.get("FailureReason", "no reason given")
            raise DeploymentError(
                f"endpoint {self.name} is {described['EndpointStatus']} ({reason}); it cannot be updated: delete it "
                f"(aws sagemaker delete-endpoint --endpoint-name {self.name}) and name --image and --role here"
            )
        name = after.name(self.name)
        if self._find("DescribeModel", ModelName=name) is None:
            self._call("CreateModel", name, ModelName=name, **after.model)
        if self._find("DescribeEndpointConfig", EndpointConfigName=name) is None:
            variants = [{**after.variant, "ModelName": name}]
            request = {**after.configuration, "EndpointConfigName": name, "ProductionVariants": variants}
            self._call("CreateEndpointConfig", name, **request)
        request = {"EndpointName": self.name, "EndpointConfigName": name}
        where = f"endpoint {self.name}"
        if described is None or before is None:
            self._call("CreateEndpoint", where, **request)
        else:
            request |= guardrails(described, before, after, options, self._notify)
            self._call("UpdateEndpoint", where, **request)
        return name

    # -- the registry of models --------------------------------------------------------------------------------------

    def register(
        self, group: str, description: str, image: str, model_url: str, facts: Mapping[str, str]
    ) -> tuple[str, str] | None:
        """Return the ARN and the approval of the version's entry in the model package group, made where there is none.

        Return None when there is no such group. `description` is what the version is found by.
        """
        where = f"model package group {group}"
        if self._find("DescribeModelPackageGroup", ModelPackageGroupName=group) is None:
            self._notify(f"there is no {where}; the version is not registered (Terraform makes it)")
            return None
        with translating_botocore_errors(where, "sagemaker:ListModelPackages", into=DeploymentError):
            for page in self._client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group):
                for package in page["ModelPackageSummaryList"]:
                    if package.get("ModelPackageDescription") == description:
                        return package["ModelPackageArn"], package.get("ModelApprovalStatus", "")
        status = "PendingManualApproval"
        made = self._call(
            "CreateModelPackage",
            where,
            ModelPackageGroupName=group,
            ModelPackageDescription=description,
            ModelApprovalStatus=status,
            CustomerMetadataProperties=dict(facts),
            InferenceSpecification={
                "Containers": [{"Image": image, "ModelDataUrl": model_url}],
                "SupportedContentTypes": _CONTENT_TYPES,
                "SupportedResponseMIMETypes": _CONTENT_TYPES,
            },
        )
        return made["ModelPackageArn"], status

    def described_version(self, arn: str) -> JsonObject:
        """Return the description of a version in the model package group."""
        return self._call("DescribeModelPackage", arn, ModelPackageName=arn)

    def approve(self, package: tuple[str, str] | None, status: str) -> None:
        """Record the outcome for the version, unless the registry has it already or has no such version."""
        if package is not None and package[1] != status:
            arn = package[0]
            self._call("UpdateModelPackage", arn, ModelPackageArn=arn, ModelApprovalStatus=status)

    # -- calls -------------------------------------------------------------------------------------------------------

    def _call(self, operation: str, where: str, **request: Any) -> JsonObject:
        from botocore import xform_name

        with translating_botocore_errors(where, f"sagemaker:{operation}", into=DeploymentError):
            answer: JsonObject = getattr(self._client, xform_name(operation))(**request)
        return answer

    def _find(self, operation: str, **names: str) -> JsonObject | None:
        """Return what this Describe operation answers, None when there is no such thing."""
        try:
            return self._call(operation, " ".join(names.values()), **names)
        except DeploymentError as error:
            response = getattr(error.__cause__, "response", {})
            if any(text in response.get("Error", {}).get("Message", "").lower() for text in _ABSENT):
                return None
            raise


def _select(described: Mapping[str, Any], names: tuple[str, ...]) -> JsonObject:
    return {name: described[name] for name in names if described.get(name)}
