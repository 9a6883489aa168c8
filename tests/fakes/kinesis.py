"""A Kinesis stream in memory that fails as the real one does."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tapeline.core.codec import decode
from tapeline.core.market import Bar
from tests.aws.conformance import watching
from tests.fakes import CrashError


def client_error(code: str, text: str = "") -> ClientError:
    """Return what boto3 raises when `put_records` is refused with this code."""
    return ClientError({"Error": {"Code": code, "Message": text}}, "PutRecords")


class FakeKinesis:
    """`put_records` of a boto3 client. Asserts Kinesis's limits, and that no request has two records of one key.

    `trouble` is the chance that a request fails in one of the ways requests fail; a time-out leaves some or all of its
    records on the stream, and so does a `CrashError`, of which there are at most `crashes`. Now and then the stream is
    resharded: keys go to other shards, with higher numbers. `errors` are raised first, one a request.
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
        watching.check("kinesis", "PutRecords", {"StreamName": StreamName, "Records": Records})
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
        """Every (partition key, data), shard by shard, a parent before its children."""
        return [record for shard in sorted(self.shards) for record in self.shards[shard]]

    def bars(self) -> list[Bar]:
        """Return the bars of all records, in that order."""
        return [bar for _, data in self.records for bar in decode(data)]
