"""Keep the model registry's files on S3. A PUT replaces an object whole, which is all that the registry needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tapeline.backends.aws.clients import client as new_client
from tapeline.backends.aws.s3_objects import S3Objects
from tapeline.errors import InputError


class S3Folder:
    """Implement `Folder` under `s3://bucket/prefix`. `client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._objects = S3Objects(client, bucket)
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    @classmethod
    def at(cls, url: str) -> S3Folder:
        """Return the folder at `s3://bucket/prefix`, with credentials and region as boto3 finds them.

        Raises `InputError` for another kind of address, and what `clients.client` raises.
        """
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not bucket:
            raise InputError(f"{url!r} is not an S3 address: s3://bucket/prefix")
        return cls(new_client("s3"), bucket, prefix)

    def read(self, key: str) -> bytes:
        """Return the content. Raises `FileNotFoundError` when there is none, `StorageError` when S3 refuses."""
        content = self._objects.get(self._prefix + key)
        if content is None:
            raise FileNotFoundError(self._objects.url(self._prefix + key))
        return content

    def write(self, key: str, content: bytes) -> None:
        """Write the file whole. Raises `StorageError`."""
        self._objects.put(self._prefix + key, content)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`. Raises `StorageError`."""
        for key in self._objects.keys(self._prefix + prefix):
            yield key.removeprefix(self._prefix)
