"""Test the DynamoDB store against moto, with the faults of AWS that moto lacks put in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapeline.backends.aws import clients
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.dynamodb.changes import LATEST_PARTITIONS, TOGETHER
from tapeline.backends.aws.dynamodb.items import read_rows, row_items
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import Bar, Bars, Reject
from tapeline.core.messages import Commit, SymbolState
from tapeline.core.ports import KEPT_CHECKPOINTS, Store
from tapeline.core.rows import Row, Rows
from tapeline.errors import ConfigError, ConflictError, StorageError
from tests.aws.conftest import REGION, ROWS, STATE
from tests.conftest import MINUTE, START, random_bars
from tests.rows import random_rows, rows_of_symbol

Answer = Callable[[dict[str, Any]], Any]


class Faulty:
    """Answer the next calls of a method from `plans[method]` first; count every call."""

    def __init__(self, client: Any, **plans: Sequence[Answer]) -> None:
        self._client = client
        self.meta = client.meta
        self.plans = {method: list(plan) for method, plan in plans.items()}
        self.calls: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []

    def __getattr__(self, method: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls[method] += 1
            self.requests.append(request)
            plan = self.plans.get(method)
            return plan.pop(0)(request) if plan else getattr(self._client, method)(**request)

        return call


def refused(code: str, message: str = "why", status: int = 400, **more: Any) -> Answer:
    def answer(_: dict[str, Any]) -> Any:
        response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
        raise ClientError(response, "Call")  # type: ignore[arg-type]

    return answer


def cancelled(*codes: str) -> Answer:
    return refused("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


class Slept:
    """Stand in for `time.sleep`."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def slept() -> Slept:
    return Slept()


def everything(client: Any) -> list[list[str]]:
    """Return all items of both tables."""
    return [sorted(map(repr, client.scan(TableName=name)["Items"])) for name in (ROWS, STATE)]


def states(*symbols: str, data: bytes = b"x", timestamp: int = 5) -> dict[str, SymbolState]:
    return {symbol: SymbolState(timestamp, data, 7) for symbol in symbols}


def one(price: float, symbol: str = "S", timestamp: int = START, **more: Any) -> Bars:
    return Bars.of([replace(Bar(symbol, timestamp, price, price, price, price, 1.0), **more)])


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_ten_thousand_random_numbers_come_back_exactly() -> None:
    """Of any magnitude that DynamoDB holds."""
    rng = np.random.default_rng(0)
    values = rng.choice([-1.0, 1.0], 10_000) * rng.uniform(1, 10, 10_000) * 10.0 ** rng.integers(-129, 125, 10_000)
    names = tuple(f"v{i:02d}" for i in range(100))
    rows = replace(random_rows(random_bars(1, 100), names), indicator=values.reshape(100, 100))
    found = read_rows(list(row_items(rows, 0).values()))
    assert found.indicator.tobytes() == values.tobytes()
    assert found.bars.close.tobytes() == rows.bars.close.tobytes()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_written_so_that_dynamodb_holds_it(value: float) -> None:
    rows = replace(random_rows(one(1.0), ("x",)), indicator=np.array([[value]]))
    (item,) = row_items(rows, 0).values()
    text = item["indicator"]["M"]["x"]["N"]
    number = Decimal(text)
    assert len(number.as_tuple().digits) <= 38
    assert number == 0 or Decimal("1e-130") <= abs(number) <= Decimal("9.9999999999999999999999999999999999999e125")
    if value == 0 or 1e-130 <= abs(value) < 1e126:
        assert float(text) == value
    elif abs(value) < 1:
        assert number == 0
    else:
        assert float(text) == np.copysign(np.nextafter(1e126, 0), value)


def test_an_infinite_indicator_counts_as_not_warm_and_an_infinite_price_is_refused() -> None:
    rows = replace(random_rows(one(1.0), ("x", "y")), indicator=np.array([[np.inf, 2.0]]))
    assert next(iter(read_rows(list(row_items(rows, 0).values())))).indicator == {"y": 2.0}
    with pytest.raises(StorageError, match="the row of S at 2019-02-11 14:30:00 UTC has a price"):
        row_items(random_rows(one(np.inf), ()), 0)


