"""Train on SageMaker for `tapeline train --on sagemaker`: a job over the history on S3, its model into the registry."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tapeline.app.settings_group import comma_separated
from tapeline.backends.aws.clients import client
from tapeline.backends.aws.endpoint_plan import ENDPOINT
from tapeline.backends.aws.sagemaker_job_plan import TrainingOptions, job_name, plan_training
from tapeline.cli.console import notice
from tapeline.errors import InputError
from tapeline.runtime.clock import now_ms

if TYPE_CHECKING:
    from pathlib import Path

    from tapeline.backends.aws.sagemaker_training import Trained
    from tapeline.forecast.model import LightGBMModel

#: How long a job may take beside running and waiting for a machine: to pull the image, to copy history and the result.
_GRACE_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class CloudTraining:
    """Hold the options of `tapeline train` that are about SageMaker."""

    bucket: str | None
    endpoint: str | None
    image: str | None
    role: str | None
    interval: str
    instance_type: str
    spot: bool
    minutes: int
    kms_key: str
    tags: tuple[str, ...]
    job: str | None
    group: str | None


class SageMakerTrainer:
    """Train by a job on SageMaker and enter the version there. Raises `ConfigError` when no bucket is named."""

    def __init__(self, options: CloudTraining, data_dir: Path | None) -> None:
        from tapeline.app import config
        from tapeline.app.cloud_wiring import require
        from tapeline.backends.aws.deployment import Endpoint

        settings = config.load(aws__bucket=options.bucket, aws__sagemaker_endpoint=options.endpoint, data_dir=data_dir)
        require(settings, "aws.bucket")
        self._options = options
        self._bucket = settings.aws.bucket
        self._sagemaker = client("sagemaker")
        name = settings.aws.sagemaker_endpoint or ENDPOINT
        self._endpoint = Endpoint(self._sagemaker, name, time.sleep, notice)
        self._image = options.image

    @property
    def models(self) -> str:
        """Return where the registry of the bucket is."""
        return f"s3://{self._bucket}/models"

    def train(self, name: str, symbols: str | None, hyperparameters: dict[str, str]) -> Trained:
        """Return the models that a training job makes; of a job that is named, wait for its end.

        Raises `TrainingError`, `ModelError`, and `InputError` when image or role is missing.
        """
        from tapeline.backends.aws.sagemaker_training import TrainingJob, trained_model

        options = self._options
        job = TrainingJob(self._sagemaker, options.job or job_name(name, now_ms()), time.sleep, notice)
        if options.job is None:
            chosen = () if symbols in {None, "all"} else tuple(comma_separated(symbols or ""))
            job.start(plan_training(job.name, self._planned(chosen, hyperparameters)))
            notice(f"training job {job.name} is started; Ctrl-C leaves it running, --job {job.name} waits on")
        described = job.wait(2 * options.minutes * 60 + _GRACE_SECONDS)
        _report_cost(described)
        self._image = described["AlgorithmSpecification"]["TrainingImage"]
        return trained_model(client("s3"), described)

    def publish(self, name: str, model: LightGBMModel, *, better: bool) -> None:
        """Enter the version into the model package group: to be approved, or rejected where another is better.

        Raises `DeploymentError`.
        """
        from tapeline.backends.aws.sagemaker_versions import publish

        group = self._options.group or self._endpoint.name
        package = publish(client("s3"), self._endpoint, self._bucket, group, name, model, self._image or "")
        if not better:
            self._endpoint.approve(package, "Rejected")

    def _planned(self, symbols: tuple[str, ...], hyperparameters: dict[str, str]) -> TrainingOptions:
        options = self._options
        image = options.image or self._image_of_endpoint()
        for option, value in (("--image", image), ("--role", options.role)):
            if not value:
                raise InputError(f"name the {option[2:]} with {option}: terraform output in services/ has it")
        return TrainingOptions(
            self._bucket, image, options.role or "", options.interval, symbols, options.instance_type,
            spot=options.spot, minutes=options.minutes, kms_key=options.kms_key, hyperparameters=hyperparameters,
            tags=tags_of(options.tags),
        )  # fmt: skip

    def _image_of_endpoint(self) -> str:
        found = self._endpoint.describe()
        return "" if found is None else self._endpoint.definition(found).image


def tags_of(given: tuple[str, ...]) -> dict[str, str]:
    """Return the tags in `KEY=VALUE` texts. Raises `InputError`."""
    found = dict(text.partition("=")[::2] for text in given)
    for text in given:
        if "=" not in text or text.startswith("="):
            raise InputError(f"--tag {text}: give it as KEY=VALUE")
    return found


def _report_cost(described: dict[str, object]) -> None:
    """Say how long the job ran and what of it is billed: with spot, less."""
    ran, billed = described.get("TrainingTimeInSeconds"), described.get("BillableTimeInSeconds")
    if isinstance(ran, int) and isinstance(billed, int) and ran:
        saved = f", {1 - billed / ran:.0%} saved by spot" if billed < ran else ""
        notice(f"it ran {ran} s, {billed} s are billed{saved}")
