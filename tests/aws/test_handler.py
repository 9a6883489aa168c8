"""Test the Lambda function: event in, items in DynamoDB, rejects on S3, and every fault between."""

from __future__ import annotations

import base64
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tapeline.core.market import Bar
from tapeline.errors import StorageError
from tapeline.lambdas import handler as lambda_handler
from tapeline.lambdas.heartbeat import HEARTBEAT
from tapeline.runtime.batch_records import Record
from tests.aws.new_table import first_load, load, prepared_for_slow_tables
from tests.aws.schedules import prepared_for_schedules, run_schedule
from tests.conftest import MINUTE, START
from tests.event_source import records
from tests.fakes.aws_account import FakeAccount, event, items, prepared


def bar(minute: int, symbol: str = "A", close: float = 10.0) -> Bar:
    return Bar(symbol, START + minute * MINUTE, 10.0, 12.0, 9.0, close, 100.0)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
    return prepared(monkeypatch)


def metrics_in(printed: str) -> dict[str, Any]:
    """Return the embedded metrics among the lines of a log."""
    return next(found for line in printed.splitlines() if "_aws" in (found := json.loads(line)))


def test_a_batch_becomes_rows_and_states(account: FakeAccount, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answer = lambda_handler.handler(event(records([bar(m, s) for m in range(20) for s in ("A", "B")])))
    assert answer == {"batchItemFailures": []}
    assert [item["stock_symbol"]["S"] for item in items(account)] == ["A"] * 20 + ["B"] * 20
    assert items(account)[5]["timestamp"] == {"N": str(START + 5 * MINUTE)}
    assert account.delivered == []  # nothing but the rows is in front of the rows
    assert (caplog.records[-1].message, caplog.records[-1].rows) == ("batch", 40)  # type: ignore[attr-defined]


def test_one_call_reads_and_few_write_a_batch_of_a_hundred_records(account: FakeAccount) -> None:
    day = [bar(m, f"S{s}") for m in range(5) for s in range(20)]
    lambda_handler.handler(event(records(day)))
    assert dict(account.dynamo.calls) == {"BatchGetItem": 1, "TransactWriteItems": 2}


def test_a_batch_that_takes_too_long_is_kept_as_far_as_it_came(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account = prepared_for_schedules(monkeypatch)
    batch = records([bar(m) for m in range(40)])
    seconds = iter([60_000, 50_000, 40_000, 4_000])
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: next(seconds, 4_000))
    answer = lambda_handler.handler(event(batch), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": batch[len(items(account))].place}]}
    assert 0 < len(items(account)) < 40
    assert "records are given back: no time was left" in caplog.text
    assert lambda_handler.handler(event(batch)) == {"batchItemFailures": []}
    assert len(items(account)) == 40


def test_a_table_that_refuses_for_too_long_ends_in_time_for_the_answer(account: FakeAccount) -> None:
    account.dynamo.refuse = lambda operation: "ThrottlingException" if operation == "TransactWriteItems" else ""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 1500)
    with pytest.raises(StorageError, match="no time is left to repeat what was refused"):
        lambda_handler.handler(event(records([bar(0)])), context)


def test_an_unreadable_record_is_kept_on_s3_and_not_delivered_again(
    account: FakeAccount, capsys: pytest.CaptureFixture[str]
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
    assert (metrics["service"], metrics["stack"]) == ("processor", "stock-analysis")
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tapeline"


def test_a_heartbeat_writes_how_old_the_newest_row_is(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setenv("TAPELINE_AWS__STACK", "dev-stock-analysis")
    crypto = [Bar("BTC-USD", START + minute * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0) for minute in range(3)]
    lambda_handler.handler(event(records(crypto)))
    assert lambda_handler._function is not None
    lambda_handler._function.heartbeat._clock = lambda: START + 7 * MINUTE
    assert lambda_handler.handler(HEARTBEAT) == {}
    line = caplog.records[-1].__dict__
    assert line["RowAgeSeconds"] == [300.0]
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stack", "service"]]
    assert (line["service"], line["stack"]) == ("processor", "dev-stock-analysis")
    assert len(items(account)) == 3


def test_a_lower_sequence_number_in_a_newer_shard_is_not_old(account: FakeAccount) -> None:
    lambda_handler.handler(event([Record(0, "900", records([bar(0)])[0].data)]))
    lambda_handler.handler(event([Record(0, "5", records([bar(1)])[0].data)], "shardId-000000000004"))
    assert len(items(account)) == 2


@pytest.mark.parametrize(("code", "advice"), [("AccessDeniedException", "policy"), ("ThrottlingException", "given up")])
def test_a_table_that_refuses_is_one_clear_error(account: FakeAccount, code: str, advice: str) -> None:
    account.dynamo.refuse = lambda _: code
    with pytest.raises(StorageError, match=f"stock-state.*{code}.*{advice}"):
        lambda_handler.handler(event(records([bar(0)])))


def test_a_batch_whose_rejects_cannot_be_kept_is_retried(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    monkeypatch.setattr(account, "put_object", refuse)
    with pytest.raises(StorageError, match=r"s3://data/rejects/.*: s3:PutObject failed"):
        lambda_handler.handler(event([Record(1, "1", b"poison")]))


def test_a_dead_endpoint_never_holds_up_the_stream(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: Any
) -> None:
    monkeypatch.setenv("TAPELINE_AWS__SAGEMAKER_ENDPOINT", "tsla-stock-predictor")

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "Endpoint not found"}}, "InvokeEndpoint")

    monkeypatch.setattr(account, "invoke_endpoint", refuse, raising=False)
    lambda_handler.handler(event(records([bar(0), bar(1)])))
    assert len(items(account)) == 2
    assert "Endpoint not found; rows are stored without predictions" in caplog.text
    assert metrics_in(capsys.readouterr().out)["PredictionsMissed"] == [2.0]


def test_rows_and_copies_equal_those_of_a_day_without_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    account = prepared_for_schedules(monkeypatch)
    troubles = sum((run_schedule(account, seed) for seed in range(1000, 1006)), Counter[str]())
    assert all(troubles[kind] > 2 for kind in ("died", "given_back", "copies_failed"))


def test_a_first_batch_onto_a_new_table_ends_with_its_progress_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m tests.aws.new_table` does it with 86,000 bars."""
    stored = load(prepared_for_slow_tables(monkeypatch), 40.0, first_load(8_000, symbols=4))
    assert stored == sorted(set(stored))
    assert stored[-1] == 8_000
    assert len(stored) > 2
