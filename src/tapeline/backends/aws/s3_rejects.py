"""Rejected records on S3: an object of JSON lines for each batch that had some, under `rejects/`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tapeline.core.market import Reject
from tapeline.errors import StorageError

PREFIX = "rejects/"


class S3Rejects:
    """Keeps rejects. Duplicates: a batch that comes again on the same day replaces its own object.

    `client` is a boto3 S3 client, `clock` says the time, UTC epoch ms.
    """

    def __init__(self, client: Any, bucket: str, *, clock: Callable[[], int]) -> None:
        self._client = client
        self._bucket = bucket
        self._clock = clock

    def __call__(self, rejects: Sequence[Reject]) -> None:
        """Keeps these. Raises `StorageError`."""
        from botocore.exceptions import BotoCoreError, ClientError

        lines = [
            json.dumps(
                {"source": r.source, "place": r.place, "reason": r.reason, "raw": base64.b64encode(r.raw).decode()}
            )
            for r in rejects
        ]
        content = "\n".join(lines).encode() + b"\n"
        day = datetime.fromtimestamp(self._clock() / 1000, UTC)
        key = f"{PREFIX}dt={day:%Y-%m-%d}/{hashlib.sha256(content).hexdigest()[:32]}.jsonl"
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"rejects could not be kept in bucket {self._bucket}: {error}") from error
