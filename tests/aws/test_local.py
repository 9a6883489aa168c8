"""Test the AWS path on this machine, end to end with the real programs, and the rules of its stand-in for Lambda."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.local.account import Account
from tests.aws.local.poller import EventSource, Found, Rules, destination
from tests.aws.local.resources import BY_AWS, used_by_aws
from tests.aws.local.run import PATIENCE, Local, compared, copied, exercised
from tests.aws.local.runtime import Function, FunctionError
from tests.terraform.running import ROOT

TOY = """
import json, os, time

def handler(event, context):
    kind = event["do"]
    if kind == "raise":
        raise ValueError("on purpose")
    if kind == "exit":
        os._exit(1)
    if kind == "sleep":
        time.sleep(60)
    return {"pid": os.getpid(), "left": context.get_remaining_time_in_millis()}
"""


@pytest.mark.timeout(900)  # seven programs start and compile; on a busy machine five minutes were not enough
def test_a_session_through_aws_gives_the_rows_of_an_embedded_run(tmp_path: Path) -> None:
    with Local(tmp_path, 6, print, terraform=False, port=0) as local:
        wanted = local.wanted()
        local.wait(wanted)
        assert sum(map(len, wanted.values())) > 6 * 200
        assert any(row.prediction for rows in wanted.values() for row in rows)
        assert compared(local, wanted) == []
        assert local.events.failures == 0
        copied(local, wanted)
        exercised(local, wanted)
        for each in local.collectors:
            each.terminate()
            assert each.wait(PATIENCE) == 0
        for role in ("collector", "processor", "copier", "dashboard"):
            made = {call.action for call in local.account.calls if call.role == role}
            # Whether a block of rows is deleted depends on the hour, which says how long the day's session is.
            by_the_hour = {"dynamodb:DeleteItem"} if role == "processor" else set()
            assert made - set(BY_AWS) | by_the_hour == allowed(role), role


def allowed(program: str) -> set[str]:
    """Return the actions that the program's policy in services/ names, without those that AWS itself needs."""
    text = (ROOT / "services" / f"{program}.tf").read_text()
    body = text.partition(f'data "aws_iam_policy_document" "{program}" {{')[2].partition("\n}\n")[0]
    statements = re.findall(r"statement \{(.*?)\n  \}", body, re.DOTALL)
    own = [s for s in statements if "dynamic" not in s and "Deny" not in s]
    found = set()
    for actions, _, resources in (s.partition("resources") for s in own):
        listed = re.findall(r"\[(.*?)\] *(?:#.*)?$", resources, re.DOTALL | re.MULTILINE)[0].strip(" \n,").split(",")
        found |= {(action, resource) for action in re.findall(r'"(\w+:\w+)"', actions) for resource in listed}
    return {action for action, resource in found if not used_by_aws(action, resource)}


