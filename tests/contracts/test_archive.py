"""What every `Archive` promises, run against each backend and the fake."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from tapeline.backends.aws.s3_archive import S3Archive
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.core.adjustment import adjusted, basis
from tapeline.core.market import Bar, Bars
from tapeline.core.messages import Action
from tapeline.errors import StorageError
from tests.archived import DAY, MINUTE, START, same, series
from tests.aws.conftest import REGION
from tests.fakes.archives import MemoryArchive

BUCKET = "tapeline-data"

#: Symbols, Yahoo's and others, that could break a file name or a key.
AWKWARD = (
    "^GSPC",
    "BTC-USD",
    "BRK-B",
    "7203.T",
    "EURUSD=X",
    "ES=F",
    "0P0000XVMC.L",
    "A%2F.B",
    "a",
    "A",
    "日経",
    "..",
    ".X",
)


class LocalBackend:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "archive"
        self.archive = LocalArchive(self.folder)

    def reopen(self) -> LocalArchive:
        return LocalArchive(self.folder)

    def contents(self) -> dict[str, bytes]:
        """Everything that is kept, by its name."""
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def overwrite(self, name: str, content: bytes) -> None:
        Path(name).write_bytes(content)


class S3Backend:
    """A bucket on moto's server."""

    def __init__(self, client: Any) -> None:
        self.client = client
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.archive = self.reopen()

    def reopen(self) -> S3Archive:
        return S3Archive(self.client, BUCKET)

    def contents(self) -> dict[str, bytes]:
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {o["Key"]: self.client.get_object(Bucket=BUCKET, Key=o["Key"])["Body"].read() for o in found}

    def overwrite(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=name, Body=content)


class MemoryBackend:
    """The fake."""

    def __init__(self) -> None:
        self.archive = MemoryArchive()

    def reopen(self) -> MemoryArchive:
        return self.archive


StoringBackend = LocalBackend | S3Backend
Backend = StoringBackend | MemoryBackend


@pytest.fixture(params=["local", "s3"])
def storing(request: pytest.FixtureRequest, tmp_path: Path) -> StoringBackend:
    """A backend that keeps bytes, which can be looked at and damaged."""
    if request.param == "s3":
        request.getfixturevalue("aws")
        return S3Backend(boto3.client("s3"))
    return LocalBackend(tmp_path)


