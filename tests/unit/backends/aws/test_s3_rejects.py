"""Rejects on S3 are bounded by number, by bytes, and by how many are alike."""

from __future__ import annotations

import base64
import json
from typing import Any

from tapeline.backends.aws.s3_rejects import BATCH_BYTES, DAY_BYTES, S3Rejects
from tapeline.core.market import Reject

DAY = 86_400_000


class Bucket:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for content in self.objects.values() for line in content.splitlines()]


def test_rejects_of_one_kind_are_counted_after_the_first_thousand() -> None:
    bucket = Bucket()
    S3Rejects(bucket, "b", clock=lambda: DAY)([Reject("s", f"shard {i}", f"'{i}' is bad", b"x") for i in range(50_000)])
    found = bucket.lines()
    assert len(found) == 1001
    assert found[-1] == {"source": "s", "place": "repeated", "reason": "… is bad", "raw": "", "count": 49_000}


def test_a_batch_keeps_no_more_than_its_bytes() -> None:
    bucket = Bucket()
    words = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]
    S3Rejects(bucket, "b", clock=lambda: DAY)(
        [Reject("s", "p", f"{word} {other} is bad", b"x" * 100_000) for word in words[:30] for other in words[:100]]
    )
    (content,) = bucket.objects.values()
    assert len(content) < BATCH_BYTES * 1.2
    kept = [line for line in bucket.lines() if "count" not in line and line["raw"]]
    assert all(len(base64.b64decode(line["raw"])) == 4096 for line in kept)
    counted = [line for line in bucket.lines() if not line["raw"]]
    assert len(kept) + sum(line.get("count", 1) for line in counted) == 3000


def test_a_day_keeps_no_more_than_its_bytes_and_the_next_day_begins_anew() -> None:
    bucket, now = Bucket(), [DAY]
    keep = S3Rejects(bucket, "b", clock=lambda: now[0])
    for batch in range(100):
        keep([Reject("s", f"batch {batch}", "bad", b"x" * 4096)] * 900)
    assert sum(map(len, bucket.objects.values())) < DAY_BYTES * 1.1
    assert json.loads([*bucket.objects.values()][-1].splitlines()[-1])["count"] == 900
    before = set(bucket.objects)
    now[0] = 2 * DAY
    keep([Reject("s", "batch 0", "bad", b"x" * 4096)])
    (new,) = bucket.objects.keys() - before
    assert new.startswith("rejects/dt=1970-01-03/")
    assert "count" not in json.loads(bucket.objects[new])


def test_a_batch_that_comes_again_replaces_its_own_object() -> None:
    bucket = Bucket()
    keep = S3Rejects(bucket, "b", clock=lambda: DAY)
    for _ in range(3):
        keep([Reject("s", "p", "bad", b"x")])
    assert len(bucket.objects) == 1
