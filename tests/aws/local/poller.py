"""Poll a Kinesis stream for a function by the rules that Lambda documents for its event source.

Per shard in order; a batch of up to `batch_size` records, gathered for up to `window` seconds. After
`ReportBatchItemFailures` the batch starts again at the lowest sequence number that is named. A function that fails: the
batch is cut in two and both halves are tried, one after the other. What has failed `retries` times (-1: forever) or
is older than `max_age` seconds (-1: never) goes to the failure destination, and the next records are read. A shard's
children begin when it is done. With `parallelization` > 1 a shard's records are spread over that many batches at once
by partition key.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

#: One record as `get_records` has it.
Found = dict[str, Any]
Invoke = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_IDLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Rules:
    """Hold the event source mapping's settings, under Terraform's names."""

    batch_size: int = 500
    window: float = 0.0
    retries: int = -1
    max_age: float = -1
    bisect: bool = True
    parallelization: int = 1


class EventSource:
    """Poll a stream and invoke a function, from `start` to `stop`; every callable is called in its threads.

    `invoke` answers as the function does, and raises when the function failed. `given_up` is handed what was given up
    on: the shard, the records and the reason.
    """

    def __init__(
        self,
        client: Any,
        stream: str,
        invoke: Invoke,
        rules: Rules,
        given_up: Callable[[str, Sequence[Found], str], None],
    ) -> None:
        self.delivered = 0
        self.invocations = 0
        self.failures = 0
        self._client = client
        self._stream = stream
        self._invoke = invoke
        self._rules = rules
        self._given_up = given_up
        self._stopping = threading.Event()
        self._idle: dict[str, bool] = {}
        self._done: set[str] = set()
        self._threads: dict[str, threading.Thread] = {}
        self._watch = threading.Thread(target=self._watching, name="event source", daemon=True)

    def start(self) -> None:
        self._watch.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in [self._watch, *self._threads.values()]:
            thread.join()

    @property
    def idle(self) -> bool:
        """Return whether everything on the stream has been delivered."""
        return bool(self._idle) and all(self._idle.values())

    # -- shards ------------------------------------------------------------------------------------------------------

    def _watching(self) -> None:
        while not self._stopping.is_set():
            for shard in self._client.list_shards(StreamName=self._stream)["Shards"]:
                name = shard["ShardId"]
                parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} - {None}
                if name not in self._threads and (parents & self._threads.keys()) <= self._done:
                    self._idle[name] = False
                    self._threads[name] = threading.Thread(target=self._poll, args=(name,), daemon=True)
                    self._threads[name].start()
            self._stopping.wait(0.5)

    def _poll(self, shard: str) -> None:
        iterator = self._iterator(shard, None)
        last: str | None = None
        while not self._stopping.is_set() and iterator is not None:
            batch: list[Found] = []
            until = time.monotonic() + self._rules.window
            while iterator is not None:
                try:
                    answer = self._client.get_records(ShardIterator=iterator, Limit=self._rules.batch_size - len(batch))
                except ClientError as error:
                    if error.response["Error"]["Code"] != "ExpiredIteratorException":
                        raise
                    iterator = self._iterator(shard, last)
                    continue
                iterator = answer.get("NextShardIterator")
                batch += answer["Records"]
                if batch:
                    last = batch[-1]["SequenceNumber"]
                full = len(batch) >= self._rules.batch_size
                if full or self._stopping.is_set() or time.monotonic() >= until or iterator is None:
                    break
                self._stopping.wait(_IDLE_SECONDS)
            if batch:
                self._idle[shard] = False
                self._dealt(shard, batch)
            elif iterator is not None:
                self._idle[shard] = True
                self._stopping.wait(_IDLE_SECONDS)
        self._idle[shard] = True
        if iterator is None:
            self._done.add(shard)

    def _iterator(self, shard: str, after: str | None) -> str:
        where = {"ShardIteratorType": "TRIM_HORIZON"} if after is None else {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after
        }  # fmt: skip
        answer = self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard, **where)
        return str(answer["ShardIterator"])

    # -- batches -----------------------------------------------------------------------------------------------------

    def _dealt(self, shard: str, batch: Sequence[Found]) -> None:
        count = self._rules.parallelization
        hands = [[r for r in batch if zlib.crc32(r["PartitionKey"].encode()) % count == n] for n in range(count)]
        with ThreadPoolExecutor(count) as executor:
            list(executor.map(lambda hand: self._deliver(shard, hand, 0), hands))

    def _deliver(self, shard: str, batch: Sequence[Found], failed: int) -> None:
        rules = self._rules
        while batch and not self._stopping.is_set():
            age = time.time() - batch[0]["ApproximateArrivalTimestamp"].timestamp()
            if rules.max_age >= 0 and age > rules.max_age:
                self._given_up(shard, batch[:1], "RecordAgeExceeded")
                batch = batch[1:]
                continue
            if rules.retries >= 0 and failed > rules.retries:
                self._given_up(shard, batch, "RetryAttemptsExhausted")
                return
            if failed:
                self._stopping.wait(min(0.05 * 2**failed, 2.0))
            self.invocations += 1
            try:
                answer = self._invoke(_event(self._stream, shard, batch))
            except Exception:  # noqa: BLE001 - whatever it was, the function failed
                self.failures += 1
                if rules.bisect and len(batch) > 1:
                    middle = len(batch) // 2
                    self._deliver(shard, batch[:middle], failed + 1)
                    batch = batch[middle:]
                failed += 1
                continue
            names = {item["itemIdentifier"] for item in answer.get("batchItemFailures", ())}
            first = next((n for n, record in enumerate(batch) if record["SequenceNumber"] in names), len(batch))
            self.delivered += first
            failed = failed + 1 if first == 0 else 1
            batch = batch[first:]


def _event(stream: str, shard: str, batch: Sequence[Found]) -> dict[str, Any]:
    arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{stream}"
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record["PartitionKey"],
                    "sequenceNumber": record["SequenceNumber"],
                    "data": base64.b64encode(record["Data"]).decode(),
                    "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard}:{record['SequenceNumber']}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/StockAnalysisLambda",
                "awsRegion": "us-east-1",
                "eventSourceARN": arn,
            }
            for record in batch
        ]
    }


def destination(client: Any, bucket: str, stream: str) -> Callable[[str, Sequence[Found], str], None]:
    """Put a batch that was given up on into the bucket as Lambda does: position, reason, and the records."""

    def put(shard: str, records: Sequence[Found], reason: str) -> None:
        now = datetime.now(UTC)
        document = {
            "requestContext": {"condition": reason, "functionArn": "StockAnalysisLambda"},
            "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": records[0]["SequenceNumber"],
                "endSequenceNumber": records[-1]["SequenceNumber"],
                "batchSize": len(records),
                "streamArn": stream,
            },
            "payload": json.dumps(_event(stream, shard, records)),
        }
        key = f"aws/lambda/local/{shard}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{records[0]['SequenceNumber']}"
        client.put_object(Bucket=bucket, Key=key, Body=json.dumps(document).encode())

    return put
