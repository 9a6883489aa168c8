"""Deliver a table's changes to a function, as Lambda's event source for DynamoDB's change stream does.

In order, what the filter of `services/copier.tf` lets through, and again and again until the function succeeds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

_IDLE_SECONDS = 0.1
_BATCH = 1000


class TableChanges:
    """Poll the change stream `arn` and invoke a function, from `start` to `stop`. `client` is for DynamoDB Streams."""

    def __init__(self, client: Any, arn: str, invoke: Callable[[Mapping[str, Any]], object]) -> None:
        self.delivered = 0
        self.failures = 0
        self._client = client
        self._arn = arn
        self._invoke = invoke
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="table changes", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _poll(self) -> None:
        (shard,) = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        iterator = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while not self._stopping.is_set():
            answer = self._client.get_records(ShardIterator=iterator, Limit=_BATCH)
            iterator = answer["NextShardIterator"]
            if records := [_event_record(record) for record in answer["Records"] if _wanted(record)]:
                self._deliver({"Records": records})
            if not answer["Records"]:
                self._stopping.wait(_IDLE_SECONDS)

    def _deliver(self, event: Mapping[str, Any]) -> None:
        while not self._stopping.is_set():
            try:
                self._invoke(event)
            except Exception:  # noqa: BLE001 - whatever it was, the function failed
                self.failures += 1
                self._stopping.wait(_IDLE_SECONDS)
            else:
                self.delivered += len(event["Records"])
                return


def _wanted(record: Mapping[str, Any]) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    return record["eventName"] in {"INSERT", "MODIFY"} and image.get("final") == {"BOOL": True}


def _event_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record as an event has it: JSON, so times are numbers."""
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
    }