@pytest.fixture(params=["local", "s3", "memory"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "s3":
        request.getfixturevalue("aws")
        return S3Backend(boto3.client("s3"))
    return MemoryBackend() if request.param == "memory" else LocalBackend(tmp_path)


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_a_saved_series_is_loaded_after_a_restart(backend: Backend) -> None:
    kept = series()
    backend.archive.save(kept)
    found = backend.reopen().load("TSLA", "1m")
    assert same(found, kept)
    assert found is not None
    assert found.bars.final.all()
    assert found.bars.timestamp.tolist() == sorted(found.bars.timestamp.tolist())


def test_what_was_never_saved_is_absent(backend: Backend) -> None:
    assert backend.archive.load("TSLA", "1m") is None
    assert backend.archive.symbols("1m") == backend.archive.intervals() == []
    backend.archive.save(series())
    assert backend.archive.load("TSL", "1m") is None
    assert backend.archive.load("TSLA", "1d") is None
    assert backend.archive.symbols("1d") == []


def test_every_value_is_read_back_bit_for_bit(backend: Backend) -> None:
    third, huge = math.nextafter(1 / 3, 1), 2.0**53 - 1
    bars = [
        Bar("TSLA", START, third, 1e300, 5e-324, 0.1 + 0.2, huge),
        Bar("TSLA", START + MINUTE, 1.0, 1.0, 1.0, 1.0, 0.0),
        Bar("TSLA", START + 400 * DAY, 1e-9, 1e-9, 1e-9, 1e-9, 0.5),
    ]
    actions = (
        Action(START, "split", 1 / 3), Action(START, "dividend", third, "GBP"), Action(START + 1, "split", 1.0),
    )  # fmt: skip
    kept = replace(series(), bars=Bars.of(bars), actions=actions, currency="GBp", start=1, covered=START + 999 * DAY)
    backend.archive.save(kept)
    assert same(backend.archive.load("TSLA", "1m"), kept)


def test_adjustment_and_its_version_survive_saving(backend: Backend) -> None:
    kept = series(days=4)
    backend.archive.save(kept)
    found = backend.archive.load("TSLA", "1m")
    assert found is not None
    paid = replace(found, actions=(*found.actions, Action(START + 2 * DAY, "dividend", 1.0, "USD")))
    backend.archive.save(paid)
    again = backend.archive.load("TSLA", "1m")
    assert again is not None
    assert basis(again.actions) == basis(kept.actions) != "raw"
    (bars, version), (expected, named) = adjusted(again), adjusted(paid)
    assert (list(bars), version) == (list(expected), named)
    assert version != adjusted(kept)[1]
    assert list(again.bars) == list(kept.bars)  # what is kept is never adjusted


def test_a_series_without_bars_is_kept(backend: Backend) -> None:
    empty = replace(series(), bars=series().bars[:0], actions=(), currency="")
    backend.archive.save(empty)
    assert same(backend.archive.load("TSLA", "1m"), empty)
    assert backend.archive.symbols("1m") == ["TSLA"]


def test_the_last_save_replaces_the_series(backend: Backend) -> None:
    longer, corrected = series(days=5), series(days=3, close=20.0)
    shorter = replace(series(days=1), actions=(), currency="EUR", start=START + 1)
    emptied = replace(shorter, bars=shorter.bars[:0])
    for one in (series(), longer, longer, corrected, shorter, emptied, series()):
        backend.archive.save(one)
        assert same(backend.archive.load("TSLA", "1m"), one)
    assert backend.archive.symbols("1m") == ["TSLA"]


def test_nothing_of_a_replaced_series_remains(storing: StoringBackend) -> None:
    storing.archive.save(series(days=2))
    before = storing.contents()
    storing.archive.save(series(days=9, close=20.0))
    storing.archive.save(series(days=2))
    assert storing.contents().keys() == before.keys()


def test_each_symbol_and_interval_is_a_series_of_its_own(backend: Backend) -> None:
    kept = [series(s, close=10.0 + i, interval=n) for i, s in enumerate(("TSLA", "AAPL")) for n in ("1m", "1d")]
    for one in kept:
        backend.archive.save(one)
    assert all(same(backend.archive.load(one.symbol, one.interval), one) for one in kept)
    backend.archive.save(series("MSFT", interval="1d"))
    assert backend.archive.symbols("1m") == ["AAPL", "TSLA"]
    assert backend.archive.symbols("1d") == ["AAPL", "MSFT", "TSLA"]
    assert backend.archive.intervals() == ["1d", "1m"]
    assert all(same(backend.archive.load(one.symbol, one.interval), one) for one in kept)


def test_any_symbol_is_kept_under_its_name(backend: Backend) -> None:
    kept = [series(symbol, days=1, close=10.0 + i) for i, symbol in enumerate(AWKWARD)]
    for one in kept:
        backend.archive.save(one)
    assert backend.archive.symbols("1m") == sorted(AWKWARD)
    assert all(same(backend.reopen().load(one.symbol, "1m"), one) for one in kept)


# -- a save that others see, or that ends early ------------------------------------------------------------------------


def test_a_reader_during_saves_sees_one_series_or_the_other(backend: Backend) -> None:
    versions = series(days=2), series(days=3, close=20.0)
    backend.archive.save(versions[0])
    done = threading.Event()
    seen: list[bool] = []
    failed: list[BaseException] = []

    def read() -> None:
        archive = backend.reopen()
        try:
            while not done.is_set() or not seen:
                found = archive.load("TSLA", "1m")
                seen.append(any(same(found, version) for version in versions))
                assert archive.symbols("1m") == ["TSLA"]
        except BaseException as error:  # noqa: BLE001 - reported by the test
            failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(8 if isinstance(backend, S3Backend) else 200):
        backend.archive.save(versions[(i + 1) % 2])
    done.set()
    reader.join()
    assert not failed
    assert all(seen)


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["cut", "emptied", "overwritten"])
def test_damage_is_an_error_that_names_the_place(storing: StoringBackend, harm: str) -> None:
    storing.archive.save(series())
    storing.archive.save(series("AAPL"))
    for name, content in storing.contents().items():
        if "TSLA" not in name:
            continue
        storing.overwrite(name, {"cut": content[:-9], "emptied": b"", "overwritten": b"<html>no</html>"}[harm])
        with pytest.raises(StorageError) as raised:
            storing.archive.load("TSLA", "1m")
        assert "\n" not in str(raised.value)
        assert name in str(raised.value)
        storing.overwrite(name, content)
    assert same(storing.archive.load("TSLA", "1m"), series())
    assert same(storing.archive.load("AAPL", "1m"), series("AAPL"))


def test_a_flipped_bit_never_changes_a_bar_unnoticed(storing: StoringBackend) -> None:
    kept = series(days=1)
    storing.archive.save(kept)
    (name, content), *_ = [(n, c) for n, c in storing.contents().items() if n.endswith(".parquet")]
    named = 0
    for i in range(4, len(content), 97 if isinstance(storing, S3Backend) else 7):
        storing.overwrite(name, content[:i] + bytes([content[i] ^ 0x10]) + content[i + 1 :])
        try:
            found = storing.archive.load("TSLA", "1m")
        except StorageError as error:
            named += name in str(error)
        else:
            assert found is not None
            assert list(found.bars) == list(kept.bars)
    assert named


def test_a_series_of_a_later_version_is_refused(storing: StoringBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapeline.backends.archived_series.VERSION", 2)
    storing.archive.save(series())
    monkeypatch.undo()
    with pytest.raises(StorageError, match="version 2, this program reads 1: upgrade tapeline"):
        storing.archive.load("TSLA", "1m")
