"""Every rule of the conformance layer has a request that breaks it, and the layer stands in front of every client."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import regex

from tapeline.backends.aws.embedded_metrics import metric_line
from tests.aws.conformance import shapes, watching
from tests.aws.conformance.table import LIMITS, MIB
from tests.aws.conformance.watching import BreachError, faults
from tests.fakes.aws_account import FakeAccount
from tests.fakes.kinesis import FakeKinesis
from tests.fakes.sagemaker import FakeEndpoint

#: The operations that tapeline calls, and those by which its tests make and look at what it needs.
OPERATIONS = (
    ("dynamodb", "BatchGetItem"), ("dynamodb", "BatchWriteItem"), ("dynamodb", "CreateTable"), ("dynamodb", "GetItem"),
    ("dynamodb", "PutItem"), ("dynamodb", "Query"), ("dynamodb", "TransactWriteItems"), ("dynamodb", "UpdateItem"),
    ("firehose", "PutRecordBatch"), ("kinesis", "GetRecords"), ("kinesis", "GetShardIterator"),
    ("kinesis", "ListShards"), ("kinesis", "PutRecord"), ("kinesis", "PutRecords"), ("s3", "DeleteObject"),
    ("s3", "GetObject"), ("s3", "HeadObject"), ("s3", "ListObjectsV2"), ("s3", "PutObject"),
    ("sagemaker", "CreateEndpoint"), ("sagemaker", "CreateEndpointConfig"), ("sagemaker", "CreateModel"),
    ("sagemaker", "CreateModelPackage"), ("sagemaker", "CreateTrainingJob"), ("sagemaker", "DescribeTrainingJob"),
    ("sagemaker", "UpdateEndpoint"), ("sagemaker", "UpdateModelPackage"), ("sagemaker-runtime", "InvokeEndpoint"),
    ("sns", "Publish"),
)  # fmt: skip

#: What no pattern of AWS takes: one of these breaks any that can be broken.
_STRANGE = ("\N{SNOWMAN}\n", "\x00", "", " ", "?", "a" * 3000)

#: No request with more of anything is made here.
MANY = 7 * MIB

KEY = {"stock_symbol": {"S": "A"}, "item": {"S": "state"}}
PUT = {"Put": {"TableName": "stock-state", "Item": KEY}}
RECORD = {"kinesis": {"sequenceNumber": "1", "data": ""}}
DOCUMENT: dict[str, Any] = {
    "_aws": {"Timestamp": 1, "CloudWatchMetrics": [
        {"Namespace": "Tapeline", "Dimensions": [["service"]], "Metrics": [{"Name": "Rows", "Unit": "Count"}]}
    ]}, "service": "processor", "Rows": [1.0],
}  # fmt: skip
JOB: dict[str, Any] = {
    "TrainingJobName": "job",
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/training",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}  # fmt: skip
CHANNEL = {
    "ChannelName": "a",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/history"}},
}


def put_item(**item: Any) -> dict[str, Any]:
    return {"TableName": "stock-state", "Item": KEY | item}


def query(**more: Any) -> dict[str, Any]:
    return {
        "TableName": "stock-table",
        "KeyConditionExpression": "#s = :s",
        "ExpressionAttributeNames": {"#s": "stock_symbol"},
        "ExpressionAttributeValues": {":s": {"S": "A"}},
    } | more


def many_keys(count: int) -> list[dict[str, Any]]:
    return [{"stock_symbol": {"S": f"S{i}"}, "item": {"S": "state"}} for i in range(count)]


def deep(levels: int) -> dict[str, Any]:
    return {"L": [deep(levels - 1)]} if levels else {"N": "1"}


def metric(**changed: Any) -> dict[str, Any]:
    directive = DOCUMENT["_aws"]["CloudWatchMetrics"][0] | changed
    return DOCUMENT | {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}}


def answered(failed: str, **more: Any) -> dict[str, Any]:
    return {
        "event": {"Records": [RECORD]},
        "answer": {"batchItemFailures": [{"itemIdentifier": failed}] if failed else [], **more},
    }


def deployed(**policy: Any) -> dict[str, Any]:
    routing = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 600,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
    }
    return {
        "EndpointName": "e",
        "EndpointConfigName": "c",
        "DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing} | policy},
    }


def variant(**more: Any) -> dict[str, Any]:
    return {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "main", "ModelName": "m", **more}]}


SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
BIG = "x" * (401 * 1024)

#: A request that breaks each rule of the table, by the rule's name; every one of them has the right shape.
BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb: an item has at most 400 KB": ("PutItem", put_item(data={"S": BIG})),
    "dynamodb: a key has at most 2048 or 1024 bytes and is not empty": ("PutItem", put_item(item={"S": "é" * 600})),
    "dynamodb: an attribute value has one type": ("PutItem", put_item(a={"S": "1", "N": "1"})),
    "dynamodb: a number has 38 digits and lies within 1e-130 and 9.99e125": ("PutItem", put_item(a={"N": "1" * 39})),
    "dynamodb: a set is not empty": ("PutItem", put_item(a={"SS": []})),
    "dynamodb: values are nested at most 32 deep": ("PutItem", put_item(a=deep(33))),
    "dynamodb: a transaction has at most 4 MB": (
        "TransactWriteItems",
        {"TransactItems": [
            {"Put": {"TableName": "t", "Item": key | {"a": {"S": "x" * 399_000}}}} for key in many_keys(12)
        ]},
    ),
    "dynamodb: no two operations are on one item": (
        "TransactWriteItems",
        {"TransactItems": [PUT, {"Delete": {"TableName": "stock-state", "Key": KEY}}]},
    ),
    "dynamodb: each operation is one of four kinds": (
        "TransactWriteItems",
        {"TransactItems": [PUT | {"Delete": {"TableName": "t", "Key": KEY}}]},
    ),
    "dynamodb: a batch has one to 25 operations": (
        "BatchWriteItem",
        {"RequestItems": {t: [{"PutRequest": {"Item": key}} for key in many_keys(13)] for t in ("one", "two")}},
    ),
    "dynamodb: a batch has at most 16 MB": (
        "BatchWriteItem",
        {"RequestItems": {"one": [{"PutRequest": {"Item": key | {"a": {"S": "x" * MIB}}}} for key in many_keys(17)]}},
    ),
    "dynamodb: no item is twice in a batch": (
        "BatchWriteItem",
        {"RequestItems": {"one": [{"PutRequest": {"Item": KEY}}, {"DeleteRequest": {"Key": KEY}}]}},
    ),
    "dynamodb: a batch asks for one to 100 items": (
        "BatchGetItem",
        {"RequestItems": {t: {"Keys": many_keys(51)} for t in ("one", "two")}},
    ),
    "dynamodb: no key is asked for twice": ("BatchGetItem", {"RequestItems": {"one": {"Keys": [KEY, KEY]}}}),
    "dynamodb: every placeholder is defined and used": (
        "Query",
        query(ExpressionAttributeNames={"#s": "stock_symbol", "#t": "timestamp"}),
    ),
    "dynamodb: an expression has at most 4 KB": ("Query", query(FilterExpression="#s = :s OR " * 400 + "#s = :s")),
    "dynamodb: no attribute is named by a reserved word": ("Query", query(ProjectionExpression="timestamp")),
    "dynamodb: expressions do not mix with the older parameters": ("Query", query(AttributesToGet=["price"])),
    "dynamodb: a query names its partition": (
        "Query",
        query(KeyConditionExpression="#s < :s"),
    ),
    "dynamodb: an index that is global is not read consistently": (
        "Query",
        query(IndexName="all", ConsistentRead=True),
    ),
    "kinesis: a record and its key have at most 1 MiB": (
        "PutRecords",
        {"StreamName": "s", "Records": [{"PartitionKey": "A", "Data": b"x" * MIB}]},
    ),
    "kinesis: a request has at most 10 MiB, keys included": (
        "PutRecords",
        {"StreamName": "s", "Records": [{"PartitionKey": f"{i}", "Data": b"x" * 900_000} for i in range(12)]},
    ),
    "kinesis: the stream is named": ("PutRecords", {"Records": [{"PartitionKey": "A", "Data": b"x"}]}),
    "kinesis: a token stands alone": ("ListShards", {"StreamName": "s", "NextToken": "t"}),
    "kinesis: an iterator has what its type needs": (
        "GetShardIterator",
        {"StreamName": "s", "ShardId": "shardId-0", "ShardIteratorType": "AT_SEQUENCE_NUMBER"},
    ),
    "kinesis: a stream on demand has no shard count": (
        "CreateStream",
        {"StreamName": "s", "ShardCount": 2, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
    ),
    "firehose: a request has at most 4 MiB": (
        "PutRecordBatch",
        {"DeliveryStreamName": "s", "Records": [{"Data": b"x" * 900_000}] * 5},
    ),
    "firehose: a record has at most 1,000 KiB": (
        "PutRecordBatch",
        {"DeliveryStreamName": "s", "Records": [{"Data": "é" * 513_000}]},
    ),
    "s3: a key has one to 1024 bytes": ("PutObject", {"Bucket": "bucket", "Key": "é" * 600}),
    "s3: a key has no part that is . or ..": ("PutObject", {"Bucket": "bucket", "Key": "history/../models"}),
    "s3: one request puts at most 5 GB": (
        "PutObject",
        {"Bucket": "bucket", "Key": "a", "ContentLength": 6 * 1024 * MIB},
    ),
    "s3: metadata are at most 2 KB": ("PutObject", {"Bucket": "bucket", "Key": "a", "Metadata": {"a": "x" * 2048}}),
    "s3: one request deletes one to 1,000 objects": ("DeleteObjects", {"Bucket": "bucket", "Delete": {"Objects": []}}),
    "s3: a page has at most 1,000 keys": ("ListObjectsV2", {"Bucket": "bucket", "MaxKeys": 5000}),
    "s3: a write has one precondition": ("PutObject", {"Bucket": "bucket", "Key": "a", "IfNoneMatch": '"etag"'}),
    "s3: a bucket's name is a DNS label": ("CreateBucket", {"Bucket": "Stock_Data"}),
    "sns: a message has one receiver": ("Publish", {"Message": "a"}),
    "sns: a message has one byte to 256 KiB": ("Publish", {"TopicArn": "t", "Message": "x" * 262_145}),
    "sns: a subject is ASCII, in one line, of at most 100 characters": (
        "Publish",
        {"TopicArn": "t", "Message": "a", "Subject": "Kurs über 100"},
    ),
    "sns: a FIFO topic has a group, and only it has deduplication": ("Publish", {"TopicArn": "t.fifo", "Message": "a"}),
    "lambda: an event has at most 6 MB": (
        "Event",
        {"event": {"Records": [{"kinesis": {"data": "x" * MIB}}] * 7}},
    ),
    "lambda: a batch has at most 10,000 records": ("Event", {"event": {"Records": [RECORD] * 10_001}}),
    "lambda: what failed is named by its sequence number": ("Answer", answered("2")),
    "lambda: an answer has at most 6 MB": ("Answer", answered("", more="x" * 7 * MIB)),
    "logs: a line has at most 1 MB": ("MetricDocument", DOCUMENT | {"more": "x" * MIB}),
    "logs: a directive has one to 100 metrics, each in the document": (
        "MetricDocument",
        metric(Metrics=[{"Name": "Absent"}]),
    ),
    "logs: a metric has at most 30 dimensions, each in the document": (
        "MetricDocument",
        metric(Dimensions=[["prefix"]]),
    ),
    "logs: a metric's unit is one of CloudWatch's": (
        "MetricDocument",
        metric(Metrics=[{"Name": "Rows", "Unit": "Rows"}]),
    ),
    "logs: a namespace is ASCII, of at most 256 characters": ("MetricDocument", metric(Namespace="AWS/Tapeline")),
    "sagemaker-runtime: a serverless endpoint takes 4 MB": (
        "InvokeEndpoint",
        {"EndpointName": "e", "Body": b"x" * (4 * MIB + 1)},
    ),
    "sagemaker-runtime: custom attributes are at most 1,024 visible characters": (
        "InvokeEndpoint",
        {"EndpointName": "e", "Body": b"x", "CustomAttributes": "schema=a b"},
    ),
    "sagemaker: spot waits at least as long as it runs": (
        "CreateTrainingJob",
        JOB | {"EnableManagedSpotTraining": True},
    ),
    "sagemaker: a job runs at most 28 days": (
        "CreateTrainingJob",
        JOB | {"StoppingCondition": {"MaxRuntimeInSeconds": 28 * 86_400 + 1}},
    ),
    "sagemaker: a job has an image or an algorithm": (
        "CreateTrainingJob",
        JOB | {"AlgorithmSpecification": {"TrainingInputMode": "File"}},
    ),
    "sagemaker: metric expressions have one group": (
        "CreateTrainingJob",
        JOB | {"AlgorithmSpecification": JOB["AlgorithmSpecification"] | {
            "MetricDefinitions": [{"Name": "skill", "Regex": "skill=[0-9.]+"}]
        }},
    ),
    "sagemaker: channels have names of their own": ("CreateTrainingJob", JOB | {"InputDataConfig": [CHANNEL, CHANNEL]}),
    "sagemaker: a warm pool and spot exclude each other": (
        "CreateTrainingJob",
        JOB | {
            "EnableManagedSpotTraining": True,
            "ResourceConfig": JOB["ResourceConfig"] | {"KeepAlivePeriodInSeconds": 60},
        },
    ),
    "sagemaker: results and checkpoints go to S3": (
        "CreateTrainingJob",
        JOB | {"OutputDataConfig": {"S3OutputPath": "s3://Bucket"}},
    ),
    "sagemaker: no tag begins with aws: and none is there twice": (
        "CreateTrainingJob",
        JOB | {"Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "x"}]},
    ),
    "sagemaker: a model has one container or a list": ("CreateModel", {"ModelName": "m"}),
    "sagemaker: a variant is serverless or has instances": (
        "CreateEndpointConfig",
        variant(ServerlessConfig=SERVERLESS, InitialInstanceCount=1),
    ),
    "sagemaker: serverless memory is a multiple of 1 GB": (
        "CreateEndpointConfig",
        variant(ServerlessConfig=SERVERLESS | {"MemorySizeInMB": 1500}),
    ),
    "sagemaker: serverless has no data capture": (
        "CreateEndpointConfig",
        variant(ServerlessConfig=SERVERLESS) | {"DataCaptureConfig": {
            "InitialSamplingPercentage": 1, "DestinationS3Uri": "s3://bucket/x", "CaptureOptions": [
                {"CaptureMode": "Input"}
            ]
        }},
    ),
    "sagemaker: a canary has at most half of the capacity": (
        "UpdateEndpoint",
        deployed(TrafficRoutingConfiguration={
            "Type": "CANARY", "WaitIntervalInSeconds": 1, "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 60}
        }),
    ),
    "sagemaker: a deployment has time to end": (
        "UpdateEndpoint",
        deployed(TerminationWaitInSeconds=300, MaximumExecutionTimeoutInSeconds=600),
    ),
    "sagemaker: a deployment configuration is kept or given": (
        "UpdateEndpoint",
        deployed() | {"RetainDeploymentConfig": True},
    ),
    "sagemaker: a version in a group has no name of its own": (
        "CreateModelPackage",
        {"ModelPackageName": "a", "ModelPackageGroupName": "b"},
    ),
}  # fmt: skip


def test_every_limit_has_a_request_that_breaks_it_and_a_source() -> None:
    assert sorted(BROKEN) == sorted(rule.name for rule in LIMITS)
    for rule in LIMITS:
        assert rule.source.startswith("https://docs.aws.amazon.com/")


@pytest.mark.parametrize("name", BROKEN)
def test_a_limit_is_noticed(name: str) -> None:
    operation, asked = BROKEN[name]
    found = faults(name.partition(":")[0], operation, asked)
    assert any(fault.startswith(f"{name}: ") for fault in found), found


def breaking(rule: shapes.ShapeRule, kind: str) -> Iterator[Any]:
    """Yield values of the shape's type one of which breaks the rule, if it can be broken."""
    match rule.kind:
        case "type":
            yield object()
        case "pattern":
            yield from (text for text in _STRANGE if not regex.fullmatch(rule.value, text))
        case "enum":
            yield "no such value"
        case "min" | "max" if kind in {"integer", "long", "float", "double"}:
            yield rule.value + (1 if rule.kind == "max" else -1)
        case "min" | "max":
            count = rule.value + (1 if rule.kind == "max" else -1)
            if 0 <= count <= MANY:
                yield {"string": "a" * count, "blob": b"a" * count, "list": [None] * count}.get(kind) or (
                    {} if not count and kind == "map" else {f"{i}": None for i in range(count)}
                    if kind == "map" else {"list": [], "string": "", "blob": b""}[kind]
                )  # fmt: skip


