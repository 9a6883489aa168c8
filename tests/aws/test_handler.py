"""The Lambda function itself: event in, items in DynamoDB, rejects on S3, copies in Firehose; and what goes wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.core.market import Bar
from tapeline.errors import StorageError
from tapeline.lambdas import handler as lambda_handler
from tapeline.lambdas.handler import Function
from tapeline.runtime.batches import Record
from tests.conftest import MINUTE, START
from tests.event_source import EventSource, eventful_day, records
from tests.fakes import CrashError
from tests.fakes.dynamodb import FakeDynamo

SHARD = "shardId-000000000003"


def bar(minute: int, symbol: str = "A", close: float = 10.0) -> Bar:
    return Bar(symbol, START + minute * MINUTE, 10.0, 12.0, 9.0, close, 100.0)


def event(batch: Sequence[Record], shard: str = SHARD) -> dict[str, Any]:
    """The event that Lambda makes of these records."""
    return {
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


class Account:
    """What the function finds when it asks for clients: an account of AWS in memory."""

    def __init__(self) -> None:
        self.dynamo = FakeDynamo()
        self.objects: dict[str, bytes] = {}
        self.delivered: list[dict[str, Any]] = []
        self.refused = 0  # records that Firehose refuses at first

    def client(self, service: str) -> Any:
        return self.dynamo.client() if service == "dynamodb" else self

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[f"{Bucket}/{Key}"] = Body

    def put_record_batch(self, *, DeliveryStreamName: str, Records: Sequence[dict[str, bytes]]) -> dict[str, Any]:
        answers = []
        for record in Records:
            if self.refused:
                self.refused -= 1
                answers.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "slow down"})
            else:
                self.delivered += [json.loads(line) for line in record["Data"].splitlines()]
                answers.append({"RecordId": "1"})
        return {"FailedPutCount": 0, "RequestResponses": answers}


def prepared(monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account that the function will find, with its settings."""
    account = Account()
    settings = {
        "BUCKET": "data",
        "FIREHOSE_STREAM": "rows",
        "ROWS_TABLE": "stock-table",
        "STATE_TABLE": "stock-state",
        "INDICATORS": "sma_3,rsi_14",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"TAPELINE_{name}", value)
    monkeypatch.setattr(lambda_handler, "client", account.client)
    monkeypatch.setattr(lambda_handler, "_function", None)
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)  # no pauses
    return account


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    return prepared(monkeypatch)


def items(account: Account) -> list[dict[str, Any]]:
    return list(account.dynamo.rows("stock-table"))


def metrics_in(printed: str) -> dict[str, Any]:
    """The embedded metrics among the lines of a log."""
    return next(found for line in printed.splitlines() if "_aws" in (found := json.loads(line)))


