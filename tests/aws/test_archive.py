"""Test the archive on S3: what it writes and when, what a crash leaves, and its error messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from tapeline.backends.aws.s3_archive import S3Archive
from tapeline.core.market import Bars
from tapeline.errors import StorageError
from tapeline.feeds.files import FileSource
from tests.archived import START, same, series
from tests.aws.conftest import REGION

BUCKET = "tapeline-data"


@pytest.fixture
def s3(aws: str) -> Any:
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def keys(client: Any) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


class Counting:
    """Record what is put, and die where `dies` says so: before a put, or at the first deletion."""

    def __init__(self, client: Any, dies: Callable[[str, str], bool] = lambda *_: False) -> None:
        self._client = client
        self._dies = dies
        self.puts: list[str] = []

    def put_object(self, **request: Any) -> Any:
        if self._dies("put", request["Key"]):
            raise KeyboardInterrupt
        self.puts.append(request["Key"])
        return self._client.put_object(**request)

    def delete_objects(self, **request: Any) -> Any:
        if self._dies("delete", ""):
            raise KeyboardInterrupt
        return self._client.delete_objects(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_objects_are_by_interval_symbol_and_date(s3: Any) -> None:
    S3Archive(s3, BUCKET).save(series("^GSPC", days=2))
    S3Archive(s3, BUCKET, "else/where").save(series(interval="1d"))
    folders = sorted(key.rpartition("/")[0] for key in keys(s3))
    day, year = np.datetime64(START, "ms").astype("datetime64[D]"), np.datetime64(START, "ms").astype("datetime64[Y]")
    assert folders == [
        "else/where/_series/interval=1d",
        f"else/where/interval=1d/symbol=TSLA/date={year}",
        "history/_series/interval=1m",
        f"history/interval=1m/symbol=%5EGSPC/date={day}",
        f"history/interval=1m/symbol=%5EGSPC/date={day + 1}",
    ]


def test_training_reads_the_objects_as_files(s3: Any, tmp_path: Path) -> None:
    archive = S3Archive(s3, BUCKET)
    saved = [series("TSLA"), series("^GSPC")]
    for one in saved:
        archive.save(one)
    files = []
    for key in keys(s3):
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(BUCKET, key, str(path))
        files += [path] if key.endswith(".parquet") else []
    source = FileSource(files)
    bars = [bar for delivery in source.deliveries("") for bar in delivery.bars]
    assert not source.problems
    assert sorted(bars, key=lambda b: (b.symbol, b.timestamp)) == [*saved[0].bars, *saved[1].bars]


def test_only_changed_dates_are_written(s3: Any) -> None:
    counting = Counting(s3)
    archive = S3Archive(counting, BUCKET)
    archive.save(series(days=3))
    assert len(counting.puts) == 4
    counting.puts.clear()
    archive.save(series(days=3))
    assert counting.puts == []
    longer = series(days=4)
    archive.save(longer)
    assert len(counting.puts) == 2  # the fourth day and the manifest
    counting.puts.clear()
    other = list(longer.bars)
    other[7] = replace(other[7], close=11.5)
    corrected = replace(longer, bars=Bars.of(other))
    archive.save(corrected)
    assert len(counting.puts) == 2
    assert same(archive.load("TSLA", "1m"), corrected)
    assert len(keys(s3)) == 5  # and what was replaced is gone


@pytest.mark.parametrize("place", range(5))
def test_a_crash_leaves_the_old_series_or_the_new_one(s3: Any, place: int) -> None:
    old, new = series(days=3), series(days=3, close=20.0)
    S3Archive(s3, BUCKET).save(old)
    steps = iter(range(100))

    def dies(*_: str) -> bool:
        return next(steps) == place

    with pytest.raises(KeyboardInterrupt):
        S3Archive(Counting(s3, dies), BUCKET).save(new)
    found = S3Archive(s3, BUCKET).load("TSLA", "1m")
    assert same(found, new if place == 4 else old)
    S3Archive(s3, BUCKET).save(new)
    assert same(S3Archive(s3, BUCKET).load("TSLA", "1m"), new)
    assert len(keys(s3)) == 4


def test_a_reader_finds_the_new_series_when_it_is_replaced_during_the_read(s3: Any) -> None:
    old, new = series(), series(close=20.0)
    S3Archive(s3, BUCKET).save(old)
    pending = [new]

    class Racing(Counting):
        def get_object(self, **request: Any) -> Any:
            if request["Key"].endswith(".parquet") and pending:
                S3Archive(s3, BUCKET).save(pending.pop())
            return s3.get_object(**request)

    reader = S3Archive(Racing(s3), BUCKET)
    reader._parallel = lambda call, found: [call(key) for key in found]  # type: ignore[method-assign]
    assert same(reader.load("TSLA", "1m"), new)


def test_missing_and_exchanged_objects_are_named(s3: Any) -> None:
    archive = S3Archive(s3, BUCKET)
    archive.save(series())
    manifest, *_ = [key for key in keys(s3) if key.endswith(".json")]
    parquet = [key for key in keys(s3) if key.endswith(".parquet")]
    s3.copy_object(Bucket=BUCKET, Key=parquet[1], CopySource=f"{BUCKET}/{parquet[0]}")
    with pytest.raises(StorageError, match="other bars than were written"):
        archive.load("TSLA", "1m")
    s3.delete_object(Bucket=BUCKET, Key=parquet[1])
    with pytest.raises(StorageError, match="is missing; restore it"):
        archive.load("TSLA", "1m")
    for content in (b"[]", b'{"version": 1}'):
        s3.put_object(Bucket=BUCKET, Key=manifest, Body=content)
        with pytest.raises(StorageError, match="not a manifest of tapeline, or damaged"):
            archive.load("TSLA", "1m")
    s3.put_object(Bucket=BUCKET, Key=manifest, Body=b'{"version": 7}')
    with pytest.raises(StorageError, match="version 7, this program reads 1: upgrade tapeline"):
        archive.save(series())


def test_a_refusal_names_the_object_and_the_remedy(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match=r"s3://nowhere/.*NoSuchBucket.*create it with Terraform"):
        S3Archive(s3, "nowhere").load("TSLA", "1m")
    with pytest.raises(StorageError, match="NoSuchBucket"):
        S3Archive(s3, "nowhere").symbols("1m")

    from botocore.exceptions import ClientError, EndpointConnectionError

    class Refusing:
        def __init__(self, error: Exception) -> None:
            self._error = error

        def get_object(self, **_: Any) -> Any:
            raise self._error

    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetObject")
    with pytest.raises(StorageError, match="AccessDenied: not you; allow s3:GetObject"):
        S3Archive(Refusing(denied), BUCKET).save(series())
    away = EndpointConnectionError(endpoint_url="http://x")
    with pytest.raises(StorageError, match="Could not connect"):
        S3Archive(Refusing(away), BUCKET).load("TSLA", "1m")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StorageError, match="check the credentials"):
        S3Archive(boto3.session.Session().client("s3"), BUCKET).load("TSLA", "1m")
