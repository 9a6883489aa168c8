"""Store rows and states in two DynamoDB tables: a symbol's newest rows with its state, on condition of its version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from tapeline.backends.aws.dynamodb.changes import (
    CHECKPOINT,
    LATEST,
    KnownState,
    StateChange,
    checkpoint_item,
    latest_key,
    read_known,
    read_state,
    rows_per_transaction,
    state_key,
    write,
)
from tapeline.backends.aws.dynamodb.items import DynamoItem, read_rows, row_items
from tapeline.backends.aws.dynamodb.table import Table
from tapeline.core.market import Rows
from tapeline.core.ports import Commit, SymbolState
from tapeline.errors import ConflictError

_EARLIEST, _LAST = -(1 << 62), 1 << 62


class DynamoStore:
    """Implement `Store` over two tables.

    Rows have the keys `stock_symbol` and `timestamp`, states `stock_symbol` and `item`. `client` is a boto3 DynamoDB
    client; its own retries may be off. With `row_days` > 0 a row expires that many days after its bar. `sleep` waits
    for seconds before a refused call is repeated. `load` and `commit` are for one thread; the others are for any.

    A state is written only if its version is the one that this object loaded or wrote last; a symbol that was never
    loaded counts as one without a state. After a `ConflictError`, or a `StorageError` whose outcome is unknown, the
    symbol counts as never loaded, so that a commit without loading it again is a conflict too and overwrites nothing.

    The newest rows of a symbol are written in the transaction of its state, so they hold under the same condition; of
    more than `TOGETHER` rows the older ones are written first, without a condition. A forming row alone gives way to a
    newer row, and to the final one of its bar.

    States carry their own position: `Commit.position` is not kept. Rejected records are not kept here either.
    """

    keeps_indicators = True

    def __init__(
        self,
        client: Any,
        rows_table: str,
        state_table: str,
        *,
        row_days: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rows = Table(client, rows_table, sleep)
        self._states = Table(client, state_table, sleep)
        self._row_days = row_days
        self._known: dict[str, KnownState] = {}

    # -- writing -----------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        """Write of every symbol the newest rows, state, checkpoints and newest-row item at once, older rows before.

        Raises `ConflictError` after the other symbols were written, `StorageError` when DynamoDB refuses, and
        `ValueError` for a commit with rejects.
        """
        if commit.rejects:
            raise ValueError("rejects are not kept in DynamoDB")
        items: dict[str, list[DynamoItem]] = {}
        for (symbol, _), item in sorted(row_items(commit.rows, self._row_days).items()):
            items.setdefault(symbol, []).append(item)
        changes = self._changes(commit, items)
        self._rows.put([item for own in items.values() for item in own[: -rows_per_transaction(own)]])
        for change in changes:
            if change.after is not None:
                self._known.pop(change.symbol, None)  # until it is certain what is stored
        conflicts = write(self._states, changes, self._done)
        if conflicts:
            raise ConflictError(conflicts)

    def _done(self, change: StateChange) -> None:
        if change.after is not None:
            self._known[change.symbol] = change.after

    def _changes(self, commit: Commit, items: Mapping[str, Sequence[DynamoItem]]) -> list[StateChange]:
        moved = dict.fromkeys([*commit.states, *commit.checkpoints, *commit.rewound])
        changes = []
        for symbol in dict.fromkeys([*items, *moved]):
            change = StateChange(symbol)
            if symbol in items:
                change.to_rows(self._rows.name, items[symbol][-rows_per_transaction(items[symbol]) :])
                change.to_latest(self._states.name, items[symbol][-1])
            if symbol in moved:
                known = self._known.get(symbol, KnownState())
                parts = (commit.states.get(symbol), commit.checkpoints.get(symbol), commit.rewound.get(symbol))
                change.to_state(self._states.name, known, *parts)
            changes.append(change)
        return changes

    # -- reading -----------------------------------------------------------------------------------------------------

    def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
        """Return the states, and 0. Without `symbols`: of all that have a newest row, which every state has beside it.

        That is one query for the names and a call for every 50 of them; a scan would read all checkpoints too.
        """
        if symbols is None:
            symbols = [item["item"]["S"] for item in self._newest()]
        wanted = list(dict.fromkeys(symbols))
        for symbol in wanted:
            self._known.pop(symbol, None)
        states: dict[str, SymbolState] = {}
        forming: list[DynamoItem] = []
        for item in self._states.get([key for symbol in wanted for key in (state_key(symbol), latest_key(symbol))]):
            symbol = item["stock_symbol"]["S"]
            if symbol == LATEST:
                if not item["final"]["BOOL"]:
                    forming.append(item)
                continue
            self._known[symbol] = read_known(item)
            if "data" in item:
                states[symbol] = read_state(item)
        for bar in read_rows(forming, "item").bars:
            if bar.symbol in states:
                states[bar.symbol] = replace(states[bar.symbol], forming=bar)
        return states, 0

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        """Return the newest kept checkpoint before `timestamp`, None when none is kept."""
        found = self._states.query(
            "#symbol = :symbol AND #item BETWEEN :first AND :last",
            {"#symbol": "stock_symbol", "#item": "item"},
            {
                ":symbol": {"S": symbol},
                ":first": {"S": CHECKPOINT},
                ":last": {"S": checkpoint_item(timestamp - 1)},
            },
            ScanIndexForward=False,
            Limit=1,
        )
        item = next(found, None)
        return None if item is None else read_state(item)

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return the rows in the order of time; `names` has the indicators that are warm in any of them, sorted."""
        first = _EARLIEST if start is None else start
        last = _LAST if end is None else end - 1
        if first > last or limit == 0:
            return read_rows(())
        found = self._rows.query(
            "#symbol = :symbol AND #timestamp BETWEEN :first AND :last",
            {"#symbol": "stock_symbol", "#timestamp": "timestamp"},
            {":symbol": {"S": symbol}, ":first": {"N": str(first)}, ":last": {"N": str(last)}},
            ScanIndexForward=limit is None,
            **({} if limit is None else {"Limit": limit}),
        )
        if limit is None:
            return read_rows(list(found))
        return read_rows(list(islice(found, limit))[::-1])

    def latest(self) -> Rows:
        """Return the newest row of every symbol, without indicators, sorted by symbol."""
        return read_rows(list(self._newest()), "item")

    def _newest(self) -> Iterator[DynamoItem]:
        """Yield the newest row of every symbol, sorted by symbol."""
        return self._states.query("#symbol = :latest", {"#symbol": "stock_symbol"}, {":latest": {"S": LATEST}})