def test_items_have_the_documented_names_and_types(dynamodb: Any) -> None:
    rows = replace(
        random_rows(one(2.5, "TSLA", open=1.5, final=False), ("rsi_14", "sma_20")),
        indicator=np.array([[50.0, np.nan]]), prediction=np.array([1], np.int8), probability=np.array([0.75]),
        model=np.array([0], np.int32),
    )  # fmt: skip
    DynamoStore(dynamodb, ROWS, STATE, row_days=30).commit(Commit(rows, {}, 0))
    (item,) = dynamodb.scan(TableName=ROWS)["Items"]
    assert item == {
        "stock_symbol": {"S": "TSLA"}, "timestamp": {"N": str(START)}, "open": {"N": "1.5"}, "high": {"N": "2.5"},
        "low": {"N": "2.5"}, "price": {"N": "2.5"}, "volume": {"N": "1.0"}, "final": {"BOOL": False},
        "indicator": {"M": {"rsi_14": {"N": "50.0"}}}, "prediction": {"S": "UP"}, "probability": {"N": "0.75"},
        "model": {"S": "m1"}, "expires_at": {"N": str(START // 1000 + 30 * 86_400)},
    }  # fmt: skip


# -- what one commit costs ---------------------------------------------------------------------------------------------


def test_a_symbols_newest_rows_and_its_state_are_one_transaction(dynamodb: Any) -> None:
    client = Faulty(dynamodb)
    store = DynamoStore(client, ROWS, STATE)
    bars = random_bars(30, 1)
    twice = Bars.concat((bars, replace(bars, close=bars.close + 1)))
    store.load(bars.symbols)
    store.commit(Commit(random_rows(twice), states(*bars.symbols), 0))
    assert client.calls == {"batch_get_item": 1, "transact_write_items": 1}
    assert store.latest().bars.close.tolist() == (bars.close + 1).tolist()
    client.calls.clear()
    assert store.load()[0] == states(*bars.symbols)
    assert client.calls == {"query": len(LATEST_PARTITIONS)}  # what it wrote itself it remembers
    client.calls.clear()
    assert DynamoStore(client, ROWS, STATE).load()[0] == states(*bars.symbols)
    assert client.calls == {"query": len(LATEST_PARTITIONS), "batch_get_item": 1}


@pytest.mark.parametrize(("names", "batches", "together"), [(("a",), 1, TOGETHER), (("a" * 50_000,), 2, 1)])
def test_older_rows_are_written_first_in_batches(
    dynamodb: Any, names: tuple[str, ...], batches: int, together: int
) -> None:
    client = Faulty(dynamodb)
    rows = random_rows(random_bars(1, 30), names)
    DynamoStore(client, ROWS, STATE).commit(Commit(rows, states("S00"), 0))
    assert client.calls == {"batch_write_item": batches, "transact_write_items": 1}
    assert len(client.requests[-1]["TransactItems"]) == together + 2
    assert "RequestItems" in client.requests[0]
    assert list(DynamoStore(dynamodb, ROWS, STATE).rows("S00")) == list(rows)


def test_transactions_keep_within_100_items_and_4_megabytes(dynamodb: Any) -> None:
    client = Faulty(dynamodb, transact_write_items=[lambda _: {}] * 20)
    symbols = [f"S{i:02d}" for i in range(100)]
    data = np.random.default_rng(0).bytes(200_000)
    large = {symbol: SymbolState(5, data) for symbol in symbols[:25]}
    rows = random_rows(random_bars(100, 1))
    DynamoStore(client, ROWS, STATE).commit(Commit(rows, large | states(*symbols[25:]), 0, large))
    sent = [request["TransactItems"] for request in client.requests if "TransactItems" in request]
    assert sum(map(len, sent)) == 100 * 3 + 25
    assert 95 < max(map(len, sent)) <= 100
    assert max(map(_bytes, sent)) < 4_000_000 < sum(map(_bytes, sent))


def test_a_forming_row_that_comes_after_a_newer_one_changes_nothing(dynamodb: Any) -> None:
    """Of a process that was believed dead, for one."""
    store = DynamoStore(dynamodb, ROWS, STATE)
    store.commit(Commit(random_rows(Bars.concat((one(1.0), one(2.0, timestamp=START + MINUTE)))), {}, 0))
    store.commit(Commit(random_rows(one(5.0, final=False)), {}, 0))
    assert [row.price for row in store.rows("S")] == [1.0, 2.0]


def test_a_forming_row_that_comes_after_the_final_one_of_its_bar_changes_nothing(dynamodb: Any) -> None:
    """Or the bar would be missing from the history that a correction replays."""
    dead, alive = DynamoStore(dynamodb, ROWS, STATE), DynamoStore(dynamodb, ROWS, STATE)
    dead.commit(Commit(random_rows(one(1.0, final=False)), states("S"), 0))
    dead.commit(Commit(random_rows(one(1.5, final=False)), {}, 0))
    alive.load(["S"])
    alive.commit(Commit(random_rows(one(2.0)), states("S", data=b"2"), 0))
    with pytest.raises(ConflictError, match="S"):
        dead.commit(Commit(random_rows(one(1.7, final=False)), {}, 0))
    assert [(row.price, row.final) for row in [*alive.rows("S"), *alive.latest()]] == [(2.0, True)] * 2


def test_a_forming_row_of_a_state_that_has_moved_on_is_a_conflict(dynamodb: Any) -> None:
    """Its indicators would be those of an older state."""
    dead, alive = DynamoStore(dynamodb, ROWS, STATE), DynamoStore(dynamodb, ROWS, STATE)
    dead.commit(Commit(random_rows(one(1.0)), states("S"), 0))
    alive.load(["S"])
    alive.commit(Commit(random_rows(one(2.0, timestamp=START + MINUTE)), states("S", data=b"2"), 0))
    late = Commit(random_rows(one(9.0, timestamp=START + 2 * MINUTE, final=False)), {}, 0)
    with pytest.raises(ConflictError, match="S"):
        dead.commit(late)
    assert [row.price for row in alive.rows("S")] == [1.0, 2.0]
    assert dead.load(["S"])[0] == states("S", data=b"2")
    dead.commit(late)
    assert [row.price for row in [*alive.rows("S"), *alive.latest()]] == [1.0, 2.0, 9.0, 9.0]


def test_a_forming_row_costs_two_plain_puts_and_no_transaction(dynamodb: Any) -> None:
    client = Faulty(dynamodb)
    store = DynamoStore(client, ROWS, STATE)
    store.commit(Commit(random_rows(one(1.0)), states("S"), 0))
    client.calls.clear()
    for price in (1.5, 1.7):
        store.commit(Commit(random_rows(one(price, timestamp=START + MINUTE, final=False)), {}, 0))
    assert client.calls == {"put_item": 4}
    assert [row.price for row in [*store.rows("S"), *store.latest()]] == [1.0, 1.7, 1.7]
    puts = [request for request in client.requests if "Item" in request]
    assert len(puts) == 4
    assert all("ConditionExpression" in request for request in puts)


def test_the_newest_rows_are_spread_over_partitions(dynamodb: Any) -> None:
    symbols = [f"S{number:03d}" for number in range(100)]
    bars = Bars.of([Bar(symbol, START, 1.0, 1.0, 1.0, 1.0, 1.0) for symbol in symbols])
    DynamoStore(dynamodb, ROWS, STATE).commit(Commit(random_rows(bars, ()), {}, 0))
    found = Counter(item["stock_symbol"]["S"] for item in dynamodb.scan(TableName=STATE)["Items"])
    assert set(found) == set(LATEST_PARTITIONS)
    assert len(found) >= 8, "5,000 symbols need 4,000 units a second, and each partition has 1,000"
    assert max(found.values()) < 3 * min(found.values())
    assert DynamoStore(dynamodb, ROWS, STATE).latest().bars.symbols == tuple(symbols)


def test_a_state_is_read_again_only_after_somebody_else_moved_it_on(dynamodb: Any) -> None:
    none = random_rows(random_bars()[:0])
    client = Faulty(dynamodb)
    ours, theirs = DynamoStore(client, ROWS, STATE), DynamoStore(dynamodb, ROWS, STATE)
    ours.commit(Commit(random_rows(one(1.0)), states("S"), 0))
    ours.commit(Commit(none, states("S", data=b"2"), 0))  # as a correction begins: no row comes with it
    client.requests.clear()
    assert ours.load(["S"])[0] == states("S", data=b"2")
    assert [len(request["RequestItems"][STATE]["Keys"]) for request in client.requests] == [1]
    theirs.load(["S"])
    theirs.commit(Commit(none, states("S", data=b"3"), 0))
    assert ours.load(["S"])[0] == states("S", data=b"3")
    theirs.commit(Commit(random_rows(one(0.5, timestamp=START - MINUTE)), states("S", data=b"4"), 0))  # of the past
    assert ours.load(["S"])[0] == states("S", data=b"4")
    assert [row.price for row in ours.latest()] == [1.0]


def test_the_forming_bar_is_loaded_with_the_state(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, ROWS, STATE)
    store.commit(Commit(random_rows(one(1.0)), states("S"), 0))
    assert store.load(["S"])[0]["S"].forming is None
    forming = one(1.5, timestamp=START + MINUTE, final=False)
    store.commit(Commit(random_rows(forming), {}, 0))
    assert store.load(["S"])[0]["S"].forming == next(iter(forming))


def _bytes(value: Any) -> int:
    """How many there are of them, wherever they are inside."""
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    return sum(map(_bytes, value)) if isinstance(value, list) else len(value) if isinstance(value, bytes) else 0


def test_checkpoints_that_are_not_kept_are_deleted_from_the_table(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, ROWS, STATE)
    none = random_rows(random_bars()[:0])
    for time in range(-50, 100, 10):
        store.commit(Commit(none, states("A", timestamp=time), 0, checkpoints=states("A", timestamp=time)))
    kept = dynamodb.query(
        TableName=STATE, KeyConditionExpression="stock_symbol = :s AND begins_with(#i, :c)",
        ExpressionAttributeNames={"#i": "item"},
        ExpressionAttributeValues={":s": {"S": "A"}, ":c": {"S": "checkpoint#"}},
    )["Items"]  # fmt: skip
    assert [int(item["timestamp"]["N"]) for item in kept] == list(range(90 - 10 * (KEPT_CHECKPOINTS - 1), 100, 10))
    again = DynamoStore(dynamodb, ROWS, STATE)
    again.load(["A"])
    again.commit(Commit(none, {}, 0, rewound={"A": -60}))
    assert again.checkpoint("A", 1000) is None
    assert again.load(["A"])[0] == states("A", timestamp=90)


def test_checkpoints_before_1970_are_in_the_order_of_time(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, ROWS, STATE)
    none = random_rows(random_bars()[:0])
    for time in (-20, -10, 0, 10):
        store.commit(Commit(none, {}, 0, checkpoints={"A": SymbolState(time, b"x")}))
    assert [store.checkpoint("A", time) for time in (-20, -19, 0, 1)] == [
        None, SymbolState(-20, b"x"), SymbolState(-10, b"x"), SymbolState(0, b"x"),
    ]  # fmt: skip


def test_positions_of_73_digits_and_a_state_before_its_first_bar_come_back(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, ROWS, STATE)
    state = SymbolState(-(1 << 62), b"\0" * 9, (10**12 - 1 << 200) + (1 << 186) - 1)
    store.commit(Commit(random_rows(one(1.0)), {"S": state}, 0))
    assert store.load(["S", "S", "T"]) == ({"S": state}, 0)


def test_rows_of_the_past_do_not_become_the_latest(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, ROWS, STATE)
    store.commit(Commit(random_rows(one(2.0, timestamp=START)), {}, 0))
    older = Bars.concat((one(1.0, timestamp=START - MINUTE), one(3.0, "T", START - MINUTE)))
    store.commit(Commit(random_rows(older), states("S", "T"), 0))
    assert [(row.stock_symbol, row.price) for row in store.latest()] == [("S", 2.0), ("T", 3.0)]
    assert len(store.rows("S")) == 2
    assert store.load(["S", "T"])[0] == states("S", "T")


def test_a_range_of_more_than_a_megabyte_is_read_to_its_end(dynamodb: Any) -> None:
    """A page ends at 1 MB, also when a limit was asked for."""
    names = tuple(f"an_indicator_with_a_long_name_{'x' * 400}_{i}" for i in range(80))
    rows = random_rows(random_bars(1, 40), names)
    client = Faulty(dynamodb)
    store = DynamoStore(client, ROWS, STATE)
    store.commit(Commit(rows, {}, 0))
    client.calls.clear()
    assert list(store.rows("S00")) == list(rows)
    assert client.calls["query"] > 1
    assert list(store.rows("S00", limit=39)) == list(rows)[1:]


def test_an_empty_range_asks_nothing(dynamodb: Any) -> None:
    client = Faulty(dynamodb)
    store = DynamoStore(client, ROWS, STATE)
    assert len(store.rows("S", 10, 10)) == len(store.rows("S", 10, 5)) == len(store.rows("S", limit=0)) == 0
    assert store.load([]) == ({}, 0)
    assert not client.calls


def test_a_commit_with_rejects_is_refused(dynamodb: Any) -> None:
    with pytest.raises(ValueError, match="rejects"):
        DynamoStore(dynamodb, ROWS, STATE).commit(
            Commit(random_rows(one(1.0)), {}, 0, rejects=[Reject("a", "b", "c", b"d")])
        )
    assert everything(dynamodb) == [[], []]


# -- faults ------------------------------------------------------------------------------------------------------------


def test_unprocessed_items_are_sent_again(dynamodb: Any, slept: Slept) -> None:
    def half(request: dict[str, Any]) -> Any:
        puts = request["RequestItems"][ROWS]
        dynamodb.batch_write_item(RequestItems={ROWS: puts[:10]})
        return {"UnprocessedItems": {ROWS: puts[10:]}}

    rows = random_rows(random_bars(1, 40 + TOGETHER))
    client = Faulty(dynamodb, batch_write_item=[half, half])
    store = DynamoStore(client, ROWS, STATE, sleep=slept)
    store.commit(Commit(rows, {}, 0))
    assert list(store.rows("S00")) == list(rows)
    assert len(slept.seconds) == 2


def test_unprocessed_keys_are_asked_for_again(dynamodb: Any, slept: Slept) -> None:
    def half(request: dict[str, Any]) -> Any:
        keys = request["RequestItems"][STATE]["Keys"]
        answer = dynamodb.batch_get_item(RequestItems={STATE: {"Keys": keys[:3]}})
        return {"Responses": answer["Responses"], "UnprocessedKeys": {STATE: {"Keys": keys[3:]}}}

    symbols = [f"A{i}" for i in range(8)]
    client = Faulty(dynamodb, batch_get_item=[half])
    store = DynamoStore(client, ROWS, STATE, sleep=slept)
    store.commit(Commit(random_rows(random_bars()[:0]), states(*symbols), 0))
    assert store.load(symbols)[0] == states(*symbols)
    assert len(slept.seconds) == 1


def test_items_that_are_never_written_are_an_error_and_no_state_is_written(dynamodb: Any, slept: Slept) -> None:
    client = Faulty(dynamodb, batch_write_item=[lambda r: {"UnprocessedItems": r["RequestItems"]}] * 100)
    store = DynamoStore(client, ROWS, STATE, sleep=slept)
    with pytest.raises(
        StorageError, match="stock-table: dynamodb:BatchWriteItem failed: 3 of 3 items were left undone"
    ):
        store.commit(Commit(random_rows(random_bars(1, 3 + TOGETHER)), states("S00"), 0))
    assert client.calls["batch_write_item"] == 9
    assert all(0 <= pause <= min(2, 0.05 * 2**i) for i, pause in enumerate(slept.seconds))
    assert everything(dynamodb) == [[], []]


@pytest.mark.parametrize(
    "fault",
    [
        refused("ProvisionedThroughputExceededException"),
        refused("RequestLimitExceeded"),
        refused("ThrottlingException"),
        refused("InternalServerError", status=500),
        refused("", status=503),
    ],
)
def test_throttled_calls_are_repeated_up_to_a_limit(dynamodb: Any, slept: Slept, fault: Answer) -> None:
    client = Faulty(
        dynamodb, batch_write_item=[fault] * 3, transact_write_items=[fault] * 3, query=[fault] * 3,
        batch_get_item=[fault] * 3,
    )  # fmt: skip
    store = DynamoStore(client, ROWS, STATE, sleep=slept)
    rows = random_rows(random_bars(2, 2 + TOGETHER))
    store.commit(Commit(rows, states("S00"), 0))
    assert list(store.rows("S00")) == rows_of_symbol(rows, "S00")
    assert store.load(["S00"])[0] == states("S00")
    assert len(slept.seconds) == 12
    client.plans["query"] = [fault] * 9
    with pytest.raises(StorageError, match=r"stock-table: dynamodb:Query failed: .*given up after 9 attempts"):
        store.rows("S00")


def test_a_state_that_another_process_changed_is_kept_and_the_others_are_written(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapeline.backends.aws.dynamodb.transactions._OPERATIONS", 6)  # two transactions
    symbols = [f"S{i:02d}" for i in range(6)]
    rows = random_rows(random_bars(6, 1))
    ours, theirs = DynamoStore(dynamodb, ROWS, STATE), DynamoStore(dynamodb, ROWS, STATE)
    ours.commit(Commit(rows, states(*symbols), 0))
    theirs.load(["S01", "S05"])
    theirs.commit(Commit(random_rows(random_bars()[:0]), states("S01", "S05", data=b"theirs"), 0))
    new = Commit(rows, states(*symbols, data=b"ours"), 0, checkpoints=states("S01", data=b"ours"))
    with pytest.raises(ConflictError) as caught:
        ours.commit(new)
    assert caught.value.symbols == ("S01", "S05")
    found, _ = ours.load()
    assert {symbol for symbol, state in found.items() if state.data == b"theirs"} == {"S01", "S05"}
    assert {state.data for state in found.values()} == {b"ours", b"theirs"}
    assert ours.checkpoint("S01", 100) is None
    ours.commit(new)  # loaded again
    assert {state.data for state in ours.load()[0].values()} == {b"ours"}


def test_a_conflict_remains_until_the_state_is_loaded_again(dynamodb: Any) -> None:
    none = random_rows(random_bars()[:0])
    ours, theirs = DynamoStore(dynamodb, ROWS, STATE), DynamoStore(dynamodb, ROWS, STATE)
    ours.commit(Commit(none, states("A"), 0))
    for _ in range(2):
        with pytest.raises(ConflictError, match="A"):
            theirs.commit(Commit(none, states("A", "B", data=b"unseen"), 0))
    assert ours.load(["A"])[0] == states("A")
    assert theirs.load(["B"])[0] == states("B", data=b"unseen")


def test_two_processes_that_start_a_symbol_at_once_do_not_both_succeed(dynamodb: Any) -> None:
    none = random_rows(random_bars()[:0])
    first, second = DynamoStore(dynamodb, ROWS, STATE), DynamoStore(dynamodb, ROWS, STATE)
    assert first.load(["A"])[0] == second.load(["A"])[0] == {}
    first.commit(Commit(none, states("A"), 0))
    with pytest.raises(ConflictError):
        second.commit(Commit(none, states("A", data=b"other"), 0))


def test_a_transaction_that_conflicts_with_another_is_repeated(dynamodb: Any, slept: Slept) -> None:
    faults = [cancelled("None", "None", "TransactionConflict"), cancelled("ThrottlingError", "None", "None")]
    client = Faulty(dynamodb, transact_write_items=faults)
    store = DynamoStore(client, ROWS, STATE, sleep=slept)
    store.commit(Commit(random_rows(one(1.0)), states("S"), 0))
    assert store.load(["S"])[0] == states("S")
    assert len(slept.seconds) == 2
    client.plans["transact_write_items"] = [cancelled("None", "None", "TransactionConflict")] * 9
    with pytest.raises(StorageError, match=r"stock-state: dynamodb:TransactWriteItems failed: .*TransactionConflict"):
        store.commit(Commit(random_rows(one(1.0)), states("S", data=b"y"), 0))


def test_a_transaction_that_cannot_be_made_names_the_symbol(dynamodb: Any) -> None:
    client = Faulty(dynamodb, transact_write_items=[cancelled("None", "None", "ValidationError")])
    with pytest.raises(StorageError, match="ValidationError for S;"):
        DynamoStore(client, ROWS, STATE).commit(Commit(random_rows(one(1.0)), states("S"), 0))


def test_after_a_lost_answer_the_same_transaction_is_sent_again(dynamodb: Any, slept: Slept) -> None:
    """DynamoDB does a transaction with a token once: the condition would not hold a second time."""

    def lost(_: dict[str, Any]) -> Any:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    client = Faulty(dynamodb, transact_write_items=[lost])
    store = DynamoStore(client, ROWS, STATE, sleep=slept)
    store.commit(Commit(random_rows(one(1.0)), states("S"), 0))
    store.commit(Commit(random_rows(one(2.0)), states("S"), 0))
    tokens = [request["ClientRequestToken"] for request in client.requests if "ClientRequestToken" in request]
    assert tokens[0] == tokens[1] != tokens[2]


def test_after_an_unknown_outcome_the_state_must_be_loaded_again(dynamodb: Any, slept: Slept) -> None:
    def done_but_lost(request: dict[str, Any]) -> Any:
        dynamodb.transact_write_items(**request)
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    def lost(_: dict[str, Any]) -> Any:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    client = Faulty(dynamodb, transact_write_items=[done_but_lost, *[lost] * 8])
    store = DynamoStore(client, ROWS, STATE, sleep=slept)
    new = Commit(random_rows(one(1.0)), states("S"), 0)
    with pytest.raises(StorageError, match="Read timeout"):
        store.commit(new)
    with pytest.raises(ConflictError):
        store.commit(new)
    assert store.load(["S"])[0] == states("S")
    store.commit(new)


@pytest.mark.parametrize("method", ["batch_write_item", "transact_write_items"])
def test_a_crash_anywhere_and_the_same_commit_again_leave_the_same_items(dynamodb: Any, method: str) -> None:
    def crash(_: dict[str, Any]) -> Any:
        raise KeyboardInterrupt

    rows = random_rows(random_bars(2, 2 * TOGETHER + 10))
    symbols = ("S00", "S01")
    commits = [
        Commit(rows[:50], states(*symbols), 0, checkpoints=states("S00", timestamp=1)),
        Commit(rows[50:], states(*symbols, data=b"2"), 0, checkpoints=states("S00", timestamp=9)),
    ]
    for commit in commits:
        dead = DynamoStore(Faulty(dynamodb, **{method: [crash]}), ROWS, STATE)
        dead.load(symbols)
        with pytest.raises(KeyboardInterrupt):
            dead.commit(commit)
        alive = DynamoStore(dynamodb, ROWS, STATE)
        alive.load(symbols)
        alive.commit(commit)
    found = everything(dynamodb)
    for name, key in ((ROWS, "timestamp"), (STATE, "item")):
        for item in dynamodb.scan(TableName=name)["Items"]:
            dynamodb.delete_item(TableName=name, Key={part: item[part] for part in ("stock_symbol", key)})
    undisturbed = DynamoStore(dynamodb, ROWS, STATE)
    for commit in commits:
        undisturbed.commit(commit)
    assert everything(dynamodb) == found


def test_a_row_or_state_above_400_kilobytes_is_refused_before_anything_is_written(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, ROWS, STATE)
    names = tuple(f"an_indicator_of_many_{i}" for i in range(12_000))
    rows = random_rows(one(1.0, "TSLA"), names)
    with pytest.raises(StorageError, match=r"the row of TSLA at 2019-02-11 14:30:00 UTC has about \d+ bytes"):
        store.commit(Commit(rows, {}, 0))
    large = {"AAPL": SymbolState(1, np.random.default_rng(0).bytes(400_000))}
    with pytest.raises(StorageError, match=r"the state of AAPL has \d+ bytes"):
        store.commit(Commit(random_rows(one(1.0)), large, 0))
    assert everything(dynamodb) == [[], []]
    store.commit(Commit(rows[:0], {"AAPL": SymbolState(1, bytes(400_000))}, 0))


def test_a_row_just_below_400_kilobytes_is_not_refused() -> None:
    """Though its names alone come near."""
    names = tuple(f"an_indicator_of_many_{i:05d}" for i in range(12_000))
    rows = replace(random_rows(one(1.0), names), indicator=np.ones((1, 12_000)))
    assert len(row_items(rows, 0)) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            refused("AccessDeniedException", "User: x is not authorized to perform: dynamodb:Query\nmore"),
            r"table stock-table: dynamodb:Query failed: AccessDeniedException: .*; allow dynamodb:Query in the policy",
        ),
        (refused("ExpiredTokenException"), "check the credentials"),
        (refused("UnrecognizedClientException"), "check the credentials"),
        (refused("ValidationException"), "dynamodb:Query failed: ValidationException: why;"),
    ],
)
def test_a_refusal_is_one_line(dynamodb: Any, slept: Slept, fault: Answer, message: str) -> None:
    store = DynamoStore(Faulty(dynamodb, query=[fault]), ROWS, STATE, sleep=slept)
    with pytest.raises(StorageError, match=message) as caught:
        store.rows("S")
    assert "\n" not in str(caught.value)
    assert slept.seconds == []


