"""moto copies a whole table, deeply and once for every operation of a transaction, to have something to go back to.

One shallow copy a transaction does. Items are replaced by a put and changed in place by an update only; updates are
made in the state table, which is small, so the items of large tables need no copy. And at every attribute of an item it
measures all the others for the limit of 400 KB, which tapeline itself holds to and has tests for.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

_SMALL = 2000


def install() -> None:
    """Change that for moto in this process; a second call changes nothing."""
    from moto.core.serialize import JSONSerializer
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.dynamo_type import LimitedSizeDict
    from moto.dynamodb.models.table import Table

    transact = DynamoDBBackend.transact_write_items
    if getattr(transact, "is_quick", False):
        return
    copies: dict[int, Any] = {}  # of the tables of the transaction under way: moto makes them before it changes any

    def quick(self: Any, transact_items: Any) -> None:
        copies.clear()
        transact(self, transact_items)

    def copied(table: Any, _: dict[int, Any]) -> Any:
        if id(table) not in copies:
            copies[id(table)] = _copy(table)
        return copies[id(table)]

    structure = JSONSerializer._serialize_type_structure

    def value_as_it_is(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name != "AttributeValue" or not isinstance(value, dict):
            structure(self, serialized, value, shape, key)
            return
        serialized[key] = made = {}
        for kind, content in value.items():
            if kind in {"S", "N"} and isinstance(content, str):
                made[kind] = content
            else:
                self._serialize(made, content, shape.members[kind], kind)

    quick.is_quick = True  # type: ignore[attr-defined]
    DynamoDBBackend.transact_write_items = quick  # type: ignore[method-assign]
    Table.__deepcopy__ = copied  # type: ignore[attr-defined]
    JSONSerializer._serialize_type_structure = value_as_it_is  # type: ignore[method-assign]
    LimitedSizeDict.__setitem__ = dict.__setitem__  # type: ignore[method-assign]


def _copy(table: Any) -> Any:
    small = sum(map(len, table.items.values())) <= _SMALL
    made = copy.copy(table)
    made.items = defaultdict(dict)
    for partition, own in table.items.items():
        made.items[partition] = {key: _item(item) for key, item in own.items()} if small else dict(own)
    return made


def _item(item: Any) -> Any:
    made = copy.copy(item)
    made.attrs = type(item.attrs)()
    made.attrs.update(item.attrs)
    return made
