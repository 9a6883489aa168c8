"""An AWS account in memory as the Lambda function finds it, and the events that Lambda makes of records."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tapeline.app.config import variable
from tapeline.lambdas import handler as lambda_handler
from tapeline.lambdas import row_copying as lambda_copying
from tapeline.runtime.batch_records import Record
from tests.aws.conformance import watching
from tests.fakes.dynamodb import FakeDynamo

SHARD = "shardId-000000000003"


def event(batch: Sequence[Record], shard: str = SHARD) -> dict[str, Any]:
    """Return the event that Lambda makes of these records."""
    made = {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "A",
                    "sequenceNumber": record.place,
                    "data": base64.b64encode(record.data).decode(),
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard}:{record.place}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/StockAnalysisLambda",
                "awsRegion": "eu-central-1",
                "eventSourceARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/stock-stream",
            }
            for record in batch
        ]
    }
    watching.check("lambda", "Event", {"event": made})
    return made


def change_event(account: FakeAccount, start: int = 0, stop: int | None = None) -> dict[str, Any]:
    """Return the event that Lambda makes of these changes of the rows' table, forming rows filtered out."""
    images = [item for table, item in account.dynamo.changes[start:stop] if table == "stock-table"]
    return {
        "Records": [
            {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {"NewImage": item}}
            for item in images
            if item["final"]["BOOL"]
        ]
    }


class FakeAccount:
    """Give the function its clients: for DynamoDB a fake, for S3 and Firehose this object.

    `objects` are those on S3 by `bucket/key`, `delivered` the rows in Firehose, which first refuses `refused` records.
    `direct` leaves boto3 out of the way to DynamoDB.
    """

    def __init__(self) -> None:
        self.dynamo = FakeDynamo()
        self.objects: dict[str, bytes] = {}
        self.delivered: list[dict[str, Any]] = []
        self.refused = 0
        self.direct = False

    def client(self, service: str) -> Any:
        if service != "dynamodb":
            return self
        return self.dynamo.direct() if self.direct else self.dynamo.client()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        watching.check("s3", "PutObject", {"Bucket": Bucket, "Key": Key, "Body": Body})
        self.objects[f"{Bucket}/{Key}"] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        watching.check("s3", "GetObject", {"Bucket": Bucket, "Key": Key})
        content = self.objects.get(f"{Bucket}/{Key}")
        if content is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "there is none"}}, "GetObject")
        return {"Body": io.BytesIO(content)}

    def put_record_batch(self, *, DeliveryStreamName: str, Records: Sequence[dict[str, bytes]]) -> dict[str, Any]:
        asked = {"DeliveryStreamName": DeliveryStreamName, "Records": Records}
        watching.check("firehose", "PutRecordBatch", asked)
        answers = []
        for record in Records:
            if self.refused:
                self.refused -= 1
                answers.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "slow down"})
            else:
                self.delivered += [json.loads(line) for line in record["Data"].splitlines()]
                answers.append({"RecordId": "1"})
        return {"FailedPutCount": 0, "RequestResponses": answers}


def prepared(monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
    """Return an account that the function will find, with its settings in the environment."""
    account = FakeAccount()
    settings = {
        "aws.bucket": "data",
        "aws.firehose_stream": "rows",
        "aws.rows_table": "stock-table",
        "aws.state_table": "stock-state",
        "indicators": "sma_3,rsi_14",
    }
    for setting, value in settings.items():
        monkeypatch.setenv(variable(setting), value)
    for module, kept in ((lambda_handler, "_function"), (lambda_copying, "_copier")):
        monkeypatch.setattr(module, "client", account.client)
        monkeypatch.setattr(module, kept, None)
    monkeypatch.setattr("tapeline.backends.aws.dynamodb.dynamodb_store.PARALLEL", 1)  # the order of writes is a seed's
    for module in ("dynamodb.table", "firehose"):  # no pauses
        monkeypatch.setattr(f"tapeline.backends.aws.{module}.backoff_seconds", lambda *_, **__: 0.0)
    return account


def items(account: FakeAccount) -> list[dict[str, Any]]:
    """Return all items of the rows' table."""
    return list(account.dynamo.rows("stock-table"))
