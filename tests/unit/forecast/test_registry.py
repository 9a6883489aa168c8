from __future__ import annotations

import dataclasses
import json

import boto3
import numpy as np
import pytest
from moto import mock_aws
from moto.backends import get_backend
from typer.testing import CliRunner

from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.cli.main import app
from tapeline.errors import ModelError, NotBetterError, StorageError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.contests import Attempt
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.promotion_watcher import PromotionWatcher
from tapeline.forecast.registry import Registry

NAME = DEFAULT_NAME


@pytest.fixture(scope="module")
def s3():
    """A client of moto's S3, whose start and whose client take a tenth of a second."""
    with mock_aws(), pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patched.setenv(name, "testing")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield boto3.client("s3")


@pytest.fixture(params=["local", "s3"])
def folder(request, tmp_path):
    if request.param == "local":
        return LocalFolder(tmp_path / "models")
    client = request.getfixturevalue("s3")
    for backend in get_backend("s3").values():
        for region in backend.values():
            region.reset()
    client.create_bucket(Bucket="bucket")
    return S3Folder(client, "bucket", "some/prefix/")


@pytest.fixture
def registry(folder) -> Registry:
    return Registry(folder)


def variant(model: LightGBMModel, skill: float, seed: int = 0) -> LightGBMModel:
    metrics = dict(model.metadata.metrics) | {"skill": skill}
    return LightGBMModel(model.text, dataclasses.replace(model.metadata, metrics=metrics, seed=seed))


def test_a_model_goes_in_and_comes_out_the_same(registry, model, data):
    version = registry.save(NAME, model)
    registry.save(NAME, model)
    loaded = registry.load(NAME, version)
    assert (loaded.predict(data.X) == model.predict(data.X)).all()
    assert registry.metadata() == {version: model.metadata}
    [entry] = registry.entries()
    assert (entry.name, entry.version, entry.current) == (NAME, version, False)
    assert entry.metadata == model.metadata


def test_nothing_is_in_use_until_it_is_promoted(registry, model):
    assert registry.current(NAME) is None
    assert registry.entries(NAME) == []
    version = registry.save(NAME, model)
    with pytest.raises(ModelError, match=r"no version of default is in use: tapeline models promote"):
        registry.load(NAME)
    registry.promote(NAME, version, at=1)
    assert registry.current(NAME) == version == registry.load(NAME).version
    assert [e.current for e in registry.entries(NAME)] == [True]


def test_promotion_needs_a_contest_that_was_won_unless_forced_and_rollback_undoes_it(registry, model):
    first, second, third = variant(model, 0.02), variant(model, 0.01), variant(model, 0.03)
    for one in (first, second, third):
        registry.save(NAME, one)
    registry.promote(NAME, first.version, at=1)
    registry.record(NAME, Attempt(2, first.version, second.version, was_held=True, promotes=False))
    registry.record(NAME, Attempt(2, second.version, third.version, was_held=True, promotes=True))
    for refused in (second, third):
        with pytest.raises(NotBetterError, match=r"has not beaten .*with force"):
            registry.promote(NAME, refused.version, at=2)
    assert registry.current(NAME) == first.version
    registry.record(NAME, Attempt(3, first.version, third.version, was_held=True, promotes=True))
    registry.promote(NAME, third.version, at=3)
    assert registry.promoted_at(NAME) == 3
    registry.promote(NAME, second.version, at=4, force=True)
    registry.promote(NAME, second.version, at=5)  # already in use
    assert registry.rollback(NAME) == third.version
    assert registry.rollback(NAME) == first.version == registry.current(NAME)
    with pytest.raises(ModelError, match="no earlier promotion"):
        registry.rollback(NAME)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"format": 1}', b'{"format": 1, "attempts": [7]}',
                b'{"format": 1, "attempts": [{"at": "x"}]}', b'{"format": 9, "attempts": []}']
)  # fmt: skip
def test_a_damaged_list_of_attempts_is_a_clear_error(registry, folder, content):
    folder.write(f"{NAME}/attempts.json", content)
    with pytest.raises(ModelError, match=r"attempts\.json"):
        registry.attempts(NAME)


