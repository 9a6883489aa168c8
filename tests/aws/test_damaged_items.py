"""What stands in DynamoDB may be damaged or somebody else's: a state is computed anew, and nothing else is guessed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.dynamodb.items import read_rows
from tapeline.backends.aws.dynamodb.row_changes import final_rows
from tapeline.backends.aws.dynamodb.stored_states import read_known, read_state
from tapeline.core.market import Bar
from tapeline.error_text import one_line
from tapeline.errors import StorageError
from tapeline.runtime.batch_records import Record
from tapeline.runtime.batches import Batches
from tapeline.runtime.processor import Processor
from tests.aws.conftest import ROWS, STATE
from tests.conftest import START, random_bars
from tests.event_source import records
from tests.fakes.dynamodb import FakeDynamo

SPECS = ("sma_3", "rsi_14")

#: What an attribute may hold that nobody here wrote.
FOREIGN: tuple[Any, ...] = (
    {"S": "x"}, {"N": "1.5"}, {"N": "x"}, {"B": b""}, {"B": b"\xff" * 9}, {"M": {}}, {"M": {"a": {"S": "b"}}},
    {"L": [{"S": "a"}]}, {"BOOL": True}, {"NULL": True}, {}, None,
)  # fmt: skip


def stored() -> tuple[FakeDynamo, list[Record]]:
    """Return tables after 300 of 340 bars of a symbol, and the records of the others."""
    dynamo = FakeDynamo()
    day = records(list(random_bars(1, 340)))
    function(dynamo).apply(day[:300])
    return dynamo, day[300:]


def function(dynamo: FakeDynamo) -> Batches:
    store = DynamoStore(dynamo.direct(), ROWS, STATE)
    return Batches(store, lambda: Processor(SPECS), clock=lambda: START + 10**9)


def damages(item: dict[str, Any], whole: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield the item without each of its attributes but those, and with something else in its place."""
    for name in item.keys() - set(whole):
        yield {other: value for other, value in item.items() if other != name}
        yield from ({**item, name: value} for value in FOREIGN)


def state_item(dynamo: FakeDynamo) -> dict[str, Any]:
    found: dict[str, Any] = dynamo.tables[STATE]["S00"]["state"]
    return found


def test_whatever_an_item_holds_it_is_read_or_refused_in_a_line_with_its_key() -> None:
    dynamo, _ = stored()
    row = next(item for item in dynamo.rows(ROWS))
    state = state_item(dynamo)
    newest = next(item for item in dynamo.rows(STATE) if item["stock_symbol"]["S"].startswith("<"))
    reads: tuple[tuple[Callable[[Any], Any], dict[str, Any]], ...] = (
        (lambda item: read_rows([item]), row | {"prediction": {"S": "UP"}, "as_known": {"M": {"open": {"N": "1"}}}}),
        (lambda item: read_rows([item], "item"), newest),
        (lambda item: final_rows([{"dynamodb": {"NewImage": item}}]), row | {"horizons": {"M": {"5": {"M": {}}}}}),
        (read_state, state),
        (lambda item: read_known(item, newest), state),
        (lambda item: read_known(state, item), newest),
    )
    refused = 0
    for read, item in reads:
        read(item)
        keys_of_the_table = ("stock_symbol", "timestamp") if read is reads[2][0] else ()
        for damaged in damages(item, keys_of_the_table):
            try:
                read(damaged)
            except StorageError as error:
                refused += "DynamoDB is damaged" in one_line(error)
    assert refused > 300


@pytest.mark.parametrize("damage", ["cut", "bits", "length", "gone"])
def test_a_damaged_state_is_computed_anew_from_its_rows(damage: str) -> None:
    wanted, rest = stored()
    function(wanted).apply(rest)
    dynamo, rest = stored()
    item = state_item(dynamo)
    data = bytes(item["data"]["B"])
    item["data"]["B"] = {
        "cut": data[:20], "bits": bytes(byte ^ 0xFF for byte in data), "length": b"\xff\xff\xff\xff" + data[4:],
        "gone": b"",
    }[damage]  # fmt: skip
    outcome = function(dynamo).apply(rest)
    assert len(outcome.renewed) == 1
    assert "S00" in outcome.renewed[0]
    assert list(dynamo.rows(ROWS)) == list(wanted.rows(ROWS))


def test_a_damaged_checkpoint_is_passed_over_for_an_older_one() -> None:
    dynamo = FakeDynamo()
    bars = list(random_bars(1, 600))
    day = records(bars)
    for start in range(0, len(day), 150):
        function(dynamo).apply(day[start : start + 150])
    wanted = copy.deepcopy(dynamo.tables)
    late = Bar(
        "S00", bars[590].timestamp, *(getattr(bars[590], name) for name in ("open", "high", "low", "close")), 7.0
    )
    again = [Record(len(day) + 1, "again", records([late])[0].data)]
    function(dynamo).apply(again)
    right = list(dynamo.rows(ROWS))
    dynamo.tables = wanted
    checkpoints = [name for name in dynamo.tables[STATE]["S00"] if name.startswith("checkpoint#")]
    assert len(checkpoints) == 2
    dynamo.tables[STATE]["S00"][max(checkpoints)]["data"]["B"] = b"no state"
    assert function(dynamo).apply(again).corrected == 1
    assert list(dynamo.rows(ROWS)) == right
    assert right[590]["volume"]["N"] == "7.0"
