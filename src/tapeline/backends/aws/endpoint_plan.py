"""What an endpoint serves and runs on, now and when it has got a model: pure, no call to AWS."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tapeline.errors import DeploymentError

#: The endpoint of Terraform's services/, and the one variant it has: alarms are about that name.
ENDPOINT = "tsla-stock-predictor"
VARIANT = "main"

_LONGEST_NAME = 63

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Serving:
    """What an endpoint serves and runs on: requests of CreateModel and CreateEndpointConfig without the names."""

    model: Mapping[str, Any]
    configuration: Mapping[str, Any]

    @property
    def image(self) -> str:
        return str(self.model["PrimaryContainer"]["Image"])

    @property
    def variant(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.configuration["ProductionVariants"][0]
        return found

    @property
    def serverless(self) -> bool:
        return "ServerlessConfig" in self.variant

    @property
    def size(self) -> str:
        """For people."""
        if self.serverless:
            own = self.variant["ServerlessConfig"]
            return f"serverless, {own['MemorySizeInMB']} MB, {own['MaxConcurrency']} calls at once"
        return f"{self.variant['InitialInstanceCount']} x {self.variant['InstanceType']}"

    def name(self, endpoint: str) -> str:
        """The name of its model and configuration."""
        text = json.dumps([self.model, self.configuration], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{endpoint[: _LONGEST_NAME - 11].rstrip('-')}-{digest}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; None: as the endpoint has it. The defaults for a new endpoint are in `served`."""

    image: str | None = None
    role: str | None = None
    memory: int | None = None
    concurrency: int | None = None
    instance_type: str | None = None
    instances: int | None = None
    canary: int = 10
    bake_seconds: int = 600
    alarms: tuple[str, ...] = ()


def served(before: Serving | None, url: str, wanted: Wanted) -> Serving:
    """What an endpoint that served `before` serves when it gets this model and what is wanted.

    A new one is serverless with 2048 MB and five calls at once unless it is wanted otherwise; image and role it cannot
    have from anywhere. Raises `DeploymentError` without them.
    """
    image = wanted.image or (before.image if before else None)
    role = wanted.role or (before.model["ExecutionRoleArn"] if before else None)
    for option, value in (("--image", image), ("--role", role)):
        if not value:
            raise DeploymentError(f"there is no endpoint yet to take {option[2:]} from: name it with {option}")
    variant: Json = dict(before.variant) if before else {"VariantName": VARIANT}
    if wanted.instance_type:
        variant = {
            "VariantName": variant["VariantName"],
            "InstanceType": wanted.instance_type,
            "InitialInstanceCount": wanted.instances or variant.get("InitialInstanceCount", 1),
            "InitialVariantWeight": 1.0,
        }
    elif "InstanceType" in variant:
        variant["InitialInstanceCount"] = wanted.instances or variant["InitialInstanceCount"]
    else:
        own = variant.get("ServerlessConfig", {"MemorySizeInMB": 2048, "MaxConcurrency": 5})
        variant["ServerlessConfig"] = {
            **own,
            "MemorySizeInMB": wanted.memory or own["MemorySizeInMB"],
            "MaxConcurrency": wanted.concurrency or own["MaxConcurrency"],
        }
    model: Json = dict(before.model) if before else {"EnableNetworkIsolation": "InstanceType" in variant}
    container = {**model.get("PrimaryContainer", {}), "Image": image, "ModelDataUrl": url}
    model = {**model, "PrimaryContainer": container, "ExecutionRoleArn": role}
    configuration = {**(before.configuration if before else {}), "ProductionVariants": [variant]}
    return Serving({key: value for key, value in model.items() if value}, configuration)


def guarded(described: Json, before: Serving, to: Serving, wanted: Wanted, say: Callable[[str], None]) -> Json:
    """What goes with UpdateEndpoint: canary and rollback. Serverless endpoints do not take them, and move at once."""
    if to.serverless or before.serverless:
        return {}
    last = described.get("LastDeploymentConfig", {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])
    alarms = [{"AlarmName": name} for name in wanted.alarms] or last
    if not alarms:
        say("no alarm takes a bad model back by itself: --alarm names one")
    deployment: Json = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": wanted.canary},
                "WaitIntervalInSeconds": wanted.bake_seconds,
            },
            "TerminationWaitInSeconds": 300,
            "MaximumExecutionTimeoutInSeconds": 3600 + 2 * wanted.bake_seconds,
        }
    }
    if alarms:
        deployment["AutoRollbackConfiguration"] = {"Alarms": alarms}
    return {"DeploymentConfig": deployment, "RetainAllVariantProperties": wanted.instances is None}
