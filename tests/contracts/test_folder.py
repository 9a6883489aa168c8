"""What every `Folder` promises, run against each backend."""

from __future__ import annotations

import threading
from pathlib import Path

import boto3
import pytest

from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.core.ports import Folder
from tests.aws.conftest import REGION


@pytest.fixture(params=["local", "s3", "s3_prefix"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "local":
        return LocalFolder(tmp_path / "models")
    request.getfixturevalue("aws")
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    return S3Folder(client, "bucket", "some/prefix/" if request.param == "s3_prefix" else "")


def test_what_is_written_is_read_back(folder: Folder) -> None:
    for content in (b"", b"\0\xff\r\n", b"x" * 1_000_000):
        folder.write("default/v1/model.txt", content)
        assert folder.read("default/v1/model.txt") == content


def test_a_missing_file_is_file_not_found(folder: Folder) -> None:
    folder.write("default/current.json", b"{}")
    for key in ("default/other.json", "other/current.json"):
        with pytest.raises(FileNotFoundError):
            folder.read(key)


def test_keys_are_those_that_begin_with_the_prefix(folder: Folder) -> None:
    assert list(folder.keys("")) == []
    written = {"default/current.json", "default/v1/model.txt", "default2/current.json", "other/v1/model.txt"}
    for key in written:
        folder.write(key, b"1")
    assert set(folder.keys("")) == written
    assert set(folder.keys("default/")) == {"default/current.json", "default/v1/model.txt"}
    assert set(folder.keys("default")) == {key for key in written if key.startswith("default")}
    assert list(folder.keys("none/")) == []


def test_a_reader_during_writes_sees_one_content_or_the_other(folder: Folder) -> None:
    contents = b"a" * 200_000, b"b" * 100_000
    folder.write("key", contents[0])
    done = threading.Event()
    seen: list[bool] = []

    def read() -> None:
        while not done.is_set() or not seen:
            seen.append(folder.read("key") in contents and list(folder.keys("")) == ["key"])

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(30):
        folder.write("key", contents[i % 2])
    done.set()
    reader.join()
    assert all(seen)
