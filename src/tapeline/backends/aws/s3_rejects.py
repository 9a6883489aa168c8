"""Keep rejected records on S3: one object of JSON lines under `rejects/` for each batch that had some."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tapeline.backends.aws.s3_objects import S3Objects
from tapeline.core.market import Reject

PREFIX = "rejects/"


class S3Rejects:
    """Keep rejects in a bucket. Duplicates: a batch that comes again on the same day replaces its own object.

    `client` is a boto3 S3 client, `clock` returns the time, UTC epoch ms.
    """

    def __init__(self, client: Any, bucket: str, *, clock: Callable[[], int]) -> None:
        self._objects = S3Objects(client, bucket)
        self._clock = clock

    def __call__(self, rejects: Sequence[Reject]) -> None:
        """Write these rejects to one object. Raises `StorageError`."""
        lines = [
            json.dumps(
                {"source": r.source, "place": r.place, "reason": r.reason, "raw": base64.b64encode(r.raw).decode()}
            )
            for r in rejects
        ]
        content = "\n".join(lines).encode() + b"\n"
        day = datetime.fromtimestamp(self._clock() / 1000, UTC)
        self._objects.put(f"{PREFIX}dt={day:%Y-%m-%d}/{hashlib.sha256(content).hexdigest()[:32]}.jsonl", content)
