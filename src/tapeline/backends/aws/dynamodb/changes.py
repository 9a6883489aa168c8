"""Gather what changes for one symbol, all of it or nothing; `transactions` writes it.

A symbol's newest rows travel with its state, so no row of a process that was believed dead gets past the state's
condition.
In the state table a symbol's items are `state` and one `checkpoint#...` for every kept checkpoint. Its newest row,
without indicators, is in one of `LATEST_PARTITIONS`, where the newest rows of all symbols are read with a query each:
DynamoDB takes 1,000 units a second for one partition key, so one key for all would throttle 1,000 symbols.

A newest row carries the version of the state that it belongs to. Whoever remembers a state of that version needs not
read it again, and a forming row, which is written without the state, is refused where the state has moved on.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tapeline.backends.aws.dynamodb.items import DynamoItem
from tapeline.backends.aws.dynamodb.stored_states import STATE_OVERHEAD, KnownState, state_attributes
from tapeline.backends.aws.dynamodb.table import conditional
from tapeline.core.messages import SymbolState
from tapeline.core.ports import KEPT_CHECKPOINTS
from tapeline.core.series import symbol_of

#: Partitions of the newest rows. No ticker has these brackets, so no symbol can have such a partition of its own.
LATEST_PARTITIONS = tuple(f"<latest {number:02d}>" for number in range(8))

_ABSENT = "attribute_not_exists(#timestamp)"

#: The operation on a symbol's newest row.
LATEST = "latest"
STATE = "state"
CHECKPOINT = "checkpoint#"

#: Rows of one symbol that travel in the transaction of its state. A transaction costs twice the write units but holds
#: four times as many items as a batch; live, a commit has a row or two of a symbol, and after a pause hundreds.
TOGETHER = 20

#: Bytes of a row above which one travels alone, or the transaction of one symbol would be too large.
_LARGE_ROW = 40_000


@dataclass(slots=True)
class StateChange:
    """Gather operations on one symbol's items, by item: all of them are done, or none.

    `size` is about their bytes. `after` is what will be known of the state when they are done, None where the state
    stays as it is; `state` is the state itself, None where only checkpoints change.
    """

    symbol: str
    after: KnownState | None = None
    state: SymbolState | None = None
    size: int = 0
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_rows(self, table: str, items: Sequence[DynamoItem]) -> None:
        """Put the symbol's newest rows."""
        for item in items:
            self.size += row_bytes(item)
            self.operations[f"row {item['timestamp']['N']}"] = {"Put": {"TableName": table, "Item": item}}

    def drop_forming(self) -> None:
        """Leave out rows of bars that were forming: what is stored of them is newer, as the newest row is."""
        for name, operation in list(self.operations.items()):
            if name.startswith("row ") and not operation["Put"]["Item"]["final"]["BOOL"]:
                del self.operations[name]

    def to_latest(self, table: str, item: DynamoItem) -> None:
        """Put the newest row, unless a newer one is stored; a forming row gives way to the final one of its bar."""
        ways, names, values = _older_than(item)
        newest = latest_item(self.symbol, item, self.after.version if self.after else 0)
        self.size += 1000
        self.operations[LATEST] = {"Put": conditional(table, " OR ".join([_ABSENT, *ways]), names, values, Item=newest)}

    def to_version_of_latest(self, table: str) -> None:
        """Tell the newest row, where there is one, that the state moves on without it."""
        version = self.after.version if self.after else 0
        names, values = {"#version": "version"}, {":version": {"N": str(version)}}
        self.operations[LATEST] = {"Update": conditional(
            table, "attribute_exists(#version)", names, values, Key=latest_key(self.symbol),
            UpdateExpression="SET #version = :version",
        )}  # fmt: skip

    def without_newest_row(self, table: str) -> None:
        """Leave the newest row as it is, because what is stored is newer; but for its version, where that moves on."""
        refused = self.operations.pop(LATEST)
        if self.after is None:
            self.drop_forming()
        elif "Put" in refused:
            self.to_version_of_latest(table)

    def to_state(
        self, table: str, known: KnownState, state: SymbolState | None, checkpoint: SymbolState | None,
        rewound: int | None,
    ) -> None:  # fmt: skip
        """Put state and checkpoints, if nobody else has changed them. Raises `StorageError` when one is too large."""
        before = set(known.checkpoints)
        kept = {time for time in before if rewound is None or time < rewound}
        if checkpoint is not None:
            kept.add(checkpoint.timestamp)
        kept = set(sorted(kept)[-KEPT_CHECKPOINTS:])
        self.state = state
        self.after = KnownState(known.version + 1, tuple(sorted(kept)), known.version + 1)
        values: DynamoItem = {
            "version": {"N": str(self.after.version)},
            "checkpoints": {"L": [{"N": f"{time:d}"} for time in self.after.checkpoints]},
            **(self._counted(state) if state is not None else {}),
        }
        names = {f"#{name}": name for name in values}
        given = {f":{name}": value for name, value in values.items()}
        if known.version:
            given[":before"] = {"N": str(known.version)}
        self.size += 1000
        self.operations[STATE] = {"Update": conditional(
            table, "#version = :before" if known.version else "attribute_not_exists(#version)", names, given,
            Key=state_key(self.symbol), UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        )}  # fmt: skip
        for time in before - kept:
            name = checkpoint_item(time)
            self.operations[name] = {"Delete": {"TableName": table, "Key": _key(self.symbol, name)}}
        if checkpoint is not None and checkpoint.timestamp in kept:
            name = checkpoint_item(checkpoint.timestamp)
            item = _key(self.symbol, name) | self._counted(checkpoint)
            self.operations[name] = {"Put": {"TableName": table, "Item": item}}

    def _counted(self, state: SymbolState) -> DynamoItem:
        item = state_attributes(self.symbol, state)
        self.size += len(item["data"]["B"]) + STATE_OVERHEAD
        return item


