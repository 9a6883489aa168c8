"""Run random fault schedules over the Lambda functions: `python -m tests.aws.schedules [COUNT] [FIRST]`.

Each is an eventful day delivered with crashes at any write, lost answers, repetitions, retries, bisected batches, new
execution environments, deadlines that end an invocation after any chunk and (every third) throttling; its items must
equal, byte for byte, those of the same day without. In every third, two collectors send the day, mixed at random; then
the items must be equal but for `as_known`, which says what a bar was first stored with.

After that the change stream is delivered to the function that copies, while Firehose refuses and answers are lost; the
newest copy of every row must be what the table holds.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.dynamodb.items import read_rows
from tapeline.errors import StorageError
from tapeline.lambdas.handler import Function
from tapeline.lambdas.row_copying import Copier
from tapeline.runtime.batch_records import Record
from tests.event_source import EventSource, eventful_day, two_collectors
from tests.fakes.aws_account import FakeAccount, change_event, event, items, prepared
from tests.fakes.dynamodb import FakeDynamo

#: Bars in a chunk here: a day has several hundred.
CHUNK_BARS = 8


def environment(
    account: FakeAccount, left: Callable[[], Callable[[], float]] = lambda: lambda: float("inf")
) -> Callable[[Sequence[Record]], Sequence[str]]:
    """Return a fresh execution environment. `left` makes, for each invocation, what says the seconds that are left."""
    function = Function()

    def invoke(batch: Sequence[Record]) -> Sequence[str]:
        function.deadline.left = left()
        return [item["itemIdentifier"] for item in function(event(batch))["batchItemFailures"]]

    return invoke


def deadlines(rng: np.random.Generator) -> Callable[[], Callable[[], float]]:
    """Return what gives half of the invocations time for a few chunks only."""

    def invocation() -> Callable[[], float]:
        if rng.random() < 0.5:
            return lambda: float("inf")
        seconds = iter(np.linspace(10.0, 2.5, int(rng.integers(4, 40))).tolist())
        return lambda: next(seconds, 2.5)

    return invocation


def rows_of(account: FakeAccount, without: str = "") -> list[str]:
    found = [{name: value for name, value in item.items() if name != without} for item in items(account)]
    return [json.dumps(item, sort_keys=True) for item in found]


def throttle(account: FakeAccount, rng: np.random.Generator) -> None:
    codes = ["", "", "", "ProvisionedThroughputExceededException", "InternalServerError"]
    account.dynamo.refuse = lambda _: codes[int(rng.integers(len(codes)))]


def run_schedule(account: FakeAccount, seed: int) -> Counter[str]:
    """Run one eventful day with and without trouble, compare rows and copies, and return how often what went wrong."""
    rng = np.random.default_rng(seed)
    day = eventful_day(rng)
    sent = day
    if seed % 3 == 1:
        day, sent = two_collectors(rng, day)
    without = "as_known" if sent is not day else ""
    account.dynamo = FakeDynamo()
    environment(account)(day)
    wanted = rows_of(account, without)
    account.dynamo = FakeDynamo()
    tables = account.dynamo
    if seed % 3 == 0:
        throttle(account, rng)
    left = deadlines(rng)
    source = EventSource(rng, lambda: environment(account, left), tables.fail_after, tables.heal)
    source.run(sent)
    assert rows_of(account, without) == wanted, f"seed {seed}"
    store = DynamoStore(account.client("dynamodb"), "stock-table", "stock-state")
    tables.refuse = lambda _: ""
    assert not any(state.data[:1] == b"\xff" for state in store.load()[0].values()), f"seed {seed}"
    failures = copy_changes(account, rng)
    assert newest_copies(account) == {_key(row): row for row in stored_rows(account)}, f"seed {seed}"
    return Counter(died=source.trouble, given_back=source.given_back, copies_failed=failures)


def copy_changes(account: FakeAccount, rng: np.random.Generator) -> int:
    """Deliver the change stream to the function that copies, in trouble; return how often that failed."""
    account.delivered.clear()
    failures, start, count = 0, 0, len(account.dynamo.changes)
    copier = Copier()
    while start < count:
        stop = min(count, start + int(rng.integers(1, 200)))
        account.refused = int(rng.integers(0, 12)) if rng.random() < 0.5 else 0
        if rng.random() < 0.2:
            copier = Copier()
        try:
            copier(change_event(account, start, stop))
        except StorageError:
            failures += 1
            continue  # the same changes come again
        if rng.random() < 0.9:  # else the answer was lost
            start = stop
    return failures


def newest_copies(account: FakeAccount) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for row in account.delivered:
        if _key(row) not in found or row["written_at"] >= found[_key(row)]["written_at"]:
            found[_key(row)] = row
    return {key: {n: v for n, v in row.items() if n != "written_at"} for key, row in found.items()}


def stored_rows(account: FakeAccount) -> Iterator[dict[str, Any]]:
    for row in read_rows([item for item in items(account) if item["final"]["BOOL"]]):
        yield json.loads(json.dumps(row.as_item()))


def _key(row: dict[str, Any]) -> tuple[str, int]:
    return row["stock_symbol"], row["timestamp"]


def prepared_for_schedules(patch: pytest.MonkeyPatch) -> FakeAccount:
    """Return an account in which a day has many chunks and few calls pass through boto3."""
    patch.setattr("tapeline.runtime.batches.FIRST_BARS", CHUNK_BARS)
    patch.setattr("tapeline.runtime.batches.MOST_BARS", CHUNK_BARS)
    account = prepared(patch)
    account.direct = True
    return account


def main(count: int = 1000, first: int = 0) -> None:
    logging.disable(logging.CRITICAL)
    started = time.perf_counter()
    troubles: Counter[str] = Counter()
    # the functions print their metrics
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        account = prepared_for_schedules(patch)
        for seed in range(first, first + count):
            troubles += run_schedule(account, seed)
    seconds = time.perf_counter() - started
    print(f"{count} schedules, seeds {first} to {first + count - 1}: items and copies equal in all of them;")
    print(
        f"the function died {troubles['died']:,} times, ran out of time {troubles['given_back']:,} times; "
        f"copying failed {troubles['copies_failed']:,} times; {seconds:.0f} s"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