def test_a_missing_table_is_named(dynamodb: Any) -> None:
    with pytest.raises(StorageError, match=r"table other: dynamodb:Query failed: ResourceNotFound.*create it"):
        DynamoStore(dynamodb, "other", STATE).rows("S")


def test_missing_credentials_are_one_line(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    client = boto3.session.Session().client("dynamodb", region_name=REGION)
    with pytest.raises(StorageError, match="table stock-state: dynamodb:Query failed: Unable to locate credentials"):
        DynamoStore(client, ROWS, STATE).latest()


def test_a_missing_region_is_one_line(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError, match="no dynamodb client: You must specify a region"):
        clients.client("dynamodb")


# -- the same as the embedded store ------------------------------------------------------------------------------------

_COMMITS = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6)), max_size=6),
        st.dictionaries(st.sampled_from("ABC"), st.integers(0, 12), max_size=2),
        st.dictionaries(st.sampled_from("ABC"), st.integers(0, 12), max_size=1),
    ),
    min_size=1,
    max_size=5,
)


def _commit(seed: int, places: list[tuple[int, int]], kept: Mapping[str, int], rewound: Mapping[str, int]) -> Commit:
    rng = np.random.default_rng(seed)
    prices = rng.uniform(1, 2, len(places))
    bars = Bars.of(
        Bar("ABC"[symbol], START + MINUTE * place, price, price, price, price, 1.0)
        for (symbol, place), price in zip(places, prices.tolist(), strict=True)
    )
    rows = random_rows(bars, seed=seed)
    touched = {symbol: SymbolState(START, rng.bytes(4)) for symbol in bars.symbols}
    checkpoints = {symbol: SymbolState(time, rng.bytes(4)) for symbol, time in kept.items()}
    return Commit(rows, touched, 0, checkpoints, rewound)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=_COMMITS)