def test_a_damaged_version_is_never_promoted(registry, folder, model):
    version = registry.save(NAME, model)
    folder.write(f"{NAME}/{version}/model.txt", b"tree\n")
    with pytest.raises(ModelError, match="damaged"):
        registry.promote(NAME, version, at=1)
    assert registry.current(NAME) is None


def damaged(folder, model) -> dict[str, str]:
    """Write a damaged version of each kind beside the good one. Return the folder of each and what is said of it."""
    text, metadata = model.dump()["model.txt"], json.loads(model.dump()["metadata.json"])
    kinds: dict[str, tuple[dict[str, bytes], str]] = {
        "endless-horizon": (
            {"metadata.json": changed(metadata, horizon=10**9)},
            "horizon is 1000000000, not a whole number",
        ),
        "other-horizon": ({"metadata.json": changed(metadata, horizon=4)}, "changed after it was written"),
        "no-list": ({"metadata.json": changed(metadata, symbols=5)}, "symbols is 5, not a list"),
        "deep": ({"metadata.json": b"[" * 40_000}, "nested deeper"),
        "cut": ({"metadata.json": json.dumps(metadata).encode()[:500]}, "not JSON"),
        "trees": ({"model.txt": text[:-100]}, "trees are not those its metadata describes"),
        "renamed": ({}, "another version, in a folder of this name"),
    }
    for name, (files, _) in kinds.items():
        for file, content in (model.dump() | files).items():
            folder.write(f"spare/{name}/{file}", content)
    folder.write("spare/alone/metadata.json", json.dumps(metadata).encode())
    folder.write("spare/current.json", b'{"format": 1, "promotions": [7]}')
    folder.write("a name/v1/metadata.json", b"{}")
    return {f"spare/{name}": says for name, (_, says) in kinds.items()} | {
        "spare/alone": "a file of it is missing", "a name/v1": "no name for a model",
    }  # fmt: skip


def changed(metadata: dict, **changes) -> bytes:
    return json.dumps(metadata | changes).encode()


def test_damaged_models_disturb_no_other_and_are_named_in_a_line_each(registry, folder, model):
    version = registry.save(NAME, model)
    registry.promote(NAME, version, at=1)
    said = damaged(folder, model)
    listing = registry.listing()
    assert [(entry.name, entry.version, entry.current) for entry in listing.entries] == [(NAME, version, True)]
    assert registry.metadata() == {version: model.metadata}
    for place, text in said.items():
        (line,) = [line for line in listing.faults if place in line]
        assert text in line
        assert "\n" not in line
    (pointer,) = [line for line in listing.faults if "current.json" in line]
    assert "a promotion names no version" in pointer
    assert len(listing.faults) == len(said) + 2, "and the pointer of the one that has no name"


def test_a_version_is_held_against_its_hashes_again_only_when_its_metadata_are_others(
    registry, folder, model, monkeypatch
):
    version = registry.save(NAME, model)
    read: list[str] = []
    original = folder.read
    monkeypatch.setattr(folder, "read", lambda key: read.append(key) or original(key))
    for _ in range(3):
        assert len(registry.entries()) == 1
    assert sum(key.endswith("model.txt") for key in read) == 1
    folder.write(f"{NAME}/{version}/metadata.json", b"{}")
    assert registry.entries() == []


def test_a_version_that_does_not_exist_is_named(registry):
    with pytest.raises(ModelError, match=r"no version v9 of default"):
        registry.load(NAME, "v9")
    with pytest.raises(ModelError, match="no version v9"):
        registry.promote(NAME, "v9", at=1)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 65, "a b", "a\n"])
def test_names_cannot_leave_the_folder(registry, model, name):
    with pytest.raises(ModelError, match="no name"):
        registry.save(name, model)
    with pytest.raises(ModelError, match="no name"):
        registry.load(NAME, name)


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"[]", b'{"format": 99, "promotions": []}', b'{"format": 1}', b"[" * 100_000,
        b'{"format": 1, "promotions": [7]}', b'{"format": 1, "promotions": [{}]}',
        b'{"format": 1, "promotions": [{"version": "../x"}]}', b'{"format": 1, "promotions": [{"version": ["v"]}]}',
    ],
    ids=lambda content: repr(content[:60]),
)  # fmt: skip
def test_a_damaged_pointer_is_a_clear_error(registry, folder, content):
    folder.write(f"{NAME}/current.json", content)
    with pytest.raises(ModelError, match=r"current\.json"):
        registry.current(NAME)


