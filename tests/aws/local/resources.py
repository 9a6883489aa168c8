"""Create what the services stack creates, by Terraform where there is one, else only what the programs use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.aws.local.account import ACCOUNT, REGION, Account, Call
from tests.terraform.apply import IMAGE, MODEL
from tests.terraform.running import Stack

#: Actions in the policies that no program of ours calls, each with who does.
BY_AWS = {
    "dynamodb:DescribeStream": "Lambda's poller",
    "dynamodb:GetRecords": "Lambda's poller",
    "dynamodb:GetShardIterator": "Lambda's poller",
    "dynamodb:ListStreams": "Lambda's poller",
    "kinesis:DescribeStream": "Lambda's poller",
    "kinesis:DescribeStreamSummary": "Lambda's poller",
    "kinesis:GetRecords": "Lambda's poller",
    "kinesis:GetShardIterator": "Lambda's poller",
    "kinesis:ListShards": "Lambda's poller",
    "s3:ListBucket": "Lambda, before it puts what was given up on into the bucket",
    "/aws/lambda/": "Lambda, for what was given up on",
    "logs:": "Lambda and ECS, for the log",
    "kms:": "the services themselves, which check the caller's permission to the key",
    "xray:": "Lambda, for its traces",
    "ec2:": "Lambda, for its network interfaces",
}


@dataclass(frozen=True, slots=True)
class Resources:
    """Name what was created. `policies` are the statements of each program's role, empty without Terraform."""

    stream: str = "stock-stream"
    rows_table: str = "stock-table"
    state_table: str = "stock-state"
    firehose: str = "stock-rows"
    bucket: str = f"stock-data-{ACCOUNT}-{REGION}"
    endpoint: str = "tsla-stock-predictor"
    policies: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = ()


def made_by_boto3(account: Account) -> Resources:
    """Create the stream, the tables, the bucket and the delivery stream, and return their names."""
    names = Resources()
    account.client("kinesis").create_stream(StreamName=names.stream, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    dynamodb = account.client("dynamodb")
    for table, key, kind in ((names.rows_table, "timestamp", "N"), (names.state_table, "item", "S")):
        changes = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"} if table == names.rows_table else None
        dynamodb.create_table(
            **({"StreamSpecification": changes} if changes else {}),
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "stock_symbol", "KeyType": "HASH"},
                {"AttributeName": key, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "stock_symbol", "AttributeType": "S"},
                {"AttributeName": key, "AttributeType": kind},
            ],
        )
    account.client("s3").create_bucket(Bucket=names.bucket)
    account.client("firehose").create_delivery_stream(
        DeliveryStreamName=names.firehose,
        ExtendedS3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/{names.firehose}",
            "BucketARN": f"arn:aws:s3:::{names.bucket}",
            "Prefix": "rows/",
        },
    )
    return names


@contextmanager
def made_by_terraform(account: Account, folder: Path) -> Iterator[Resources]:
    """Apply both stacks and return the names. Raises `UnavailableError` where Terraform or its provider is missing."""
    environment = account.environment("terraform") | {"AWS_MAX_ATTEMPTS": "2"}
    network = Stack.copied("network", folder, environment)
    services = Stack.copied("services", folder, environment)
    network.apply()
    services.apply(
        monthly_budget_usd=0, deletion_protection=False, image_uri=IMAGE, model_data_url=MODEL,
        dashboard={
            "domain_name": "stocks.example.com", "allowed_cidrs": ["203.0.113.0/24"], "certificate_arn":
            account.client("acm").request_certificate(DomainName="stocks.example.com")["CertificateArn"],
        },
    )  # fmt: skip
    _unmapped()
    account.client("s3").delete_bucket_policy(Bucket=Resources().bucket)  # it demands TLS, which there is none of here
    iam = account.client("iam")
    roles = {
        "collector": "stock-data-collector",
        "processor": "StockAnalysisLambda",
        "copier": "StockAnalysisLambdaCopier",
        "dashboard": "stock-dashboard",
    }
    policies = []
    for program, role in roles.items():
        statements: list[dict[str, Any]] = []
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            parsed = document if isinstance(document, dict) else json.loads(document)
            statements += parsed["Statement"]
        policies.append((program, tuple(statements)))
    yield Resources(policies=tuple(policies))


def _unmapped() -> None:
    """Take the event sources away: moto would run functions in Docker; our own pollers replace Lambda's."""
    from moto.dynamodb.models import dynamodb_backends
    from moto.kinesis.models import kinesis_backends

    for table in dynamodb_backends[ACCOUNT][REGION].tables.values():
        table.lambda_event_source_mappings.clear()
    for stream in kinesis_backends[ACCOUNT][REGION].streams.values():
        stream.lambda_event_source_mappings.clear()


def verdicts(resources: Resources, calls: set[Call]) -> tuple[list[str], list[str]]:
    """Return the calls that no policy allows, and the allowed actions that neither a program nor AWS needs."""
    refused, unused = [], []
    for program, statements in resources.policies:
        allowed = [
            (action, resource)
            for statement in statements
            if statement["Effect"] == "Allow"
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        ]
        own = {call for call in calls if call.role == program}
        refused += [
            f"{program}: {call.action} on {call.resource}"
            for call in sorted(own, key=str)
            if not any(call.action == action and fnmatchcase(call.resource, resource) for action, resource in allowed)
        ]
        unused += [
            f"{program}: {action} on {resource}"
            for action, resource in sorted(set(allowed))
            if not any(call.action == action and fnmatchcase(call.resource, resource) for call in own)
            and not used_by_aws(action, resource)
        ]
    return refused, unused


def used_by_aws(action: str, resource: str) -> bool:
    """Return whether AWS itself uses this permission of a program's role."""
    return any(f"{action} {resource}".startswith(known) or known in resource for known in BY_AWS)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