def test_any_commits_read_the_same_from_both_stores(
    dynamodb: Any, commits: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name, key in ((ROWS, "timestamp"), (STATE, "item")):
        for item in dynamodb.scan(TableName=name)["Items"]:
            dynamodb.delete_item(TableName=name, Key={part: item[part] for part in ("stock_symbol", key)})
    database = Database(tmp_path_factory.mktemp("embedded") / "tapeline.db")
    both: tuple[Store, Store] = SqliteStore(database), DynamoStore(dynamodb, ROWS, STATE)
    try:
        for parts in commits:
            for store in both:
                store.commit(_commit(*parts))
        embedded, cloud = [_seen(store) for store in both]
        assert embedded == cloud
    finally:
        database.close()


def _seen(store: Store) -> list[Any]:
    """Return what both stores keep: the embedded one has no indicators, they are computed on reading."""
    return [
        store.load(),
        list(store.latest()),
        *(_without_indicators(store.rows(symbol)) for symbol in "ABC"),
        *(_without_indicators(store.rows(symbol, START + MINUTE, START + 4 * MINUTE, 2)) for symbol in "ABC"),
        *(store.checkpoint(symbol, time) for symbol in "ABC" for time in (0, 5, 13)),
    ]


def _without_indicators(rows: Rows) -> list[Row]:
    return [replace(row, indicator={}) for row in rows]