def test_a_batch_becomes_rows_states_and_copies(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answer = lambda_handler.handler(event(records([bar(m, s) for m in range(20) for s in ("A", "B")])))
    assert answer == {"batchItemFailures": []}
    assert [item["stock_symbol"]["S"] for item in items(account)] == ["A"] * 20 + ["B"] * 20
    assert items(account)[5]["timestamp"] == {"N": str(START + 5 * MINUTE)}
    assert len(account.delivered) == 40
    assert {"written_at", "stock_symbol", "price", "indicator"} <= account.delivered[-1].keys()
    assert (caplog.records[-1].message, caplog.records[-1].rows) == ("batch", 40)  # type: ignore[attr-defined]


def test_one_call_reads_and_few_write_a_batch_of_a_hundred_records(account: Account) -> None:
    day = [bar(m, f"S{s}") for m in range(5) for s in range(20)]
    lambda_handler.handler(event(records(day)))
    assert dict(account.dynamo.calls) == {"BatchGetItem": 1, "TransactWriteItems": 2}


def test_a_poison_record_is_kept_on_s3_and_does_not_come_back(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = records([bar(0), bar(1), bar(2)])
    batch[1] = Record(2, "2", b"\xffpoison")
    assert lambda_handler.handler(event(batch)) == {"batchItemFailures": []}
    ((name, content),) = account.objects.items()
    assert name.startswith("data/rejects/dt=")
    kept = json.loads(content)
    assert (kept["place"], base64.b64decode(kept["raw"])) == ("2", b"\xffpoison")
    assert len(items(account)) == 2
    metrics = metrics_in(capsys.readouterr().out)
    assert metrics["RecordsRejected"] == [1.0]
    assert metrics["service"] == "processor"
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tapeline"


def test_a_lower_sequence_number_in_a_newer_shard_is_not_old(account: Account) -> None:
    lambda_handler.handler(event([Record(0, "900", records([bar(0)])[0].data)]))
    lambda_handler.handler(event([Record(0, "5", records([bar(1)])[0].data)], "shardId-000000000004"))
    assert len(items(account)) == 2


def test_what_firehose_refuses_is_put_again(account: Account) -> None:
    account.refused = 3
    lambda_handler.handler(event(records([bar(0)])))
    assert len(account.delivered) == 1


def test_when_firehose_refuses_for_good_the_batch_comes_again(account: Account) -> None:
    account.refused = 10**6
    with pytest.raises(StorageError, match="Firehose rows refused 1 records 6 times: ServiceUnavailable"):
        lambda_handler.handler(event(records([bar(0)])))
    account.refused = 0
    lambda_handler.handler(event(records([bar(0)])))
    assert len(account.delivered) == len(items(account)) == 1


@pytest.mark.parametrize(("code", "said"), [("AccessDeniedException", "policy"), ("ThrottlingException", "given up")])
def test_tables_that_refuse_are_one_clear_error(account: Account, code: str, said: str) -> None:
    account.dynamo.refuse = lambda _: code
    with pytest.raises(StorageError, match=f"stock-state.*{code}.*{said}"):
        lambda_handler.handler(event(records([bar(0)])))


def test_rejects_that_cannot_be_kept_bring_the_batch_back(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    monkeypatch.setattr(account, "put_object", refuse)
    with pytest.raises(StorageError, match="s3://data/rejects/.*: s3:PutObject failed"):
        lambda_handler.handler(event([Record(1, "1", b"poison")]))


def test_a_dead_endpoint_never_holds_up_the_stream(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: Any
) -> None:
    monkeypatch.setenv("TAPELINE_SAGEMAKER_ENDPOINT", "tsla-stock-predictor")

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "Endpoint not found"}}, "InvokeEndpoint")

    monkeypatch.setattr(account, "invoke_endpoint", refuse, raising=False)
    lambda_handler.handler(event(records([bar(0), bar(1)])))
    assert len(items(account)) == 2
    assert "Endpoint not found; rows are stored without predictions" in caplog.text
    assert metrics_in(capsys.readouterr().out)["PredictionsMissed"] == [2.0]


# -- schedules of trouble ----------------------------------------------------------------------------------------------


def environment(account: Account) -> Callable[[Sequence[Record]], Sequence[str]]:
    function = Function()
    return lambda batch: [item["itemIdentifier"] for item in function(event(batch))["batchItemFailures"]]


def rows_of(account: Account) -> list[str]:
    return [json.dumps(item, sort_keys=True) for item in items(account)]


def throttle(account: Account, rng: np.random.Generator) -> None:
    codes = ["", "", "", "ProvisionedThroughputExceededException", "InternalServerError"]
    account.dynamo.refuse = lambda _: codes[int(rng.integers(len(codes)))]


def run_schedule(account: Account, seed: int) -> int:
    """One eventful day with and without trouble. Returns how often the function died; raises when rows differ."""
    rng = np.random.default_rng(seed)
    day = eventful_day(rng)
    account.dynamo = FakeDynamo()
    environment(account)(day)
    wanted = rows_of(account)
    account.dynamo = FakeDynamo()
    tables = account.dynamo
    if seed % 3 == 0:
        throttle(account, rng)

    def arm(writes: int) -> None:
        def count() -> None:
            nonlocal writes
            writes -= 1
            if writes < 0:
                raise CrashError

        tables.before_write = count

    def disarm() -> None:
        tables.before_write = lambda: None

    source = EventSource(rng, lambda: environment(account), arm, disarm)
    source.run(day)
    assert rows_of(account) == wanted, f"seed {seed}"
    store = DynamoStore(tables.client(), "stock-table", "stock-state")
    tables.refuse = lambda _: ""
    assert not any(state.data[:1] == b"\xff" for state in store.load()[0].values()), f"seed {seed}"
    return source.trouble


def test_final_rows_are_those_of_a_day_without_faults(account: Account) -> None:
    assert sum(run_schedule(account, seed) for seed in range(1000, 1012)) > 12
