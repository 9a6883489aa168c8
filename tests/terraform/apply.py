"""Apply both stacks to moto's server in their phases, plan again, and destroy: `make terraform-apply`.

Shows that what is planned can be made, that a second plan has no difference, and that nothing is left. moto imitates
the APIs, not what they do: quotas, permissions and what AWS itself would refuse are not seen here.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.terraform.running import Stack, TerraformError, UnavailableError

REGION = "us-east-1"
ACCOUNT = "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/stock-data-collector:1.0.0"
MODEL = f"s3://stock-data-{ACCOUNT}-{REGION}/models/1/model.tar.gz"
NEXT_MODEL = MODEL.replace("/models/1/", "/models/2/")
DASHBOARD = {
    "domain_name": "stocks.example.com",
    "allowed_cidrs": ["203.0.113.0/24"],
}

#: What moto's server cannot do, so that it is left out here; `terraform test` covers it.
BEYOND_MOTO: dict[str, str] = {
    "aws_budgets_budget": "The describe_subscribers_for_notification action has not been implemented",
    "deletion_protection turned off later": "The update_work_group action has not been implemented",
    "aws_quicksight_template": "CreateTemplate: StatusCode 404",
    "aws_quicksight_data_source": "DescribeDataSource: deserialization failed",
    "aws_quicksight_data_set, _analysis, _dashboard": "need the two above",
}

#: What moto's server makes and cannot delete; it is taken out of the state before the rest is destroyed.
KEPT_BY_MOTO: dict[str, str] = {
    "aws_athena_named_query.rows": "The delete_named_query action has not been implemented",
    "aws_sagemaker_model_package_group.this": "The delete_model_package_group action has not been implemented",
}

#: What moto's server answers differently from what it was given, so that a second plan wants to change it back.
FORGOTTEN_BY_MOTO: dict[str, str] = {
    "aws_kinesis_stream.this": "tags given when it is made are not kept",
    "aws_iam_policy_document.": "is read again, since it names the stream",
    "(depends on": "as above",
    "aws_iam_role_policy.": "follows its document",
    "aws_vpc_security_group_": "the account is returned in front of the referenced group",
    "aws_ecs_service.": "the capacity provider strategy is not returned",
    "aws_lambda_function.": "the logging configuration is not returned",
    "aws_lambda_alias.live": "follows the function, of which a change makes a version",
    "aws_lambda_event_source_mapping.stream": "the alias is not returned",
    "aws_sagemaker_endpoint_configuration.this": "a data capture configuration is returned that was not asked for",
    "aws_sagemaker_model.this": "a VPC configuration is returned that was not asked for",
    "aws_sagemaker_endpoint.this": "follows its configuration",
}


def environment(endpoint: str) -> dict[str, str]:
    """Return the environment that makes Terraform's provider use the server at `endpoint`."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",  # what moto cannot do fails at once
    }


def clients(endpoint: str) -> Callable[[str], Any]:
    """Return a boto3 client for each service, at `endpoint`."""
    return lambda service: boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


def left_over(endpoint: str) -> dict[str, list[str]]:
    """Return the existing resources of the kinds that these stacks create, by kind."""
    client = clients(endpoint)
    ec2, kms = client("ec2"), client("kms")

    def keys() -> list[dict[str, Any]]:
        found = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
        return [key for key in found if key["Description"] != "Default key"]  # AWS's own, made at first use

    looks: dict[str, Callable[[], list[str]]] = {
        "VPC": lambda: [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]],
        "NAT gateway": lambda: [
            n["NatGatewayId"] for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] != "deleted"
        ],
        "address": lambda: [a["AllocationId"] for a in ec2.describe_addresses()["Addresses"]],
        "stream": lambda: client("kinesis").list_streams()["StreamNames"],
        "table": lambda: client("dynamodb").list_tables()["TableNames"],
        "bucket": lambda: [b["Name"] for b in client("s3").list_buckets()["Buckets"]],
        "function": lambda: [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]],
        "event source": lambda: [
            m["UUID"] for m in client("lambda").list_event_source_mappings()["EventSourceMappings"]
        ],
        "repository": lambda: [r["repositoryName"] for r in client("ecr").describe_repositories()["repositories"]],
        "cluster": lambda: [
            cluster["clusterName"]
            for cluster in client("ecs").describe_clusters(clusters=client("ecs").list_clusters()["clusterArns"])[
                "clusters"
            ]
            if cluster["status"] != "INACTIVE"
        ],
        "role": lambda: [r["RoleName"] for r in client("iam").list_roles()["Roles"]],
        "log group": lambda: [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]],
        "alarm": lambda: [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "topic": lambda: [t["TopicArn"] for t in client("sns").list_topics()["Topics"]],
        "delivery stream": lambda: client("firehose").list_delivery_streams()["DeliveryStreamNames"],
        "Glue database": lambda: [d["Name"] for d in client("glue").get_databases()["DatabaseList"]],
        "endpoint": lambda: [e["EndpointName"] for e in client("sagemaker").list_endpoints()["Endpoints"]],
        "model": lambda: [m["ModelName"] for m in client("sagemaker").list_models()["Models"]],
        "load balancer": lambda: [
            b["LoadBalancerName"] for b in client("elbv2").describe_load_balancers()["LoadBalancers"]
        ],
        "user pool": lambda: [p["Name"] for p in client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]],
        "key": lambda: [f"{key['KeyId']} ({key['Description']})" for key in keys() if key["KeyState"] == "Enabled"],
    }
    return {kind: found for kind, look in looks.items() if (found := look())}


