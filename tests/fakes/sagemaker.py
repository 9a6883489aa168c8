"""An endpoint in memory around the real serving application, and what moto's SageMaker lacks: moves and jobs."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import ClientError

from tapeline.forecast.model import LightGBMModel
from tapeline.lambdas.model_serving import Service
from tapeline.lambdas.model_training import train
from tests.aws.conformance import watching


class FakeEndpoint:
    """`invoke_endpoint` of a boto3 client over the real service, without a socket between them.

    `failing` is called before each request is answered and may raise; `requests` are all that were made.
    """

    def __init__(self, model: LightGBMModel | None) -> None:
        self.service = Service()
        self.service.model = model
        self.requests: list[dict[str, Any]] = []
        self.failing: Callable[[], None] = lambda: None

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        watching.check("sagemaker-runtime", "InvokeEndpoint", request)
        self.requests.append(request)
        self.failing()
        answer = asyncio.run(self._send(request))
        if answer.status_code != 200:
            said = {"Error": {"Code": "ModelError", "Message": answer.text}, "OriginalStatusCode": answer.status_code}
            raise ClientError(said, "InvokeEndpoint")  # type: ignore[arg-type]
        attributes = answer.headers.get("x-amzn-sagemaker-custom-attributes", "")
        return {"Body": io.BytesIO(answer.content), "CustomAttributes": attributes}

    async def _send(self, request: dict[str, Any]) -> httpx.Response:
        headers = {
            "content-type": request["ContentType"],
            "accept": request["Accept"],
            "x-amzn-sagemaker-custom-attributes": request["CustomAttributes"],
        }
        transport = httpx.ASGITransport(self.service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://container") as client:
            return await client.post("/invocations", content=request["Body"], headers=headers)


class UpdatingSageMaker:
    """Add UpdateEndpoint to moto's SageMaker, which lacks it. `ends` is how the description differs after a move."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.updates: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.models: list[dict[str, Any]] = []  # requests: moto does not keep all of them
        self.ends: dict[str, Any] = {}
        self.polls = 2
        self._moves: list[dict[str, Any]] = []

    def update_endpoint(self, **request: Any) -> Any:
        watching.check("sagemaker", "UpdateEndpoint", request)
        self.updates.append(request)
        named = {
            "EndpointConfigName": request["EndpointConfigName"],
            "LastDeploymentConfig": request.get("DeploymentConfig", {}),
        }
        self._moves = [{"EndpointStatus": "Updating"}] * self.polls + [named | self.ends]
        return {}

    def create_model(self, **request: Any) -> Any:
        self.calls.append("create_model")
        self.models.append(request)
        return self._client.create_model(**request)

    def describe_endpoint(self, **request: Any) -> Any:
        found = self._client.describe_endpoint(**request)
        if self._moves:
            found |= self._moves[0]
            self._moves = self._moves[1:] or self._moves
        return found

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name.startswith(("create_", "update_")):
            self.calls.append(name)
        return found


class TrainingSageMaker:
    """Let moto's training jobs train: each runs the real container's `train` on the objects of its channels.

    `steps` are what descriptions differ in, one a call, before the job has ended; `ends` is how the last one differs.
    `jobs` are the requests, `log` what the last container printed.
    """

    def __init__(self, client: Any, s3: Any) -> None:
        self._client = client
        self._s3 = s3
        self.jobs: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []
        self.ends: dict[str, Any] = {}
        self.log = ""
        self.refuse: Exception | None = None
        self._names: set[str] = set()

    def create_training_job(self, **request: Any) -> Any:
        if self.refuse is not None:
            raise self.refuse
        if request["TrainingJobName"] in self._names:
            raise ClientError({"Error": {"Code": "ResourceInUse", "Message": "exists"}}, "CreateTrainingJob")
        answer = self._client.create_training_job(**request)
        self._names.add(request["TrainingJobName"])
        self.jobs.append(request)
        reason, self.log = run_container(self._s3, request)
        if reason:
            self.ends = {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed", "FailureReason": reason}
        return answer

    def describe_training_job(self, **request: Any) -> Any:
        found = self._client.describe_training_job(**request)
        if self.steps:
            return found | {"TrainingJobStatus": "InProgress"} | self.steps.pop(0)
        return found | {"TrainingTimeInSeconds": 100, "BillableTimeInSeconds": 30} | self.ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def run_container(s3: Any, request: dict[str, Any]) -> tuple[str, str]:
    """Do what SageMaker does with a training job, and return the reason for a failure, else '', and the log."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for channel in request["InputDataConfig"]:
            bucket, _, prefix = channel["DataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://").partition("/")
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for found in (each for page in pages for each in page.get("Contents", ())):
                path = root / "input/data" / channel["ChannelName"] / found["Key"].removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
        (root / "input/config").mkdir(parents=True, exist_ok=True)
        (root / "input/config/hyperparameters.json").write_text(json.dumps(request["HyperParameters"]))
        with contextlib.redirect_stdout(io.StringIO()) as log:
            failed = train(root)
        if failed:
            return f"AlgorithmError: {(root / 'output/failure').read_text()}, exit code: 1", log.getvalue()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.add(root / "model", ".")
    bucket, _, prefix = request["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
    s3.put_object(
        Bucket=bucket, Key=f"{prefix}/{request['TrainingJobName']}/output/model.tar.gz", Body=packed.getvalue()
    )
    return "", log.getvalue()


def run_containers_here() -> None:
    """Let every training job that this process creates run its container first: moto says at once that it has ended."""
    from botocore import handlers

    def run(params: dict[str, Any], **_: Any) -> None:
        import boto3

        run_container(boto3.client("s3"), params)

    handlers.BUILTIN_HANDLERS.append(("before-parameter-build.sagemaker.CreateTrainingJob", run))
