"""Retrain without a person: EventBridge calls this function at each step, from the schedule to the deployment.

    {"action": "train", "model": ..., "image": ..., "role": ..., ...}   by the schedule: starts a training job
    {"action": "collect", "job": ..., "approve": ...}                   a job of ours ended: its model to the registry
    {"action": "deploy", "package": ARN}                                a version was approved: the endpoint moves to it

Each step is short and may be repeated: a job is named after the second that its event was made in, a version is saved
and entered once, and an endpoint that serves a version already is left alone. A version that is not better than the one
in use is rejected, and nothing is deployed that is not approved: by a person, or by the `approve` of the step before.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from tapeline.app import config
from tapeline.app.cloud_wiring import require
from tapeline.backends.aws.clients import client
from tapeline.backends.aws.deployment import Endpoint
from tapeline.backends.aws.endpoint_plan import ENDPOINT, DeploymentOptions, plan_endpoint
from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.aws.sagemaker_job_plan import TrainingOptions, job_name, plan_training
from tapeline.backends.aws.sagemaker_training import TrainingJob, trained_model
from tapeline.backends.aws.sagemaker_versions import publish
from tapeline.errors import InputError, NotBetterError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tapeline.runtime.clock import now_ms

#: What a job carries of its model's name: the hyperparameters are the container's, and its name has no room for all.
_MODEL_TAG = "tapeline:model"


class RetrainingSteps:
    """Do one step of retraining for each event. Raises what the steps raise: Lambda counts it, and an alarm watches."""

    def __init__(self) -> None:
        settings = config.load()
        require(settings, "aws.bucket")
        self.logger = Logger(service="retraining")
        self._bucket = settings.aws.bucket
        self._sagemaker, self._s3 = client("sagemaker"), client("s3")
        name = settings.aws.sagemaker_endpoint or ENDPOINT
        self._endpoint = Endpoint(self._sagemaker, name, time.sleep, self.logger.info)
        folder = S3Folder(self._s3, self._bucket, "models")
        self._registry, self._ranges = Registry(folder), RangeRegistry(folder)

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        """Do the step that the event names and return what came of it. Raises `InputError` for another event."""
        steps = {"train": self.train, "collect": self.collect, "deploy": self.deploy}
        step = steps.get(str(event.get("action")))
        if step is None:
            raise InputError(f"event {str(event)[:200]}: its action is none of {', '.join(steps)}")
        outcome = step(event)
        self.logger.info("retraining", extra=outcome)
        return outcome

    def train(self, event: dict[str, Any]) -> dict[str, Any]:
        """Start a training job. `time`, of the schedule's event, names it: a repeated event starts no second one."""
        model = str(event.get("model", DEFAULT_NAME))
        at = int(datetime.fromisoformat(event["time"]).timestamp() * 1000) if "time" in event else now_ms()
        job = TrainingJob(self._sagemaker, job_name(model, at), time.sleep, self.logger.info)
        options = TrainingOptions(
            self._bucket,
            event["image"],
            event["role"],
            interval=event.get("interval", "1m"),
            symbols=tuple(event.get("symbols", ())),
            instance_type=event.get("instance_type", "ml.m5.large"),
            spot=event.get("spot", True),
            minutes=event.get("minutes", 60),
            kms_key=event.get("kms_key", ""),
            hyperparameters={name: str(value) for name, value in event.get("hyperparameters", {}).items()},
            tags=event.get("tags", {}) | {_MODEL_TAG: model},
        )
        started = job.start_once(plan_training(job.name, options))
        return {"action": "train", "job": job.name, "started": started}

    def collect(self, event: dict[str, Any]) -> dict[str, Any]:
        """Take the models of a job that ended into the registry, and the direction's into the model package group.

        The range model is in use from then on.

        A job that the schedule did not start is its own program's: `tapeline train` takes in what it trains. Raises
        `TrainingError` when the job made no model.
        """
        job = TrainingJob(self._sagemaker, event["job"], time.sleep, self.logger.info)
        described = job.describe()
        name = job.tags(described).get(_MODEL_TAG)
        if name is None:
            return {"action": "collect", "job": job.name, "outcome": "not a job of the schedule"}
        job.completed(described)
        trained = trained_model(self._s3, described)
        model = trained.model
        self._registry.save(name, model)
        if trained.ranges is not None:
            self._ranges.save(name, trained.ranges)
            self._ranges.promote(name, trained.ranges.version, at=now_ms())
        reason = ""
        try:
            self._registry.promote(name, model.version, at=now_ms())
        except NotBetterError as error:
            reason = str(error)
        image = described["AlgorithmSpecification"]["TrainingImage"]
        group = event.get("group", self._endpoint.name)
        package = publish(self._s3, self._endpoint, self._bucket, group, name, model, image)
        status = "Rejected" if reason else "Approved" if event.get("approve") else "PendingManualApproval"
        self._endpoint.approve(package, status)
        return {"action": "collect", "version": model.version, "approval": status, "reason": reason}

    def deploy(self, event: dict[str, Any]) -> dict[str, Any]:
        """Begin to move the endpoint to a version that was approved; its guardrails take back what does not work.

        Where there is no endpoint, or it is moving, that is said and nothing is done: the first is Terraform's.
        """
        described = self._endpoint.described_version(event["package"])
        if described.get("ModelApprovalStatus") != "Approved":
            return {"action": "deploy", "outcome": "not approved"}
        container = described["InferenceSpecification"]["Containers"][0]
        found = self._endpoint.describe()
        if found is None or found["EndpointStatus"] != "InService":
            state = "absent" if found is None else str(found["EndpointStatus"])
            return {"action": "deploy", "outcome": f"the endpoint is {state}"}
        before, options = self._endpoint.definition(found), DeploymentOptions()
        after = plan_endpoint(before, container["ModelDataUrl"], options)
        if after == before:
            return {"action": "deploy", "outcome": "served already"}
        self._endpoint.begin_move(found, before, after, options)
        return {"action": "deploy", "outcome": "moving", "model": container["ModelDataUrl"]}


_steps: RetrainingSteps | None = None


def handler(event: dict[str, Any], _: Any = None) -> dict[str, Any]:
    """Do one step of retraining; Lambda's entry point."""
    global _steps  # noqa: PLW0603 - what an execution environment keeps is module state by Lambda's design
    if _steps is None:
        _steps = RetrainingSteps()
    return _steps(event)
