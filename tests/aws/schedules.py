"""Run random fault schedules over the Lambda function: `python -m tests.aws.schedules [COUNT] [FIRST]`.

Each is an eventful day delivered with crashes at any write, lost answers, repetitions, retries, bisected batches, new
execution environments and (every third) throttling; its items must equal, byte for byte, those of the same day without.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.lambdas.handler import Function
from tapeline.runtime.batches import Record
from tests.event_source import EventSource, eventful_day
from tests.fakes.aws_account import FakeAccount, event, items, prepared
from tests.fakes.dynamodb import FakeDynamo


def environment(account: FakeAccount) -> Callable[[Sequence[Record]], Sequence[str]]:
    function = Function()
    return lambda batch: [item["itemIdentifier"] for item in function(event(batch))["batchItemFailures"]]


def rows_of(account: FakeAccount) -> list[str]:
    return [json.dumps(item, sort_keys=True) for item in items(account)]


def throttle(account: FakeAccount, rng: np.random.Generator) -> None:
    codes = ["", "", "", "ProvisionedThroughputExceededException", "InternalServerError"]
    account.dynamo.refuse = lambda _: codes[int(rng.integers(len(codes)))]


def run_schedule(account: FakeAccount, seed: int) -> int:
    """Run one eventful day with and without trouble, compare the rows, and return how often the function died."""
    rng = np.random.default_rng(seed)
    day = eventful_day(rng)
    account.dynamo = FakeDynamo()
    environment(account)(day)
    wanted = rows_of(account)
    account.dynamo = FakeDynamo()
    tables = account.dynamo
    if seed % 3 == 0:
        throttle(account, rng)
    source = EventSource(rng, lambda: environment(account), tables.fail_after, tables.heal)
    source.run(day)
    assert rows_of(account) == wanted, f"seed {seed}"
    store = DynamoStore(tables.client(), "stock-table", "stock-state")
    tables.refuse = lambda _: ""
    assert not any(state.data[:1] == b"\xff" for state in store.load()[0].values()), f"seed {seed}"
    return source.trouble


def main(count: int = 1000, first: int = 0) -> None:
    logging.disable(logging.CRITICAL)
    started = time.perf_counter()
    died = 0
    with pytest.MonkeyPatch.context() as patch:
        account = prepared(patch)
        for seed in range(first, first + count):
            died += run_schedule(account, seed)
    seconds = time.perf_counter() - started
    print(f"{count} schedules, seeds {first} to {first + count - 1}: items equal in all of them;")
    print(f"the function died {died:,} times; {seconds:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
