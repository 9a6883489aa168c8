"""Final rows copied to a Firehose stream, which writes them to S3 as Parquet for Athena and QuickSight."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tapeline.core.market import Rows
from tapeline.errors import StorageError

#: Firehose takes 1,000 KiB a record and 4 MiB or 500 records a request, and charges a record as 5 KB at the least, so
#: many rows share one. Objects one behind the other in a record are what its JSON reader expects.
RECORD_BYTES = 500_000
_REQUEST_RECORDS = 8

_ATTEMPTS = 6


class FirehoseCopy:
    """Puts rows on a delivery stream. Duplicates: a row that is put again is there again, with a later `written_at`.

    `client` is a boto3 Firehose client, `clock` says the time (UTC epoch ms), `sleep` waits for seconds.
    """

    def __init__(self, client: Any, stream: str, *, clock: Callable[[], int], sleep: Callable[[float], None]) -> None:
        self._client = client
        self._stream = stream
        self._clock = clock
        self._sleep = sleep

    def __call__(self, rows: Rows) -> None:
        """Puts these rows. Raises `StorageError` when some of them were refused time and again."""
        records = list(_records(rows, self._clock()))
        for start in range(0, len(records), _REQUEST_RECORDS):
            self._put(records[start : start + _REQUEST_RECORDS])

    def _put(self, records: list[bytes]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        reason = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(random.uniform(0, 0.05 * 2**attempt))
            try:
                answer = self._client.put_record_batch(
                    DeliveryStreamName=self._stream, Records=[{"Data": record} for record in records]
                )
            except (BotoCoreError, ClientError) as error:
                raise StorageError(f"rows could not be copied to Firehose {self._stream}: {error}") from error
            results = zip(records, answer["RequestResponses"], strict=True)
            refused = [(record, result) for record, result in results if result.get("ErrorCode")]
            if not refused:
                return
            records = [record for record, _ in refused]
            reason = f"{refused[0][1]['ErrorCode']}: {refused[0][1].get('ErrorMessage', '')}"
        raise StorageError(f"Firehose {self._stream} refused {len(records)} records {_ATTEMPTS} times: {reason}")


def _records(rows: Rows, now: int) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for row in rows:
        item = json.dumps(row.as_item() | {"written_at": now}, allow_nan=False).encode() + b"\n"
        if size + len(item) > RECORD_BYTES and parts:
            yield b"".join(parts)
            parts, size = [], 0
        parts.append(item)
        size += len(item)
    if parts:
        yield b"".join(parts)
