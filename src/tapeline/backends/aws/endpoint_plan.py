"""Plan what an endpoint serves and runs on once it has got a model. Pure: no call to AWS."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tapeline.errors import DeploymentError

#: The endpoint of Terraform's services/, and its one variant, whose name the alarms use.
ENDPOINT = "tsla-stock-predictor"
VARIANT = "main"

_LONGEST_NAME = 63

#: The fewest instances that a canary can be one of: it may take at most half of them.
_CANARY_INSTANCES = 2

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointDefinition:
    """Say what an endpoint serves and runs on: requests of CreateModel and CreateEndpointConfig without the names."""

    model: Mapping[str, Any]
    configuration: Mapping[str, Any]

    @property
    def image(self) -> str:
        """Return the image of its container."""
        return str(self.model["PrimaryContainer"]["Image"])

    @property
    def variant(self) -> Mapping[str, Any]:
        """Return its one variant."""
        found: Mapping[str, Any] = self.configuration["ProductionVariants"][0]
        return found

    @property
    def serverless(self) -> bool:
        """Return whether it runs without instances."""
        return "ServerlessConfig" in self.variant

    @property
    def instances(self) -> int:
        """Return how many instances it begins with; 0: it is serverless."""
        return int(self.variant.get("InitialInstanceCount", 0))

    @property
    def size(self) -> str:
        """Return its size, for people."""
        if self.serverless:
            serverless = self.variant["ServerlessConfig"]
            return f"serverless, {serverless['MemorySizeInMB']} MB, {serverless['MaxConcurrency']} calls at once"
        return f"{self.variant['InitialInstanceCount']} x {self.variant['InstanceType']}"

    def name(self, endpoint: str) -> str:
        """Return the name of its model and configuration: the same for the same content, and different otherwise."""
        text = json.dumps([self.model, self.configuration], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{endpoint[: _LONGEST_NAME - 11].rstrip('-')}-{digest}"


@dataclass(frozen=True, slots=True)
class DeploymentOptions:
    """Hold what was asked for; None: as the endpoint has it. `plan_endpoint` has the defaults of a new endpoint."""

    image: str | None = None
    role: str | None = None
    memory: int | None = None
    concurrency: int | None = None
    instance_type: str | None = None
    instances: int | None = None
    canary: int = 10
    bake_seconds: int = 600
    alarms: tuple[str, ...] = ()


def plan_endpoint(before: EndpointDefinition | None, model_url: str, options: DeploymentOptions) -> EndpointDefinition:
    """Return what an endpoint defined as `before` becomes with this model and these options.

    A new endpoint is serverless with 2048 MB and five calls at once unless the options say otherwise. Image and role
    have no default; raises `DeploymentError` when a new endpoint is given none.
    """
    image = options.image or (before.image if before else None)
    role = options.role or (before.model["ExecutionRoleArn"] if before else None)
    for option, value in (("--image", image), ("--role", role)):
        if not value:
            raise DeploymentError(f"there is no endpoint yet to take {option[2:]} from: name it with {option}")
    variant: JsonObject = dict(before.variant) if before else {"VariantName": VARIANT}
    if options.instance_type:
        variant = {
            "VariantName": variant["VariantName"],
            "InstanceType": options.instance_type,
            "InitialInstanceCount": options.instances or variant.get("InitialInstanceCount", 1),
            "InitialVariantWeight": 1.0,
        }
    elif "InstanceType" in variant:
        variant["InitialInstanceCount"] = options.instances or variant["InitialInstanceCount"]
    else:
        serverless = variant.get("ServerlessConfig", {"MemorySizeInMB": 2048, "MaxConcurrency": 5})
        variant["ServerlessConfig"] = {
            **serverless,
            "MemorySizeInMB": options.memory or serverless["MemorySizeInMB"],
            "MaxConcurrency": options.concurrency or serverless["MaxConcurrency"],
        }
    model: JsonObject = dict(before.model) if before else {"EnableNetworkIsolation": "InstanceType" in variant}
    container = {**model.get("PrimaryContainer", {}), "Image": image, "ModelDataUrl": model_url}
    model = {**model, "PrimaryContainer": container, "ExecutionRoleArn": role}
    configuration = {**(before.configuration if before else {}), "ProductionVariants": [variant]}
    return EndpointDefinition({key: value for key, value in model.items() if value}, configuration)


def guardrails(
    described: JsonObject,
    before: EndpointDefinition,
    after: EndpointDefinition,
    options: DeploymentOptions,
    notify: Callable[[str], None],
) -> JsonObject:
    """Return what UpdateEndpoint gets for canary and rollback: nothing for serverless endpoints, which move at once.

    A canary may take at most half of the instances that run, so below two the new model gets all traffic at once; it is
    watched, and taken back, all the same. Without alarms in the options, those of the last update in `described` guard
    this one too.
    """
    if after.serverless or before.serverless:
        return {}
    last = described.get("LastDeploymentConfig", {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])
    alarms = [{"AlarmName": name} for name in options.alarms] or last
    if not alarms:
        notify("no alarm takes a bad model back by itself: --alarm names one")
    running = described.get("ProductionVariants", [{}])[0].get("CurrentInstanceCount", 0)
    routing: JsonObject = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": options.bake_seconds}
    if min(running or after.instances, after.instances) >= _CANARY_INSTANCES:
        routing |= {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": options.canary}}
    deployment: JsonObject = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 300,
            "MaximumExecutionTimeoutInSeconds": 3600 + 2 * options.bake_seconds,
        }
    }
    if alarms:
        deployment["AutoRollbackConfiguration"] = {"Alarms": alarms}
    return {"DeploymentConfig": deployment, "RetainAllVariantProperties": options.instances is None}
