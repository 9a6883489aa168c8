"""A Kinesis stream in memory that fails as the real one does, and what an order of bars on a stream has to be."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tapeline.core.codec import decode
from tapeline.core.market import Bar


class CrashError(BaseException):
    """The process ends here."""


def client_error(code: str, text: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, "PutRecords")


class FakeKinesis:
    """`put_records` of a boto3 client. Holds callers to the limits and never takes two records of a key in a request.

    `trouble` is the chance that a request fails in one of the ways requests fail; a time-out leaves some or all of its
    records on the stream, and so does a `CrashError`, of which there are `crashes` at the most. Now and then the stream
    is resharded: keys go to other shards, with higher numbers. `errors` are raised first, one a request.
    """

    def __init__(self, trouble: float = 0.0, seed: int = 0, errors: Iterable[Exception] = (), crashes: int = 0):
        self.shards: dict[int, list[tuple[str, bytes]]] = {}
        self.requests = 0
        self._generation = 0
        self.errors = list(errors)
        self._trouble = trouble
        self._random = random.Random(seed)
        self._crashes = crashes

    def put_records(self, *, StreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        self.requests += 1
        sizes = [len(entry["Data"]) + len(entry["PartitionKey"].encode()) for entry in Records]
        assert 1 <= len(Records) <= 500
        assert max(sizes) <= 1 << 20
        assert sum(sizes) <= 5_000_000
        assert len({entry["PartitionKey"] for entry in Records}) == len(Records)
        if self.errors:
            raise self.errors.pop(0)
        kind = self._random.randrange(5 if self._crashes else 4) if self._random.random() < self._trouble else -1
        if kind == 0:
            raise client_error("ProvisionedThroughputExceededException", "slow down")
        if kind == 1:
            raise EndpointConnectionError(endpoint_url="http://nowhere")
        answer = []
        self._generation += self._random.random() < self._trouble / 10
        for entry in Records:
            if kind >= 2 and self._random.random() < 0.5:
                code = self._random.choice(["ProvisionedThroughputExceededException", "InternalFailure"])
                answer.append({"ErrorCode": code, "ErrorMessage": "no"})
            else:
                shard = 2 * self._generation + sum(entry["PartitionKey"].encode()) % 2
                records = self.shards.setdefault(shard, [])
                records.append((entry["PartitionKey"], entry["Data"]))
                answer.append({"SequenceNumber": str(len(records)), "ShardId": f"shardId-{shard:012d}"})
        if kind == 3:
            raise ReadTimeoutError(endpoint_url="http://kinesis")
        if kind == 4:
            self._crashes -= 1
            raise CrashError
        return {"Records": answer, "FailedRecordCount": sum("ErrorCode" in result for result in answer)}

    @property
    def records(self) -> list[tuple[str, bytes]]:
        """Shard by shard, a parent before its children."""
        return [record for shard in sorted(self.shards) for record in self.shards[shard]]

    def bars(self) -> list[Bar]:
        return [bar for _, data in self.records for bar in decode(data)]


def assert_in_order(found: Sequence[Bar], appended: Sequence[Bar]) -> None:
    """Of every symbol: each final bar is there, in the order of appending; what is repeated comes with all behind it.

    Of forming bars some may be missing, but never the newest of a time. Bars appended must differ from each other.
    """
    for symbol in {bar.symbol for bar in appended} | {bar.symbol for bar in found}:
        wanted = [bar for bar in appended if bar.symbol == symbol]
        newest = {bar.timestamp: bar for bar in wanted}
        place = {bar: i for i, bar in enumerate(wanted)}
        needed = [bar.final or newest[bar.timestamp] == bar for bar in wanted]
        at = -1
        for bar in found:
            if bar.symbol == symbol:
                assert not any(needed[at + 1 : place[bar]]), f"{symbol}: {bar} came before what is before it"
                at = place[bar]
        assert not any(needed[at + 1 :]), f"{symbol}: the end is missing"


def bars_of_stream(client: Any, stream: str) -> list[Bar]:
    """Everything on a real stream: shard by shard in the order they came to be, so that each symbol's order shows."""
    found = []
    shards = client.list_shards(StreamName=stream)["Shards"]
    for shard in sorted(shard["ShardId"] for shard in shards):
        place = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        iterator = place["ShardIterator"]
        while iterator:
            answer = client.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                bars = decode(record["Data"])
                assert bars.symbols == (record["PartitionKey"],)
                found += list(bars)
            iterator = (
                answer.get("NextShardIterator") if answer["Records"] or answer.get("MillisBehindLatest") else None
            )
    return found
