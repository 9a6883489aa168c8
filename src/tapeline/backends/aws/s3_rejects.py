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
from tapeline.core.rejects import REPEATED, kind_of, repeated, thinned

PREFIX = "rejects/"

#: Bytes that one batch keeps, and one process on one day; beyond them records are only counted.
BATCH_BYTES = 4 << 20
DAY_BYTES = 64 << 20


class S3Rejects:
    """Keep rejects in a bucket. Duplicates: a batch that comes again on the same day replaces its own object.

    Of those of one kind in a batch, the first thousand are kept and the others counted; so are all beyond the bytes
    above, as one line with a `count` for each kind. `client` is a boto3 S3 client, `clock` returns the time, UTC
    epoch ms.
    """

    def __init__(self, client: Any, bucket: str, *, clock: Callable[[], int]) -> None:
        self._objects = S3Objects(client, bucket)
        self._clock = clock
        self._day = ""
        self._kept: dict[str, int] = {}  # key of this day -> its bytes

    def __call__(self, rejects: Sequence[Reject]) -> None:
        """Write these rejects to one object. Raises `StorageError`."""
        day = f"{datetime.fromtimestamp(self._clock() / 1000, UTC):%Y-%m-%d}"
        if day != self._day:
            self._day, self._kept = day, {}
        kept = thinned(rejects)
        content = _lines(kept, BATCH_BYTES)
        key = self._key(content)
        if key not in self._kept and sum(self._kept.values()) + len(content) > DAY_BYTES:
            content = _lines(kept, 0)
            key = self._key(content)
        self._objects.put(key, content)
        self._kept[key] = len(content)

    def _key(self, content: bytes) -> str:
        return f"{PREFIX}dt={self._day}/{hashlib.sha256(content).hexdigest()[:32]}.jsonl"


def _lines(rejects: Sequence[Reject], most: int) -> bytes:
    """Return rejects as JSON lines of at most `most` bytes, and a line with the count of each kind of the others."""
    lines: list[bytes] = []
    size = 0
    others: dict[tuple[str, str], int] = {}
    for reject in rejects:
        # a line is longer than its record, so that one of a record that does not fit need not be made
        fits = reject.place != REPEATED and size + len(reject.raw) < most
        line = _line(reject) if fits else b""
        if fits and size + len(line) <= most:
            lines.append(line)
            size += len(line)
        else:
            kind = reject.source, kind_of(reject.reason)
            others[kind] = others.get(kind, 0) + reject.count
    lines += [_line(repeated(source, kind, count)) for (source, kind), count in others.items()]
    return b"".join(lines)


def _line(reject: Reject) -> bytes:
    """Return a reject as a line of JSON. Base64 needs no escapes, for which `json` would search all of its bytes."""
    text = json.dumps({"source": reject.source, "place": reject.place, "reason": reject.reason})
    count = b', "count": %d' % reject.count if reject.count > 1 else b""
    return text[:-1].encode() + b', "raw": "' + base64.b64encode(reject.raw) + b'"' + count + b"}\n"
