"""A model version to a SageMaker endpoint: the archive on S3, the model, its configuration, the endpoint's move.

What an endpoint runs on is read from the endpoint: image, role, network, size. Only what is asked for is other than
before. Models and configurations are never changed: another one is named after what is in it, so a second run finds it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from textwrap import shorten
from typing import Any

from tapeline.backends.aws.endpoint_plan import (
    Json,
    Serving,
    Wanted,
    guarded,
)
from tapeline.errors import DeploymentError, RolledBackError
from tapeline.forecast.model import LightGBMModel

_CONTENT_TYPES = ["text/csv", "application/json", "application/jsonlines", "application/x-npy"]
_MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
_DENIED = {"403", "AccessDenied", "AccessDeniedException"}
_POLL_SECONDS = 10.0
_LONGEST_REASON = 400  # SageMaker may list all instance types there are

#: What a configuration and a model may have beside variants and container. Kept as it is.
_CONFIGURED = (
    "KmsKeyId", "DataCaptureConfig", "AsyncInferenceConfig", "ExplainerConfig", "ExecutionRoleArn", "VpcConfig",
    "EnableNetworkIsolation",
)  # fmt: skip
_CONTAINED = ("Image", "ModelDataUrl", "Environment")


def archive(model: LightGBMModel) -> bytes:
    """`model.tar.gz` as `serve` reads it; the same model gives the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(model.dump().items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def upload(s3: Any, bucket: str, key: str, content: bytes) -> bool:
    """Puts the archive there unless it is there. Returns whether it was put."""
    digest = hashlib.sha256(content).hexdigest()
    with explained(f"s3://{bucket}/{key}"):
        try:
            if s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256") == digest:
                return False
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
        s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata={"sha256": digest})
    return True


