"""Test the function that copies: changes of the table in, rows in Firehose, and Firehose's faults between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tapeline.core.market import Bar
from tapeline.errors import ConfigError, StorageError
from tapeline.lambdas import handler as lambda_handler
from tapeline.lambdas import row_copying
from tests.conftest import MINUTE, START
from tests.event_source import records
from tests.fakes.aws_account import FakeAccount, change_event, event, prepared


def bar(minute: int, close: float = 10.0, *, final: bool = True) -> Bar:
    return Bar("A", START + minute * MINUTE, 10.0, 12.0, 9.0, close, 100.0, final)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
    """Return an account with three rows, of which the last is forming and the first was corrected."""
    account = prepared(monkeypatch)
    day = [bar(0), bar(1), bar(2, final=False), bar(0, 11.0)]
    lambda_handler.handler(event(records(day)))
    account.dynamo.tables["stock-state"].clear()
    return account


def counted(caplog: pytest.LogCaptureFixture) -> tuple[float, float]:
    """Return how many rows the last line counts as copied and as not copied."""
    line: Any = caplog.records[-1]
    assert line.stack == "stock-analysis"
    return line.RowsCopied[0], line.RowsNotCopied[0]


def test_final_rows_are_copied_as_they_ended_up(account: FakeAccount, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    row_copying.handler(change_event(account))
    assert [(row["timestamp"], row["price"]) for row in account.delivered] == [(START, 11.0), (START + MINUTE, 10.0)]
    assert {"written_at", "stock_symbol", "price", "indicator"} <= account.delivered[-1].keys()
    assert counted(caplog) == (2.0, 0.0)


def test_forming_deleted_and_expired_rows_are_not_copied(account: FakeAccount) -> None:
    changes = change_event(account)["Records"]
    removed = {"eventName": "REMOVE", "dynamodb": {"Keys": {"stock_symbol": {"S": "A"}}}}
    forming = {"dynamodb": {"NewImage": changes[0]["dynamodb"]["NewImage"] | {"final": {"BOOL": False}}}}
    row_copying.handler({"Records": [removed, forming]})
    assert account.delivered == []


def test_records_that_firehose_refuses_are_sent_again(account: FakeAccount) -> None:
    account.refused = 3
    row_copying.handler(change_event(account))
    assert len(account.delivered) == 2


def test_when_firehose_keeps_refusing_that_is_counted_and_the_changes_come_again(
    account: FakeAccount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    account.refused = 10**6
    with pytest.raises(StorageError, match=r"Firehose rows refused 1 records 6 times: .*ServiceUnavailable"):
        row_copying.handler(change_event(account))
    assert counted(caplog) == (0.0, 2.0)
    account.refused = 0
    row_copying.handler(change_event(account))
    assert len(account.delivered) == 2


def test_an_outage_of_firehose_holds_up_no_row(account: FakeAccount) -> None:
    account.refused = 10**6
    assert lambda_handler.handler(event(records([bar(3)]))) == {"batchItemFailures": []}


def test_without_a_stream_to_copy_to_it_does_not_start(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPELINE_AWS__FIREHOSE_STREAM", "")
    with pytest.raises(ConfigError, match=r"aws.firehose_stream is empty; set TAPELINE_AWS__FIREHOSE_STREAM"):
        row_copying.handler(json.loads('{"Records": []}'))