@pytest.fixture
def toy(tmp_path: Path) -> Any:
    (tmp_path / "toy.py").write_text(TOY)
    function = Function({"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}, timeout=5, handler="toy.handler")
    yield function
    function.close()


def test_the_function_keeps_its_process_until_an_error(toy: Function) -> None:
    first = toy({"do": ""})
    assert 0 < first["left"] <= 5000
    assert toy({"do": ""})["pid"] == first["pid"]
    for trouble, message in (("raise", "on purpose"), ("exit", "exited without an answer")):
        with pytest.raises(FunctionError, match=message):
            toy({"do": trouble})
        assert toy({"do": ""})["pid"] != first["pid"]


def test_a_function_that_takes_too_long_is_stopped(toy: Function) -> None:
    toy({"do": ""})
    toy._timeout = 0.3
    with pytest.raises(FunctionError, match="timed out"):
        toy({"do": "sleep"})


class Recorder:
    """Stand in for a function: record its input, and do what `plan` says, one entry an invocation."""

    def __init__(self, plan: Sequence[Any] = ()) -> None:
        self.batches: list[list[str]] = []
        self._plan = list(plan)

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        records = event["Records"]
        self.batches.append([record["kinesis"]["partitionKey"] for record in records])
        step = self._plan.pop(0) if self._plan else None
        if step == "fail":
            raise FunctionError("on purpose")
        if step is not None:
            return {"batchItemFailures": [{"itemIdentifier": records[step]["kinesis"]["sequenceNumber"]}]}
        return {}


@pytest.fixture
def account() -> Any:
    account = Account().start()
    yield account
    account.stop()


Lost = list[tuple[str, str]]


def polled(account: Account, plan: Sequence[Any], rules: Rules, keys: str = "abcd") -> tuple[Recorder, Lost]:
    """Return what the function and the failure destination got for a record of each of these keys."""
    client = account.client("kinesis")
    client.create_stream(StreamName="s", ShardCount=1)
    client.put_records(StreamName="s", Records=[{"Data": key.encode(), "PartitionKey": key} for key in keys])
    function, lost = Recorder(plan), Lost()

    def given_up(_: str, records: Sequence[Found], reason: str) -> None:
        lost.append((reason, "".join(record["PartitionKey"] for record in records)))

    source = EventSource(client, "s", function, rules, given_up)
    source.start()
    until = time.monotonic() + 20
    while not source.idle:
        assert time.monotonic() < until
        time.sleep(0.01)
    source.stop()
    return function, lost


@pytest.mark.parametrize(
    ("plan", "rules", "batches", "lost"),
    [
        ([], Rules(), ["abcd"], []),
        ([], Rules(batch_size=3), ["abc", "d"], []),
        ([2], Rules(), ["abcd", "cd"], []),
        (["fail"], Rules(), ["abcd", "ab", "cd"], []),
        (["fail"], Rules(bisect=False), ["abcd", "abcd"], []),
        (["fail", "fail"], Rules(), ["abcd", "ab", "a", "b", "cd"], []),
        (["fail"] * 3, Rules(bisect=False, retries=2), ["abcd"] * 3, [("RetryAttemptsExhausted", "abcd")]),
        ([0] * 3, Rules(retries=2), ["abcd"] * 3, [("RetryAttemptsExhausted", "abcd")]),
        ([], Rules(max_age=0), [], [("RecordAgeExceeded", key) for key in "abcd"]),
    ],
    ids=str,
)
def test_the_event_source_follows_lambdas_rules(
    account: Account, plan: Sequence[Any], rules: Rules, batches: list[str], lost: Lost
) -> None:
    function, given_up = polled(account, plan, rules)
    assert ["".join(batch) for batch in function.batches] == batches
    assert given_up == lost


def test_a_shards_batches_run_in_parallel_by_key(account: Account) -> None:
    function, _ = polled(account, [], Rules(parallelization=3), "abcabcabc")
    assert sorted("".join(batch) for batch in function.batches) == sorted(
        "".join(key for key in "abcabcabc" if key in batch) for batch in function.batches
    )
    assert 1 < len(function.batches) <= 3


def test_an_expired_iterator_is_renewed_after_the_last_record(account: Account) -> None:
    client = account.client("kinesis")
    client.create_stream(StreamName="s", ShardCount=1)
    expired = ClientError({"Error": {"Code": "ExpiredIteratorException"}}, "GetRecords")
    read, trouble = client.get_records, iter([False, True, False, True])

    def get_records(**request: Any) -> Any:
        if next(trouble, False):
            raise expired
        return read(**request)

    client.get_records = get_records
    function = Recorder()
    source = EventSource(client, "s", function, Rules(), lambda *_: None)
    source.start()
    try:
        for key in "abc":
            client.put_record(StreamName="s", Data=key.encode(), PartitionKey=key)
            until = time.monotonic() + 20
            while source.delivered < "abc".index(key) + 1:
                assert time.monotonic() < until
                time.sleep(0.01)
    finally:
        source.stop()
    assert "".join("".join(batch) for batch in function.batches) == "abc"
    assert next(trouble, None) is None


def test_a_batch_that_is_given_up_is_kept_with_its_records(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="data")
    record = {
        "SequenceNumber": "1",
        "PartitionKey": "a",
        "Data": b"x",
        "ApproximateArrivalTimestamp": datetime.now(UTC),
    }
    destination(s3, "data", "s")("shardId-0", [record], "RetryAttemptsExhausted")
    (kept,) = s3.list_objects_v2(Bucket="data", Prefix="aws/lambda/")["Contents"]
    document = json.loads(s3.get_object(Bucket="data", Key=kept["Key"])["Body"].read())
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert json.loads(document["payload"])["Records"][0]["kinesis"]["sequenceNumber"] == "1"


def test_calls_are_recorded_with_their_caller(account: Account) -> None:
    account.client("s3", "ann").create_bucket(Bucket="data")
    account.client("s3", "ann").put_object(Bucket="data", Key="history/a b", Body=b"")
    account.client("dynamodb", "bob").list_tables()
    assert {str(call.action) for call in account.calls if call.role == "bob"} == {"dynamodb:ListTables"}
    assert ("s3:PutObject", "arn:aws:s3:::data/history/a b") in {
        (call.action, call.resource) for call in account.calls if call.role == "ann"
    }
