"""Read the rows in what DynamoDB's change stream says of the table of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tapeline.backends.aws.dynamodb.items import DynamoItem, read_rows
from tapeline.core.market import Rows


def final_rows(changes: Sequence[Mapping[str, Any]]) -> Rows:
    """Return the final rows among these changes, each as the last of them leaves it.

    `changes` are records of the stream as Lambda hands them over, with the new image of the item. What was deleted or
    expired is no row, and a forming one is none yet.
    """
    rows: dict[tuple[str, str], DynamoItem] = {}
    for change in changes:
        item = change["dynamodb"].get("NewImage")
        if item and item["final"]["BOOL"]:
            rows[item["stock_symbol"]["S"], item["timestamp"]["N"]] = item
    return read_rows(list(rows.values()))
