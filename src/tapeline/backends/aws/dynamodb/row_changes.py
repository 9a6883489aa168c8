"""Read the rows in what DynamoDB's change stream says of the table of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tapeline.backends.aws.dynamodb.items import NOT_OURS, DynamoItem, damaged, plain_horizons, read_rows


def final_rows(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the final rows among these changes, each as the last of them leaves it, as JSON types.

    They are as `Row.as_item` makes them, with `horizons` and `range_model` where the range was forecast.

    `changes` are records of the stream as Lambda hands them over, with the new image of the item. What was deleted or
    expired is no row, and a forming one is none yet. Raises `StorageError` for an item that is no row.
    """
    rows: dict[tuple[str, str], DynamoItem] = {}
    for change in changes:
        item = change["dynamodb"].get("NewImage")
        if item and item.get("final") != {"BOOL": False}:
            rows[item["stock_symbol"]["S"], item["timestamp"]["N"]] = item  # the keys of the table
    items = list(rows.values())
    found = []
    for row, item in zip(read_rows(items), items, strict=True):
        try:
            found.append(row.as_item() | plain_horizons(item))
        except NOT_OURS as error:
            raise damaged(item, error) from error
    return found
