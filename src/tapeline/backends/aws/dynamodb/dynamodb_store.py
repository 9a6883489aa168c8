"""Store rows and states in two DynamoDB tables: a symbol's newest rows with its state, on condition of its version."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from tapeline.backends.aws.dynamodb.changes import (
    CHECKPOINT,
    LATEST_PARTITIONS,
    StateChange,
    checkpoint_item,
    forming_condition,
    latest_item,
    latest_key,
    rows_per_transaction,
    state_key,
)
from tapeline.backends.aws.dynamodb.items import DynamoItem, read_rows, row_items
from tapeline.backends.aws.dynamodb.stored_states import KnownState, read_known, read_state, row_version
from tapeline.backends.aws.dynamodb.table import Table
from tapeline.backends.aws.dynamodb.transactions import write
from tapeline.core.messages import Commit, SymbolState
from tapeline.core.rows import Rows
from tapeline.core.series import is_series_of, series_span
from tapeline.errors import ConflictError
from tapeline.forecast.range_model import RangeModel

_EARLIEST, _LAST = -(1 << 62), 1 << 62
_PARTITIONS = frozenset(LATEST_PARTITIONS)

#: Calls under way at once, of those that go one by one: a call takes milliseconds, and hardly any of this processor.
PARALLEL = 8

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


class DynamoStore:
    """Implement `Store` over two tables.

    Rows have the keys `stock_symbol` and `timestamp`, states `stock_symbol` and `item`. `client` is a boto3 DynamoDB
    client; its own retries may be off. With `row_days` > 0 a row expires that many days after its bar. `sleep` waits
    for seconds before a refused call is repeated; `ranges` returns the range models of these versions, as far as it
    knows them, which rows are written with. `load` and `commit` are for one thread; the others are for any.

    A state is written only if its version is the one that this object loaded or wrote last; a symbol that was never
    loaded counts as one without a state. After a `ConflictError`, or a `StorageError` whose outcome is unknown, the
    symbol counts as never loaded, so that a commit without loading it again is a conflict too and overwrites nothing.

    The newest rows of a symbol are written in the transaction of its state, so they hold under the same condition; of
    more than `TOGETHER` rows the older ones are written first, without a condition. A forming row alone is written with
    two plain conditional puts, which cost half of a transaction: it gives way to a newer row and to the final one of
    its bar, and is a conflict where the state has moved on.

    A state that is remembered here is not read again while the newest row says that it is still the one.

    States carry their own position: `Commit.position` is not kept. Rejected records are not kept here either.
    """

    keeps_indicators = True

    def __init__(
        self, client: Any, rows_table: str, state_table: str, *, row_days: int = 0,
        sleep: Callable[[float], None] = time.sleep,
        ranges: Callable[[Sequence[str]], Mapping[str, RangeModel]] = lambda _: {},
    ) -> None:  # fmt: skip
        self._rows = Table(client, rows_table, sleep)
        self._states = Table(client, state_table, sleep)
        self._row_days = row_days
        self._ranges = ranges
        self._known: dict[str, KnownState] = {}
        self._remembered: dict[str, SymbolState] = {}

    # -- writing -----------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        """Write of every symbol the newest rows, state, checkpoints and newest-row item at once, older rows before.

        Of a symbol with a forming row only, that row and the newest-row item, one after the other.

        Raises `ConflictError` after the other symbols were written, `StorageError` when DynamoDB refuses, and
        `ValueError` for a commit with rejects.
        """
        if commit.rejects:
            raise ValueError("rejects are not kept in DynamoDB")
        items: dict[str, list[DynamoItem]] = {}
        models = self._ranges(commit.rows.models) if (commit.rows.said_ranges[1] >= 0).any() else {}
        for (symbol, _), item in sorted(row_items(commit.rows, self._row_days, models).items()):
            items.setdefault(symbol, []).append(item)
        moved = commit.states.keys() | commit.checkpoints.keys() | commit.rewound.keys()
        forming = {
            symbol: own[0]
            for symbol, own in items.items()
            if symbol not in moved and len(own) == 1 and not own[0]["final"]["BOOL"]
        }
        changes = self._changes(commit, {symbol: own for symbol, own in items.items() if symbol not in forming})
        self._rows.put([item for own in items.values() for item in own[: -rows_per_transaction(own)]])
        for change in changes:
            if change.after is not None:
                self._forget(change.symbol)  # until it is certain what is stored
        conflicts = write(self._states, changes, self._done)
        conflicts += [symbol for symbol in _each(self._put_forming, forming.items()) if symbol]
        if conflicts:
            for symbol in conflicts:
                self._forget(symbol)
            raise ConflictError(conflicts)

    def _forget(self, symbol: str) -> None:
        self._known.pop(symbol, None)
        self._remembered.pop(symbol, None)

    def _done(self, change: StateChange) -> None:
        if change.after is not None:
            self._known[change.symbol] = change.after
            if change.state is not None:
                self._remembered[change.symbol] = replace(change.state, forming=None)

    def _put_forming(self, given: tuple[str, DynamoItem]) -> str:
        """Put a forming row of a bar that goes on, unless it is of the past. Return the symbol if that is a conflict.

        The newest row comes first: a crash in between leaves the other one a little older, until the record is applied
        again.
        """
        symbol, item = given
        known = self._known.get(symbol)
        version = known.version if known else 0
        stored = self._states.put_if(latest_item(symbol, item, version), *forming_condition(item, known))
        if stored is not None:
            return symbol if known is not None and row_version(stored) != known.row_version else ""
        if known is not None:
            self._known[symbol] = replace(known, row_version=version)
        names, values = {"#final": "final"}, {":final": {"BOOL": False}}
        self._rows.put_if(item, "attribute_not_exists(#final) OR #final = :final", names, values)
        return ""

    def _changes(self, commit: Commit, items: Mapping[str, Sequence[DynamoItem]]) -> list[StateChange]:
        moved = dict.fromkeys([*commit.states, *commit.checkpoints, *commit.rewound])
        changes = []
        for symbol in dict.fromkeys([*items, *moved]):
            change = StateChange(symbol)
            if symbol in items:
                change.to_rows(self._rows.name, items[symbol][-rows_per_transaction(items[symbol]) :])
            if symbol in moved:
                known = self._known.get(symbol, KnownState())
                parts = (commit.states.get(symbol), commit.checkpoints.get(symbol), commit.rewound.get(symbol))
                change.to_state(self._states.name, known, *parts)
            if symbol in items:
                change.to_latest(self._states.name, items[symbol][-1])
            else:
                change.to_version_of_latest(self._states.name)
            changes.append(change)
        return changes

    # -- reading -----------------------------------------------------------------------------------------------------

    def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
        """Return the states, and 0. Without `symbols`: of all that have a newest row, which every state has beside it.

        The newest rows come first, with the states that are not remembered here; then the states of which the newest
        row says that they have moved on. In a process that wrote a symbol last that is one small item a symbol.
        """
        newest = {item["item"]["S"]: item for item in self._newest()} if symbols is None else {}
        wanted = list(dict.fromkeys(newest if symbols is None else symbols))
        unknown = [symbol for symbol in wanted if symbol not in self._remembered]
        keys = [latest_key(symbol) for symbol in wanted if symbol not in newest]
        others, found = self._items(keys + list(map(state_key, unknown)))
        newest |= others
        moved = []
        for symbol in wanted:
            if symbol in self._remembered:
                version = self._known[symbol].version
                if row_version(newest.get(symbol)) == version:
                    self._known[symbol] = replace(self._known[symbol], row_version=version)
                else:
                    moved.append(symbol)
        if moved:
            found |= self._items(list(map(state_key, moved)))[1]
        for symbol in [*unknown, *moved]:
            self._forget(symbol)
        for symbol, item in found.items():
            known = read_known(item, newest.get(symbol))
            if "data" in item:
                self._remembered[symbol] = read_state(item)
            self._known[symbol] = known
        states = {symbol: self._remembered[symbol] for symbol in wanted if symbol in self._remembered}
        for bar in read_rows([item for item in newest.values() if item.get("final") != {"BOOL": True}], "item").bars:
            if bar.symbol in states:
                states[bar.symbol] = replace(states[bar.symbol], forming=bar)
        return states, 0

    def _items(self, keys: Sequence[DynamoItem]) -> tuple[dict[str, DynamoItem], dict[str, DynamoItem]]:
        """Return the newest rows and the states of these keys, by symbol."""
        newest: dict[str, DynamoItem] = {}
        states: dict[str, DynamoItem] = {}
        for item in self._states.get(keys):
            partition = item["stock_symbol"]["S"]
            if partition in _PARTITIONS:
                newest[item["item"]["S"]] = item
            else:
                states[partition] = item
        return newest, states

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        """Return the newest kept checkpoint before `timestamp` that is whole, None when none is kept."""
        last = checkpoint_item(timestamp - 1)
        found = self._states.query(symbol, "item", CHECKPOINT, last, ScanIndexForward=False, Limit=1)
        return next((state for state in map(read_state, found) if state.data), None)

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return the rows in the order of time; `names` has the indicators that are warm in any of them, sorted."""
        first = _EARLIEST if start is None else start
        last = _LAST if end is None else end - 1
        if first > last or limit == 0:
            return read_rows(())
        newest = {} if limit is None else {"ScanIndexForward": False, "Limit": limit}
        found = list(itertools.islice(self._rows.query(symbol, "timestamp", first, last, **newest), limit))
        return read_rows(found[::-1] if newest else found)

    def latest(self) -> Rows:
        """Return the newest row of every symbol, without indicators, sorted by symbol."""
        return read_rows(self._newest(), "item")

    def series(self, symbol: str) -> tuple[str, ...]:
        """Return the names of the symbol's series, whose newest rows are in one partition."""
        found = self._states.query(latest_key(symbol)["stock_symbol"]["S"], "item", *series_span(symbol))
        names = (str(item["item"]["S"]) for item in found)
        return tuple(sorted(name for name in names if is_series_of(name, symbol)))

    def _newest(self) -> list[DynamoItem]:
        """Return the newest row of every symbol, sorted by symbol."""
        partitions = _each(lambda partition: list(self._states.query(partition)), LATEST_PARTITIONS)
        return sorted(itertools.chain(*partitions), key=lambda item: str(item["item"]["S"]))


def _each(call: Callable[[_Given], _Found], given: Iterable[_Given]) -> list[_Found]:
    """Return what the call returns for each, in order; a few are under way at once."""
    each = list(given)
    if len(each) < 2 or PARALLEL < 2:
        return [call(one) for one in each]
    with ThreadPoolExecutor(min(PARALLEL, len(each))) as pool:
        return list(pool.map(call, each))
