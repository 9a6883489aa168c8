"""Run a training job on SageMaker: start it, wait for its end, and read the model that it left on S3."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tapeline.backends.aws.botocore_errors import AwsProblem, botocore_errors, translating_botocore_errors
from tapeline.errors import ModelError, TrainingError
from tapeline.forecast.model import METADATA, TEXT, LightGBMModel
from tapeline.forecast.range_model import RANGE, RangeModel

_ENDED = {"Completed", "Failed", "Stopped"}
_POLL_SECONDS = 15.0

#: Bytes of an archive, and of the files in it: a model of ten thousand trees has a few megabytes.
_LARGEST_ARCHIVE, _LARGEST_FILES = 64 << 20, 256 << 20

#: What to do about a reason that SageMaker gives, by the words in front of it or in it: it has no codes for them.
_ADVICE = {
    "CapacityError": "no machine was free: run it again later, or with --no-spot or another --instance-type",
    "ResourceLimitExceeded": "ask for the quota in Service Quotas, or use --no-spot or another --instance-type",
    "No S3 objects found": "upload history first (tapeline upload), or correct --interval or --symbols",
    "AccessDenied": "allow it in the policy of the training role",
    "CannotPullContainer": "the training role must be allowed to pull the image, and the image must exist",
}


class TrainingJob:
    """Start one training job and follow it. `client` is a boto3 SageMaker client; `sleep` waits for seconds.

    `notify` gets one line about each step. Every method raises `TrainingError`.
    """

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None], notify: Callable[[str], None]) -> None:
        self.name = name
        self._client = client
        self._sleep = sleep
        self._notify = notify

    def start(self, request: Mapping[str, Any]) -> None:
        """Create the job from a request of `plan_training`."""
        try:
            self._client.create_training_job(**request)
        except botocore_errors() as error:
            problem = AwsProblem.of(error, "sagemaker:CreateTrainingJob")
            advice = problem.advice or _advice(f"{problem.code} {problem.reason}")
            raise TrainingError(problem.line(self._where, advice)) from error

    def start_once(self, request: Mapping[str, Any]) -> bool:
        """Create the job unless there is one of this name. Return whether it was created now."""
        try:
            self.start(request)
        except TrainingError as error:
            if getattr(error.__cause__, "response", {}).get("Error", {}).get("Code") != "ResourceInUse":
                raise
            return False
        return True

    def tags(self, described: Mapping[str, Any]) -> dict[str, str]:
        """Return the tags of the job of this description."""
        with translating_botocore_errors(self._where, "sagemaker:ListTags", into=TrainingError):
            pages = self._client.get_paginator("list_tags").paginate(ResourceArn=described["TrainingJobArn"])
            return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def describe(self) -> dict[str, Any]:
        """Return its description."""
        with translating_botocore_errors(self._where, "sagemaker:DescribeTrainingJob", into=TrainingError):
            found: dict[str, Any] = self._client.describe_training_job(TrainingJobName=self.name)
        return found

    def wait(self, seconds: float) -> dict[str, Any]:
        """Wait until it has ended well, and return its description."""
        waited, said = 0.0, ""
        while True:
            found = self.describe()
            step = _step(found)
            if step != said:
                said = step
                self._notify(f"{self._where}: {step}")
            if found["TrainingJobStatus"] in _ENDED:
                return self.completed(found)
            if waited >= seconds:
                raise TrainingError(
                    f"{self._where} has not ended after {seconds / 60:.0f} minutes ({step}); it goes on: wait for it "
                    f"with --job {self.name}, or end it with "
                    f"aws sagemaker stop-training-job --training-job-name {self.name}"
                )
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS

    def completed(self, described: dict[str, Any]) -> dict[str, Any]:
        """Return the description of a job that made a model. Raises `TrainingError` with the reason for another."""
        status = described["TrainingJobStatus"]
        if status == "Completed":
            return described
        reason = described.get("FailureReason", "").strip()
        if status == "Stopped":
            reason = reason or {
                "MaxRuntimeExceeded": "it took longer than it may run; give it more --minutes, or less history",
                "MaxWaitTimeExceeded": "no spot machine was free in time; try again later, or with --no-spot",
            }.get(described.get("SecondaryStatus", ""), "somebody stopped it")
        reason = reason or f"SageMaker gives no reason; see the log group /aws/sagemaker/TrainingJobs, {self.name}"
        advice = _advice(reason)
        raise TrainingError(f"{self._where} is {status}: {reason}" + (f"; {advice}" if advice else ""))

    @property
    def _where(self) -> str:
        return f"training job {self.name}"


@dataclass(frozen=True, slots=True)
class Trained:
    """Hold what a job made: the direction model, and the range model where its bars were enough for one."""

    model: LightGBMModel
    ranges: RangeModel | None


def trained_model(s3: Any, described: Mapping[str, Any]) -> Trained:
    """Return the models in the archive of a job that has ended well.

    Raises `TrainingError` when it cannot be read and `ModelError` when it is damaged, or made for other features than
    this program's: then the image is of another version.
    """
    url = str(described["ModelArtifacts"]["S3ModelArtifacts"])
    bucket, _, key = url.removeprefix("s3://").partition("/")
    with translating_botocore_errors(url, "s3:GetObject", into=TrainingError):
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read(_LARGEST_ARCHIVE + 1)
    try:
        files = unpack_model(content)
        ranges = RangeModel.restore(files[RANGE]) if RANGE in files else None
        return Trained(LightGBMModel.restore(files), ranges)
    except ModelError as error:
        raise ModelError(f"{url}: {error}") from None


def unpack_model(archive: bytes) -> dict[str, bytes]:
    """Return a model's files from a `model.tar.gz`; others in it are passed over. Raises `ModelError`."""
    if len(archive) > _LARGEST_ARCHIVE:
        raise ModelError(f"the archive has more than {_LARGEST_ARCHIVE:,} bytes")
    try:
        packed = gzip.GzipFile(fileobj=io.BytesIO(archive)).read(_LARGEST_FILES + 1)
        if len(packed) > _LARGEST_FILES:
            raise ModelError(f"the archive unpacks to more than {_LARGEST_FILES:,} bytes")
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            wanted = {member.name.removeprefix("./"): member for member in tar if member.isreg()}
            found = {name: tar.extractfile(wanted[name]) for name in (TEXT, METADATA, RANGE) if name in wanted}
            return {name: file.read() for name, file in found.items() if file is not None}
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise ModelError(f"the archive cannot be unpacked: {error}") from None


def _step(described: Mapping[str, Any]) -> str:
    """Return how far a job is, in SageMaker's words."""
    step = str(described.get("SecondaryStatus") or described["TrainingJobStatus"])
    transitions = described.get("SecondaryStatusTransitions") or [{}]
    message = str(transitions[-1].get("StatusMessage", "")).strip()
    return f"{step}: {message}" if message and message != step else step


def _advice(reason: str) -> str:
    return next((advice for words, advice in _ADVICE.items() if words in reason), "")