def test_other_files_in_the_folder_are_ignored(registry, folder, model):
    version = registry.save(NAME, model)
    folder.write("README", b"hello")
    folder.write("other/broken/metadata.json", b"{}")
    assert list(registry.metadata()) == [version]
    assert [e.version for e in registry.entries(NAME)] == [version]


def test_each_promotion_is_noticed_once(registry, model, data):
    first, second = variant(model, 0.01), variant(model, 0.02)
    registry.save(NAME, first)
    registry.save(NAME, second)
    watch = PromotionWatcher(registry, NAME, None)
    assert watch.poll() is None
    registry.promote(NAME, first.version, at=1)
    noticed = watch.poll()
    assert noticed is not None
    assert noticed.version == first.version
    assert watch.poll() is None
    registry.promote(NAME, second.version, at=2, force=True)
    assert watch.poll().version == second.version
    registry.rollback(NAME)
    assert watch.poll().version == first.version
    assert watch.poll() is None
    assert np.isfinite(noticed.predict(data.X[:1])).all()


def test_a_promoted_model_that_cannot_be_used_is_reported_once(registry, model):
    registry.save(NAME, model)
    registry.promote(NAME, model.version, at=1)
    other = FeatureSet(DEFAULT_FEATURES.specs, DEFAULT_FEATURES.inputs, DEFAULT_FEATURES.names, len, version=7)
    watch = PromotionWatcher(registry, NAME, None, other)
    with pytest.raises(ModelError, match="other features"):
        watch.poll()
    assert watch.poll() is None


def test_a_registry_that_cannot_be_read_is_reported_once_for_as_long_as_it_lasts(registry, folder, model):
    registry.save(NAME, model)
    watch = PromotionWatcher(registry, NAME, None)
    folder.write(f"{NAME}/current.json", b"{")
    with pytest.raises(ModelError, match="damaged"):
        watch.poll()
    assert watch.poll() is None
    folder.write(f"{NAME}/current.json", b'{"format": 1, "promotions": []}')
    assert watch.poll() is None
    registry.promote(NAME, model.version, at=1)
    assert watch.poll().version == model.version


def test_a_write_that_failed_half_way_leaves_the_pointer_whole(tmp_path, model, monkeypatch):
    registry = Registry(LocalFolder(tmp_path))
    first, second = variant(model, 0.01), variant(model, 0.02)
    registry.save(NAME, first)
    registry.save(NAME, second)
    registry.promote(NAME, first.version, at=1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space"):
        registry.promote(NAME, second.version, at=2, force=True)
    assert registry.current(NAME) == first.version
    assert json.loads((tmp_path / NAME / "current.json").read_text())["promotions"][-1]["at"] == 1


def test_an_address_that_is_not_s3_is_refused():
    for url in ("http://x/y", "s3://", "bucket/prefix"):
        with pytest.raises(ValueError, match="s3://bucket/prefix"):
            S3Folder.at(url)


@mock_aws
def test_what_s3_refuses_is_said_in_one_line_with_the_address(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    done = CliRunner().invoke(app, ["models", "list", "--models", "s3://nobody-has-it/models"])
    assert isinstance(done.exception, StorageError)
    assert "s3://nobody-has-it/models/: " in str(done.exception)
    assert "NoSuchBucket" in str(done.exception)
    folder = S3Folder(boto3.client("s3"), "nobody-has-it", "models")
    for call in (lambda: folder.read("a/b"), lambda: folder.write("a/b", b"")):
        with pytest.raises(StorageError, match="s3://nobody-has-it/models/a/b"):
            call()


def test_a_model_for_bars_of_another_interval_is_not_promoted(registry, model):
    daily, minutes = model, LightGBMModel(model.text, dataclasses.replace(model.metadata, interval=60_000))
    assert daily.metadata.interval == 86_400_000
    for one in (daily, minutes):
        registry.save(NAME, one)
    registry.promote(NAME, daily.version, at=1)
    with pytest.raises(NotBetterError, match=r"bars of 1m.*bars of 1d.*--name of its own"):
        registry.promote(NAME, minutes.version, at=2)
    registry.promote("minutes", registry.save("minutes", minutes), at=3)
    assert registry.current("minutes") == minutes.version