def within(path: str, value: Any) -> Any:
    """Return a request in which nothing but this path is given, and it is `value`."""
    while path:
        if path.endswith("[]"):
            path, value = path[:-2], [value]
        elif path.endswith("{key}"):
            path, value = path[:-5], {value: None}
        elif path.endswith("{}"):
            path, value = path[:-2], {"k": value}
        else:
            path, _, name = path.rpartition(".")
            value = {name: value}
    return value


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_every_rule_of_a_model_is_noticed_when_it_is_broken(service: str, operation: str) -> None:
    rules = shapes.rules(service, operation)
    kinds = {rule.path: rule.value for rule in rules if rule.kind == "type"}
    unbroken = []
    for rule in rules:
        if rule.kind == "required":
            parent = rule.path.rpartition(".")[0]
            found = shapes.faults(service, operation, within(parent, {}))
            assert f"{rule.path}: required" in found, rule
        elif rule.kind == "unknown":
            found = shapes.faults(service, operation, within(rule.path, {"NoSuchMember": 1}))
            assert f"{rule.path}: unknown NoSuchMember" in found, rule
        else:
            tried = list(breaking(rule, kinds[rule.path]))
            expected = f"{rule.path}: {rule.kind} "
            if not any(
                fault.startswith(expected)
                for value in tried
                for fault in shapes.faults(service, operation, within(rule.path, value))
            ):
                unbroken.append(rule)
    # what Python cannot hold, and a few patterns that take all of the values tried here
    assert all(rule.kind == "pattern" or rule.value > MANY for rule in unbroken), unbroken
    assert len(unbroken) <= len(rules) / 20, unbroken