def state_key(symbol: str) -> DynamoItem:
    """Return the key of a symbol's state."""
    return _key(symbol, STATE)


def row_bytes(item: DynamoItem) -> int:
    """Return an upper estimate of the bytes of a row's item."""
    names = item["indicator"]["M"]
    return 1000 + 24 * len(names) + sum(map(len, names))


def rows_per_transaction(items: Sequence[DynamoItem]) -> int:
    """Return how many of a symbol's newest rows travel in its transaction."""
    return 1 if any(row_bytes(item) > _LARGE_ROW for item in items[-TOGETHER:]) else TOGETHER


def latest_key(symbol: str) -> DynamoItem:
    """Return the key of the newest row of a series: symbols are spread evenly, and a symbol's series stay together."""
    return _key(LATEST_PARTITIONS[zlib.crc32(symbol_of(symbol).encode()) % len(LATEST_PARTITIONS)], symbol)


_LARGE = {"indicator", "horizons", "range_codes"}  # attributes of a row that its copy as the newest does without


def latest_item(symbol: str, row: DynamoItem, version: int) -> DynamoItem:
    """Return the item of the symbol's newest row, which belongs to the state of this version (0: to none known)."""
    own = {name: value for name, value in row.items() if name not in _LARGE}
    return own | latest_key(symbol) | {"version": {"N": str(version)}}


def forming_condition(row: DynamoItem, known: KnownState | None) -> tuple[str, dict[str, str], DynamoItem]:
    """Return when a forming row that comes without a state may become the newest: condition, names, values.

    Not after a newer row or the final one of its bar. And not when somebody else has written since `known`: the row was
    evaluated on a state that has moved on. None: nothing is known.
    """
    ways, names, values = _older_than(row)
    if known is not None:
        ways = [f"#version = :seen AND {way}" for way in ways]
        names, values = names | {"#version": "version"}, values | {":seen": {"N": str(known.row_version)}}
    return " OR ".join([_ABSENT, *ways]), names, values


def _older_than(row: DynamoItem) -> tuple[list[str], dict[str, str], DynamoItem]:
    """Return the ways in which a stored newest row is older than this one, with their names and values."""
    names, values = {"#timestamp": "timestamp"}, {":timestamp": row["timestamp"]}
    if row["final"]["BOOL"]:
        return ["#timestamp <= :timestamp"], names, values
    names, values = names | {"#final": "final"}, values | {":final": row["final"]}
    return ["#timestamp < :timestamp", "#timestamp = :timestamp AND #final = :final"], names, values


def checkpoint_item(timestamp: int) -> str:
    """Return the sort key of a checkpoint: in the order of time, before 1970 too."""
    return f"{CHECKPOINT}{timestamp + (1 << 63):020d}"


def _key(symbol: str, item: str) -> DynamoItem:
    return {"stock_symbol": {"S": symbol}, "item": {"S": item}}
