"""The model registry's files on S3. A PUT replaces an object whole, which is all that the registry needs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


class S3Folder:
    """A registry `Folder` under `s3://bucket/prefix`. `client` is a boto3 S3 client.

    What S3 refuses is an `OSError`, as from a folder on the disk, with the address as its file name.
    """

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    @classmethod
    def at(cls, url: str) -> S3Folder:
        """The folder at `s3://bucket/prefix`, with credentials and region as boto3 finds them. Raises `ValueError`."""
        import boto3

        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not bucket:
            raise ValueError(f"{url!r} is not an S3 address: s3://bucket/prefix")
        return cls(boto3.client("s3"), bucket, prefix)

    def read(self, key: str) -> bytes:
        with self._explained(key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except self._client.exceptions.NoSuchKey:
                raise FileNotFoundError(key) from None
            content: bytes = answer["Body"].read()
        return content

    def write(self, key: str, content: bytes) -> None:
        with self._explained(key):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=content)

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        with self._explained(prefix):
            for page in pages:
                for item in page.get("Contents", ()):
                    yield item["Key"][len(self._prefix) :]

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise OSError(0, str(error), f"s3://{self._bucket}/{self._prefix}{key}") from error