def main() -> int:
    """Apply, plan again, destroy. Return 0 when every step did what it should."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # a line per request says nothing here
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    before = left_over(endpoint)
    failures = 0

    def step(text: str, action: Callable[[], Any]) -> None:
        nonlocal failures
        started = time.monotonic()
        try:
            problem = action()
        except AssertionError as error:
            problem = str(error)
        failures += bool(problem)
        print(f"{'FAILED' if problem else 'ok':>6}  {time.monotonic() - started:5.1f} s  {text}", flush=True)
        if problem:
            print(problem, flush=True)

    try:
        with tempfile.TemporaryDirectory() as folder:
            network = Stack.copied("network", Path(folder), environment(endpoint))
            services = Stack.copied("services", Path(folder), environment(endpoint))
            wide = {"nat": "per_zone", "zone_count": 3, "interface_endpoints": ["ecr.api", "ecr.dkr", "logs"]}
            first = {"monthly_budget_usd": 0, "deletion_protection": False}
            image = {**first, "image_uri": IMAGE}
            full = {**first, "image_uri": IMAGE, "model_data_url": MODEL, "alarm_email": "ann@example.com"}
            certificate = clients(endpoint)("acm").request_certificate(DomainName=DASHBOARD["domain_name"])
            full["dashboard"] = {**DASHBOARD, "certificate_arn": certificate["CertificateArn"]}
            full["alert_rules"] = ["rsi_14 < 30 for TSLA", "no bar for 3 minutes in an open session"]
            for text, action in (
                ("network: apply", network.apply),
                ("network: second plan", network.changes),
                ("network: destroy", network.destroy),
                ("network, three zones, NAT in each, interface endpoints: apply", lambda: network.apply(**wide)),
                ("network, three zones: second plan", lambda: network.changes(**wide)),
                ("services, phase 1 (no image, no model): apply", lambda: services.apply(**first)),
                ("services, phase 1: second plan", lambda: _unexpected(services.changes(**first))),
                ("services, phase 1: says the next step", lambda: _says(services, "No image yet")),
                ("services, image without model: apply", lambda: services.apply(**image)),
                ("services, image without model: says the next step", lambda: _says(services, "No model yet")),
                ("services, phase 2 (image, model, page): apply", lambda: services.apply(**full)),
                ("services, phase 2: second plan", lambda: _unexpected(services.changes(**full))),
                (
                    "services, a model update that SageMaker rolls back: fails, and the model that serves is kept",
                    lambda: _rolled_back(services, clients(endpoint)("sagemaker"), full),
                ),
                ("services, phase 2 again", lambda: services.apply(**full)),
                ("services, phase 2: says that all is there", lambda: _says(services, "Everything is in place")),
                ("services: leave out what moto cannot delete", lambda: services.forget(*KEPT_BY_MOTO)),
                ("services: destroy", lambda: services.destroy(**full)),
                ("network: destroy", lambda: network.destroy(**wide)),
                ("nothing is in the state", lambda: "\n".join(services.resources() + network.resources())),
                ("nothing is left", lambda: _different(before, left_over(endpoint))),
            ):
                step(text, action)
    except UnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        server.stop()
    for resource, reason in BEYOND_MOTO.items():
        print(f"not applied here: {resource}: {reason}")
    for resource, reason in KEPT_BY_MOTO.items():
        print(f"applied, but not destroyed here: {resource}: {reason}")
    for resource, reason in FORGOTTEN_BY_MOTO.items():
        print(f"ignored in the second plan: {resource}*: {reason}")
    print("done" if not failures else f"{failures} steps failed")
    return bool(failures)


def _unexpected(changes: str) -> str:
    """Return the changes of a second plan without those that moto is to blame for."""
    return "\n".join(line for line in changes.splitlines() if not any(name in line for name in FORGOTTEN_BY_MOTO))


def _rolled_back(services: Stack, sagemaker: Any, variables: dict[str, Any]) -> str:
    """Apply another model to an endpoint that takes every update back; return what is wrong afterwards.

    moto cannot update an endpoint; here it answers as SageMaker does, and the endpoint stays what it was.
    """
    from moto.core.responses import ActionResult
    from moto.sagemaker.responses import SageMakerResponse

    def update_endpoint(self: Any) -> Any:
        name = self._get_param("EndpointName")
        return ActionResult({"EndpointArn": self.sagemaker_backend.endpoints[name].arn})

    SageMakerResponse.update_endpoint = update_endpoint  # type: ignore[attr-defined]
    (served,) = {each["EndpointConfigName"] for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    (model,) = {each["ModelName"] for each in sagemaker.list_models()["Models"]}
    try:
        services.apply(**variables | {"model_data_url": NEXT_MODEL})
    except TerraformError as error:
        if "SageMaker rolled the endpoint back" not in " ".join(re.sub("[│╷╵]", " ", str(error)).split()):
            return str(error)
    else:
        return "the apply reports success"
    configurations = {each["EndpointConfigName"] for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    models = {each["ModelName"] for each in sagemaker.list_models()["Models"]}
    return "" if served in configurations and model in models else f"left are {configurations} and {models}"


def _says(stack: Stack, text: str) -> str:
    found = str(stack.outputs()["next_step"])
    return "" if text in found else f"next_step is {found!r}"


def _different(before: dict[str, list[str]], after: dict[str, list[str]]) -> str:
    left = {kind: sorted(set(found) - set(before.get(kind, []))) for kind, found in after.items()}
    return "\n".join(f"{kind}: {', '.join(found)}" for kind, found in left.items() if found)


if __name__ == "__main__":
    sys.exit(main())