def test_a_conforming_request_of_each_kind_passes() -> None:
    assert faults("dynamodb", "Query", query()) == []
    assert faults("dynamodb", "PutItem", put_item(a={"N": "-1.5e-100"}, b={"M": {"c": {"S": ""}}})) == []
    assert faults("sagemaker", "CreateTrainingJob", JOB | {"InputDataConfig": [CHANNEL]}) == []
    assert faults("sagemaker", "UpdateEndpoint", deployed()) == []
    assert faults("sagemaker", "CreateEndpointConfig", variant(ServerlessConfig=SERVERLESS)) == []
    assert faults("logs", "MetricDocument", DOCUMENT) == []
    assert faults("lambda", "Answer", answered("1")) == []


def test_the_layer_stands_before_every_client(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Through boto3, in the fakes, and on metric documents; what broke is left for the session's end."""
    monkeypatch.setenv(watching.FOLDER, str(tmp_path))
    with pytest.raises(BreachError, match="StreamName: pattern"):
        boto3.client("kinesis").put_records(StreamName="a b", Records=[{"PartitionKey": "A", "Data": b""}])
    with pytest.raises(BreachError, match="at most 1 MiB"):
        FakeKinesis().put_records(StreamName="s", Records=[{"PartitionKey": "A", "Data": b"x" * MIB}])
    with pytest.raises(BreachError, match="no two operations are on one item"):
        FakeAccount().client("dynamodb").transact_write_items(TransactItems=[PUT, PUT])
    with pytest.raises(BreachError, match="Body: max 6291456"):
        FakeEndpoint(None).invoke_endpoint(EndpointName="e", Body=b"x" * 7 * MIB)
    with pytest.raises(BreachError, match="at most 4 MiB"):
        FakeAccount().put_record_batch(DeliveryStreamName="s", Records=[{"Data": b"x" * 1_000_000}] * 5)
    metric_line("collector", "stock-analysis", {"BarAgeSeconds": 1.0})
    found = watching.report(tmp_path)
    assert found.calls["kinesis", "PutRecords"] == 2
    assert found.calls["logs", "MetricDocument"] == 1
    assert len(found.breaches) == 5
    assert "5 broken" in str(found)


def test_times_may_be_given_as_boto3_takes_them() -> None:
    now = datetime.datetime.now(datetime.UTC)
    asked = {"StreamName": "s", "ShardId": "shardId-0", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": now}
    assert faults("kinesis", "GetShardIterator", asked) == []