class Endpoint:
    """One endpoint. `client` is a boto3 SageMaker client; `sleep` waits for seconds; `say` takes lines about progress.

    Every method raises `DeploymentError`.
    """

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None], say: Callable[[str], None]) -> None:
        self.name = name
        self._client = client
        self._sleep = sleep
        self._say = say

    # -- what there is -----------------------------------------------------------------------------------------------

    def described(self) -> Json | None:
        """Its description; None when there is no such endpoint."""
        return self._described("describe_endpoint", EndpointName=self.name)

    def settled(self, seconds: float) -> Json | None:
        """Its description once it does not move any more; None when there is no such endpoint."""
        waited, status = 0.0, ""
        while True:
            found = self.described()
            if found is None or found["EndpointStatus"] not in _MOVING:
                return found
            if found["EndpointStatus"] != status:
                status = found["EndpointStatus"]
                self._say(f"endpoint {self.name}: {status}")
            if waited >= seconds:
                raise DeploymentError(
                    f"endpoint {self.name} is {status} after {seconds / 60:.0f} minutes; run this again to wait on"
                )
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS

    def serving(self, described: Json) -> Serving:
        """What the endpoint serves now."""
        name = described["EndpointConfigName"]
        configuration = self._described("describe_endpoint_config", EndpointConfigName=name)
        if configuration is None:
            raise DeploymentError(
                f"endpoint configuration {name} is gone; give --image, --role and the size, or make it"
            )
        variants = configuration["ProductionVariants"]
        model = self._described("describe_model", ModelName=variants[0]["ModelName"])
        if model is None:
            raise DeploymentError(f"SageMaker model {variants[0]['ModelName']} of endpoint {self.name} is gone")
        if len(variants) != 1 or "PrimaryContainer" not in model:
            raise DeploymentError(
                f"endpoint {self.name} has several variants or containers; this deploys to one of one only: choose "
                "another --endpoint"
            )
        return Serving(
            {
                "PrimaryContainer": _some(model["PrimaryContainer"], _CONTAINED),
                **_some(model, ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")),
            },
            {
                "ProductionVariants": [{key: value for key, value in variants[0].items() if key != "ModelName"}],
                **_some(configuration, _CONFIGURED),
            },
        )

    def _described(self, call: str, **names: str) -> Json | None:
        with explained(" ".join(names.values())):
            try:
                found: Json = getattr(self._client, call)(**names)
            except self._client.exceptions.ClientError as error:
                if "could not find" in error.response["Error"].get("Message", "").lower():
                    return None
                raise
            return found

    # -- what is done ------------------------------------------------------------------------------------------------

    def move(self, described: Json | None, before: Serving | None, to: Serving, wanted: Wanted, seconds: float) -> None:
        """Makes model and configuration where they are not there yet, moves the endpoint to them and waits.

        A move that is taken back raises `RolledBackError`. With instances, a part of the traffic goes first.
        """
        if described is not None and described["EndpointStatus"] != "InService":
            reason = described.get("FailureReason", "no reason given")
            raise DeploymentError(
                f"endpoint {self.name} is {described['EndpointStatus']} ({reason}); it cannot be updated: delete it "
                f"(aws sagemaker delete-endpoint --endpoint-name {self.name}) and name --image and --role here"
            )
        name = to.name(self.name)
        with explained(name):
            if self._described("describe_model", ModelName=name) is None:
                self._client.create_model(ModelName=name, **to.model)
            if self._described("describe_endpoint_config", EndpointConfigName=name) is None:
                variant = {**to.variant, "ModelName": name}
                self._client.create_endpoint_config(
                    EndpointConfigName=name, **{**to.configuration, "ProductionVariants": [variant]}
                )
        request: Json = {"EndpointName": self.name, "EndpointConfigName": name}
        with explained(f"endpoint {self.name}"):
            if described is None or before is None:
                self._client.create_endpoint(**request)
            else:
                self._client.update_endpoint(**request, **guarded(described, before, to, wanted, self._say))
        after = self.settled(seconds)
        if after is None:
            raise DeploymentError(f"endpoint {self.name} was deleted meanwhile")
        reason = after.get("FailureReason", "SageMaker gives no reason; see the endpoint's log and alarms")
        if after["EndpointStatus"] != "InService":
            raise RolledBackError(f"endpoint {self.name} is {after['EndpointStatus']}: {reason}")
        if after["EndpointConfigName"] != name:
            raise RolledBackError(
                f"endpoint {self.name} was taken back and serves {after['EndpointConfigName']} as before: {reason}"
            )

    # -- the registry of models --------------------------------------------------------------------------------------

    def registered(
        self, group: str, text: str, image: str, url: str, facts: Mapping[str, str]
    ) -> tuple[str, str] | None:
        """The version's entry in the model package group, made where there is none: its ARN and approval.

        None when there is no such group. `text` is what the version is found by.
        """
        with explained(f"model package group {group}"):
            if not self._group(group):
                self._say(
                    f"there is no model package group {group}; the version is not registered (Terraform makes it)"
                )
                return None
            pages = self._client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
            for page in pages:
                for one in page["ModelPackageSummaryList"]:
                    if one.get("ModelPackageDescription") == text:
                        return one["ModelPackageArn"], one.get("ModelApprovalStatus", "")
            made = self._client.create_model_package(
                ModelPackageGroupName=group,
                ModelPackageDescription=text,
                ModelApprovalStatus="PendingManualApproval",
                CustomerMetadataProperties=dict(facts),
                InferenceSpecification={
                    "Containers": [{"Image": image, "ModelDataUrl": url}],
                    "SupportedContentTypes": _CONTENT_TYPES,
                    "SupportedResponseMIMETypes": _CONTENT_TYPES,
                },
            )
            return made["ModelPackageArn"], "PendingManualApproval"

    def approve(self, package: tuple[str, str] | None, status: str) -> None:
        """Notes what became of the version, unless that is what the registry says."""
        if package is not None and package[1] != status:
            with explained(package[0]):
                self._client.update_model_package(ModelPackageArn=package[0], ModelApprovalStatus=status)

    def _group(self, group: str) -> bool:
        try:
            self._client.describe_model_package_group(ModelPackageGroupName=group)
        except self._client.exceptions.ClientError as error:
            message = error.response["Error"].get("Message", "").lower()
            if "does not exist" in message or "could not find" in message or "not found" in message:
                return False
            raise
        return True


def _some(described: Mapping[str, Any], names: tuple[str, ...]) -> Json:
    return {name: described[name] for name in names if described.get(name)}


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """What AWS refuses, as one line."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        problem = error.response["Error"]
        advice = "; allow it in the policy of whoever runs this" if problem.get("Code") in _DENIED else ""
        reason = shorten(f"{problem.get('Code', '')}: {problem.get('Message', '')}", _LONGEST_REASON)
        raise DeploymentError(f"{what}: {error.operation_name} failed: {reason}{advice}") from error
    except BotoCoreError as error:
        raise DeploymentError(f"{what}: {error}") from error
