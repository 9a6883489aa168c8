"""List what DynamoDB's documentation says about the calls that tapeline makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.aws.conformance.table import MIB, Asked, limit, size

_API = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_"
_GUIDE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
_QUOTAS = f"{_GUIDE}Constraints.html"

#: The operations that write whole items, and those that carry expressions.
_WRITES = "PutItem BatchWriteItem TransactWriteItems"
_EXPRESSING = "Query Scan PutItem UpdateItem DeleteItem GetItem TransactWriteItems"
_ALL = "Query Scan PutItem UpdateItem DeleteItem GetItem BatchGetItem BatchWriteItem TransactWriteItems"

_ITEM_BYTES = 400 * 1024
_KEY_BYTES = {"stock_symbol": 2048, "item": 1024, "timestamp": 1024}
_LEGACY = {
    "AttributesToGet", "AttributeUpdates", "ConditionalOperator", "Expected", "KeyConditions", "QueryFilter",
    "ScanFilter",
}  # fmt: skip
_FUNCTIONS = {
    "ADD", "AND", "ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS", "ATTRIBUTE_TYPE", "BEGINS_WITH", "BETWEEN", "CONTAINS",
    "DELETE", "IF_NOT_EXISTS", "IN", "LIST_APPEND", "NOT", "OR", "REMOVE", "SET", "SIZE",
}  # fmt: skip


def items(asked: Asked) -> Iterator[dict[str, Any]]:
    """Yield every item that a request writes whole."""
    if "Item" in asked:
        yield asked["Item"]
    for requests in asked.get("RequestItems", {}).values():
        if isinstance(requests, list | tuple):
            yield from (each["PutRequest"]["Item"] for each in requests if "PutRequest" in each)
    for each in asked.get("TransactItems", ()):
        if "Put" in each:
            yield each["Put"]["Item"]


def written_keys(asked: Asked) -> Iterator[tuple[str, str]]:
    """Yield (table, key as text) of every item that a batch or a transaction touches."""
    for table, requests in asked.get("RequestItems", {}).items():
        if isinstance(requests, list | tuple):
            for each in requests:
                (how,) = each.values()
                yield table, _key(how.get("Item") or how["Key"])
        else:
            for key in requests["Keys"]:
                yield table, _key(key)
    for how in parts(asked):
        if "TransactItems" in asked:
            yield how["TableName"], _key(how.get("Item") or how["Key"])


def _key(item: dict[str, Any]) -> str:
    own = {name: item[name] for name in _KEY_BYTES if name in item}
    if "item" in own:
        own.pop("timestamp", None)  # of the state table `item` is the sort key
    return json.dumps(own or item, sort_keys=True, default=str)


def values(asked: Any) -> Iterator[dict[str, Any]]:
    """Yield every attribute value of a request, those within others too."""
    for item in [*items(asked), *_keys(asked), *_expression_values(asked)]:
        for value in item.values():
            yield from _nested(value)


def _keys(asked: Asked) -> Iterator[dict[str, Any]]:
    for name in ("Key", "ExclusiveStartKey"):
        if asked.get(name):
            yield asked[name]
    for how in parts(asked):
        if "TransactItems" in asked and "Key" in how:
            yield how["Key"]
    for requests in asked.get("RequestItems", {}).values():
        if not isinstance(requests, list | tuple):
            yield from requests["Keys"]


def _expression_values(asked: Asked) -> Iterator[dict[str, Any]]:
    for each in parts(asked):
        if each.get("ExpressionAttributeValues"):
            yield each["ExpressionAttributeValues"]


def parts(asked: Asked) -> Iterator[Asked]:
    """Yield the request, or each operation of a transaction: what has expressions of its own."""
    if "TransactItems" not in asked:
        yield asked
    for each in asked.get("TransactItems", ()):
        yield from each.values()


def _nested(value: dict[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    yield value
    for each in [*value.get("M", {}).values(), *value.get("L", ())]:
        yield from _nested(each, depth + 1)


def item_bytes(item: dict[str, Any]) -> int:
    """Return the size of an item as DynamoDB counts it (its guide, CapacityUnitCalculations.html)."""
    return sum(size(name) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    total = 0
    for kind, content in value.items():
        match kind:
            case "S" | "B":
                total += size(content)
            case "N":
                total += min(21, len(content.strip("-0.").replace(".", "")) // 2 + 2)
            case "M":
                total += 3 + sum(1 + size(name) + _value_bytes(each) for name, each in content.items())
            case "L":
                total += 3 + sum(1 + _value_bytes(each) for each in content)
            case "SS" | "NS" | "BS":
                total += sum(map(size, content))
            case _:
                total += 1
    return total


@limit("dynamodb", _WRITES, "an item has at most 400 KB", f"{_QUOTAS}#limits-items")
def _(asked: Asked) -> Iterator[str]:
    for item in items(asked):
        if item_bytes(item) > _ITEM_BYTES:
            yield f"an item of {item_bytes(item):,} bytes"


@limit("dynamodb", _ALL, "a key has at most 2048 or 1024 bytes and is not empty", f"{_QUOTAS}#limits-partition-keys")
def _(asked: Asked) -> Iterator[str]:
    for item in [*items(asked), *_keys(asked)]:
        for name, most in _KEY_BYTES.items():
            content = item.get(name, {}).get("S")
            if content is not None and not 0 < size(content) <= most:
                yield f"{name} of {size(content):,} bytes"


@limit("dynamodb", _ALL, "an attribute value has one type", f"{_API}AttributeValue.html")
def _(asked: Asked) -> Iterator[str]:
    for value in values(asked):
        if len(value) != 1:
            yield f"a value with {len(value)} types: {', '.join(value)}"


@limit(
    "dynamodb",
    _ALL,
    "a number has 38 digits and lies within 1e-130 and 9.99e125",
    f"{_QUOTAS}#limits-data-types-number",
)
def _(asked: Asked) -> Iterator[str]:
    for value in values(asked):
        if "N" not in value:
            continue
        try:
            number = Decimal(value["N"])
        except ArithmeticError:
            yield f"{value['N'][:50]!r} is no number"
            continue
        if not number.is_finite():
            yield f"{value['N']!r} is no number"
        elif number:
            digits = len("".join(map(str, number.as_tuple().digits)).strip("0"))
            if digits > 38 or not -130 <= number.adjusted() <= 125:
                yield f"{value['N'][:50]!r} does not fit"


@limit("dynamodb", _ALL, "a set is not empty", f"{_GUIDE}HowItWorks.NamingRulesDataTypes.html")
def _(asked: Asked) -> Iterator[str]:
    for value in values(asked):
        if any(value.get(kind) == [] for kind in ("SS", "NS", "BS")):
            yield "an empty set"


@limit("dynamodb", _WRITES, "values are nested at most 32 deep", f"{_QUOTAS}#limits-attributes")
def _(asked: Asked) -> Iterator[str]:
    for item in items(asked):
        if max((_depth(value) for value in item.values()), default=0) > 32:
            yield "a value nested deeper than 32 levels"


def _depth(value: dict[str, Any]) -> int:
    inner = [*value.get("M", {}).values(), *value.get("L", ())]
    return 1 + max(map(_depth, inner), default=0) if "M" in value or "L" in value else 0


@limit("dynamodb", "TransactWriteItems", "a transaction has at most 4 MB", f"{_API}TransactWriteItems.html")
def _(asked: Asked) -> Iterator[str]:
    total = sum(map(item_bytes, items(asked))) + sum(map(item_bytes, _expression_values(asked)))
    if total > 4 * MIB:
        yield f"{total:,} bytes"


@limit("dynamodb", "TransactWriteItems", "no two operations are on one item", f"{_API}TransactWriteItems.html")
def _(asked: Asked) -> Iterator[str]:
    yield from _twice(asked)


@limit("dynamodb", "TransactWriteItems", "each operation is one of four kinds", f"{_API}TransactWriteItem.html")
def _(asked: Asked) -> Iterator[str]:
    for each in asked.get("TransactItems", ()):
        if len(each) != 1:
            yield f"an operation with {len(each)} kinds"


@limit("dynamodb", "BatchWriteItem", "a batch has one to 25 operations", f"{_API}BatchWriteItem.html")
def _(asked: Asked) -> Iterator[str]:
    count = sum(map(len, asked.get("RequestItems", {}).values()))
    if not 1 <= count <= 25:
        yield f"{count} operations"


@limit("dynamodb", "BatchWriteItem", "a batch has at most 16 MB", f"{_API}BatchWriteItem.html")
def _(asked: Asked) -> Iterator[str]:
    total = sum(map(item_bytes, items(asked)))
    if total > 16 * MIB:
        yield f"{total:,} bytes"


@limit("dynamodb", "BatchWriteItem", "no item is twice in a batch", f"{_API}BatchWriteItem.html")
def _(asked: Asked) -> Iterator[str]:
    yield from _twice(asked)


@limit("dynamodb", "BatchGetItem", "a batch asks for one to 100 items", f"{_API}BatchGetItem.html")
def _(asked: Asked) -> Iterator[str]:
    count = sum(len(each["Keys"]) for each in asked.get("RequestItems", {}).values())
    if not 1 <= count <= 100:
        yield f"{count} keys"


@limit("dynamodb", "BatchGetItem", "no key is asked for twice", f"{_API}BatchGetItem.html")
def _(asked: Asked) -> Iterator[str]:
    yield from _twice(asked)


def _twice(asked: Asked) -> Iterator[str]:
    keys = list(written_keys(asked))
    for key in sorted({key for key in keys if keys.count(key) > 1} if len(set(keys)) < len(keys) else ()):
        yield f"twice: {key}"


# -- expressions -------------------------------------------------------------------------------------------------------


def _expressions(asked: Asked) -> str:
    return " ".join(str(text) for name, text in asked.items() if name.endswith("Expression"))


@limit(
    "dynamodb",
    _EXPRESSING,
    "every placeholder is defined and used",
    f"{_GUIDE}Expressions.ExpressionAttributeNames.html",
)
def _(asked: Asked) -> Iterator[str]:
    for each in parts(asked):
        text = _expressions(each)
        for mark, member in (("#", "ExpressionAttributeNames"), (":", "ExpressionAttributeValues")):
            used = set(re.findall(rf"{mark}\w+", text))
            defined = set(each.get(member) or ())
            if member in each and not defined:
                yield f"{member} is empty"
            for name in sorted(used ^ defined):
                yield f"{name} is {'not defined' if name in used else 'not used'}"


@limit("dynamodb", _EXPRESSING, "an expression has at most 4 KB", f"{_QUOTAS}#limits-expression-parameters")
def _(asked: Asked) -> Iterator[str]:
    for each in parts(asked):
        for name, text in each.items():
            if name.endswith("Expression") and not 0 < size(text) <= 4096:
                yield f"{name} of {size(text):,} bytes"


@limit("dynamodb", _EXPRESSING, "no attribute is named by a reserved word", f"{_GUIDE}ReservedWords.html")
def _(asked: Asked) -> Iterator[str]:
    for each in parts(asked):
        for word in re.findall(r"(?<![#:\w])[A-Za-z_]\w*", _expressions(each)):
            if word.upper() in _reserved() and word.upper() not in _FUNCTIONS:
                yield f"{word} is reserved: give it a name with #"


@cache
def _reserved() -> frozenset[str]:
    """Return the reserved words as moto lists them, from its file: importing moto costs each program seconds."""
    moto = find_spec("moto")
    assert moto is not None
    assert moto.origin is not None
    return frozenset((Path(moto.origin).parent / "dynamodb/parsing/reserved_keywords.txt").read_text().split())


@limit(
    "dynamodb",
    _EXPRESSING,
    "expressions do not mix with the older parameters",
    f"{_GUIDE}LegacyConditionalParameters.html",
)
def _(asked: Asked) -> Iterator[str]:
    older = sorted(_LEGACY & set(asked))
    if older and any(name.endswith("Expression") for name in asked):
        yield f"{', '.join(older)} beside an expression"


@limit("dynamodb", "Query", "a query names its partition", f"{_API}Query.html")
def _(asked: Asked) -> Iterator[str]:
    text = asked.get("KeyConditionExpression", "")
    if not text and "KeyConditions" not in asked:
        yield "no key condition"
    elif text and not re.search(r"[#\w]+ ?= ?:\w+", text):
        yield f"no equality in {text!r}"


@limit("dynamodb", "Query Scan", "an index that is global is not read consistently", f"{_API}Query.html")
def _(asked: Asked) -> Iterator[str]:
    if asked.get("IndexName") and asked.get("ConsistentRead"):
        yield f"index {asked['IndexName']} is asked to be consistent"
