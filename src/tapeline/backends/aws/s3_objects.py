"""Read, write, list and delete objects of one S3 bucket, with errors that name the object and say what to do.

What lies in a bucket is foreign: others may write there. An object is read up to a known number of bytes and seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from tapeline.backends.aws.botocore_errors import AwsProblem, botocore_errors, translating_botocore_errors
from tapeline.core.foreign import Bounds, Intake
from tapeline.errors import StorageError

#: S3 deletes at most this many objects in one call.
_DELETES = 1000

#: What an object may have that its reader does not bound itself: the largest are models and Parquet files of bars.
OBJECT = Bounds(size=256 << 20)

_CHUNK = 1 << 20
_READ_SECONDS = 300.0
_UNCHANGED = "what was stored before stands"


class S3Objects:
    """Hold the objects of one bucket. `client` is a boto3 S3 client; every method may be called from any thread.

    A write replaces an object whole. Every method raises `StorageError`.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def url(self, key: str) -> str:
        """Return the address of this key, for messages."""
        return f"s3://{self._bucket}/{key}"

    def get(self, key: str, bounds: Bounds = OBJECT) -> bytes | None:
        """Return the content, None when there is no such object. One out of bounds is not read to its end."""
        try:
            content = self._content(self._client.get_object(Bucket=self._bucket, Key=key)["Body"], key, bounds)
        except botocore_errors() as error:
            # without permission to list, S3 denies access to an object that does not exist
            problem = AwsProblem.of(error, "s3:GetObject", permission="s3:GetObject and s3:ListBucket")
            if problem.code in {"NoSuchKey", "404"}:
                return None
            raise StorageError(problem.line(self.url(key), _UNCHANGED)) from error
        return content

    def _content(self, body: Any, key: str, bounds: Bounds) -> bytes:
        intake = Intake(bounds)
        until = time.monotonic() + _READ_SECONDS
        while chunk := body.read(_CHUNK):  # the empty one at the end is when botocore compares the length
            if not intake.add(chunk):
                body.close()
                raise StorageError(f"{self.url(key)}: is longer than {bounds.size:,} bytes; nothing of it is used")
            if time.monotonic() > until:
                body.close()
                raise StorageError(f"{self.url(key)}: took longer than {_READ_SECONDS:.0f} s to read; try again")
        return intake.content()

    def put(self, key: str, content: bytes) -> None:
        """Write this object; a reader meanwhile gets the old content or the new."""
        with translating_botocore_errors(self.url(key), "s3:PutObject", _UNCHANGED):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, sorted, page after page."""
        with translating_botocore_errors(self.url(prefix), "s3:ListBucket"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield item["Key"]

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects. Deleting what is not there is no error."""
        left = list(keys)
        for first in range(0, len(left), _DELETES):
            chunk = left[first : first + _DELETES]
            with translating_botocore_errors(self.url(chunk[0]), "s3:DeleteObject", _UNCHANGED):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in chunk], "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                problem = AwsProblem.answered("s3:DeleteObject", error["Code"], error.get("Message", ""))
                raise StorageError(problem.line(self.url(error["Key"]), "delete it by hand, or save again"))
