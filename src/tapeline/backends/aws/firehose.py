"""Copy final rows to a Firehose stream, which writes them to S3 as Parquet for Athena and QuickSight."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tapeline.backends.aws.botocore_errors import AwsProblem, translating_botocore_errors
from tapeline.core.retrying import backoff_seconds
from tapeline.errors import StorageError

#: Firehose takes 1,000 KiB a record and 4 MiB or 500 records a request, and charges a record as at least 5 KB: rows
#: share one. Objects that follow one another in a record are what its JSON reader expects.
RECORD_BYTES = 500_000
_REQUEST_RECORDS = 8

_ACTION = "firehose:PutRecordBatch"

#: How often refused records are sent, and the longest pauses (s) before the first and before any repetition.
_ATTEMPTS, _FIRST_PAUSE, _LONGEST_PAUSE = 6, 0.1, 1.6


class FirehoseCopy:
    """Put rows on a delivery stream. Duplicates: a row that is put again is there again, with a later `written_at`.

    `client` is a boto3 Firehose client, `clock` returns the time (UTC epoch ms), `sleep` waits for seconds.
    """

    def __init__(self, client: Any, stream: str, *, clock: Callable[[], int], sleep: Callable[[float], None]) -> None:
        self._client = client
        self._stream = stream
        self._clock = clock
        self._sleep = sleep

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put these rows, which are JSON types. Raises `StorageError` when some of them were refused time and again."""
        records = list(_records(rows, self._clock()))
        for start in range(0, len(records), _REQUEST_RECORDS):
            self._put(records[start : start + _REQUEST_RECORDS])

    def _put(self, records: list[bytes]) -> None:
        where = f"Firehose {self._stream}"
        for attempt in range(_ATTEMPTS):
            with translating_botocore_errors(where, _ACTION, "rows were not copied"):
                answer = self._client.put_record_batch(
                    DeliveryStreamName=self._stream, Records=[{"Data": record} for record in records]
                )
            results = zip(records, answer["RequestResponses"], strict=True)
            refused = [(record, result) for record, result in results if result.get("ErrorCode")]
            if not refused:
                return
            records = [record for record, _ in refused]
            if attempt + 1 < _ATTEMPTS:
                self._sleep(backoff_seconds(attempt, _FIRST_PAUSE, _LONGEST_PAUSE, jitter=1.0))
        problem = AwsProblem.answered(_ACTION, refused[0][1]["ErrorCode"], refused[0][1].get("ErrorMessage", ""))
        raise StorageError(problem.line(f"{where} refused {len(records)} records {_ATTEMPTS} times"))


def _records(rows: Sequence[Mapping[str, Any]], now: int) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for row in rows:
        item = json.dumps({**row, "written_at": now}, allow_nan=False).encode() + b"\n"
        if size + len(item) > RECORD_BYTES and parts:
            yield b"".join(parts)
            parts, size = [], 0
        parts.append(item)
        size += len(item)
    if parts:
        yield b"".join(parts)
