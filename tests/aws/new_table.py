"""Write a first load onto a new table that takes only so much a second: `python -m tests.aws.new_table [BARS]`.

Time is counted, not waited for: every unit that the table takes, and every pause, moves the clock that the function's
remaining time comes from. A new table on demand takes 4,000 write units a second, and several functions share that.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tapeline.lambdas import handler as lambda_handler
from tapeline.runtime.batch_records import Record
from tapeline.runtime.deadline import Deadline
from tests.conftest import random_bars
from tests.event_source import records
from tests.fakes.aws_account import FakeAccount, event, items, prepared
from tests.fakes.dynamodb import FakeDynamo, Item

#: Milliseconds that a function may run.
TIMEOUT_MS = 60_000


class SlowDynamo(FakeDynamo):
    """Take `units` write units a second, saved up for a second at most, and leave the rest of a batch undone.

    A call may go into debt, or a transaction of more than a second's units could never be made.
    """

    def __init__(self, units: float) -> None:
        super().__init__()
        self.now = 0.0
        self._units = units
        self._saved = units
        self._filled = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def _taken(self, units: float) -> bool:
        self._saved = min(self._units, self._saved + (self.now - self._filled) * self._units)
        self._filled = self.now
        if self._saved <= 0:
            return False
        self._saved -= units
        return True

    def _batch_write(self, asked: Item) -> Item:
        self.now += 0.01
        undone: dict[str, list[Item]] = {}
        for table, requests in asked["RequestItems"].items():
            for request in requests:
                if self._taken(1):
                    self._put(table, request["PutRequest"]["Item"])
                else:
                    undone.setdefault(table, []).append(request)
        return {"UnprocessedItems": undone}

    def _transact(self, asked: Item) -> Item:
        self.now += 0.02
        if not self._taken(2 * len(asked["TransactItems"])):
            return {"__type": "x#ProvisionedThroughputExceededException", "message": "slow down"}
        return super()._transact(asked)


def load(account: FakeAccount, units: float, batch: Sequence[Record]) -> list[int]:
    """Deliver the batch until all of it is stored, and return how many rows there are after each call.

    Raises `AssertionError` when a call takes longer than it may, or comes no further.
    """
    table = SlowDynamo(units)
    account.dynamo = table
    lambda_handler._function = None
    stored: list[int] = []
    while batch:
        until = table.now + TIMEOUT_MS / 1000
        context = SimpleNamespace(get_remaining_time_in_millis=lambda until=until: 1000 * (until - table.now))
        answer = lambda_handler.handler(event(batch), context)
        assert table.now <= until, f"the call took {table.now - until + TIMEOUT_MS / 1000:.0f} s"
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        first = next((n for n, record in enumerate(batch) if record.place in failed), len(batch))
        assert first > 0, "nothing was kept"
        batch = batch[first:]
        stored.append(len(items(account)))
    return stored


def prepared_for_slow_tables(patch: pytest.MonkeyPatch) -> FakeAccount:
    """Return an account whose pauses move the clock of its table."""
    account = prepared(patch)
    account.direct = True
    patch.setattr("tapeline.backends.aws.dynamodb.table.backoff_seconds", lambda attempt, *_, **__: 0.05 * 2**attempt)

    def sleep(seconds: float) -> None:
        account.dynamo.sleep(seconds)  # type: ignore[attr-defined] - the table of the moment

    patch.setattr(lambda_handler, "Deadline", lambda: Deadline(sleep))
    return account


def first_load(bars: int, symbols: int = 20) -> list[Record]:
    """Return a first load as the collector sends it: records of up to 480 bars of a symbol."""
    each = bars // symbols
    day: list[Any] = sorted(random_bars(symbols, each), key=lambda bar: bar.symbol)
    return records(day, per_record=480)


def main(bars: int = 86_000) -> None:
    logging.disable(logging.CRITICAL)
    with pytest.MonkeyPatch.context() as patch:
        account = prepared_for_slow_tables(patch)
        for units in (4000.0, 1000.0, 400.0):
            stored = load(account, units, first_load(bars))
            seconds = account.dynamo.now  # type: ignore[attr-defined]
            print(f"{bars:,} bars at {units:,.0f} units a second: rows after each call {stored}; {seconds:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
