"""Range models in `/models`: listed, promoted and rolled back beside the direction models."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.stores import MemoryStore
from tests.web_site import Client, client_of

from tapeline.backends.files.file_registry import LocalFolder
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tapeline.web import PageData


@pytest.fixture
def ranges(tmp_path: Path) -> RangeRegistry:
    return RangeRegistry(LocalFolder(tmp_path))


@pytest.fixture
def versions(ranges: RangeRegistry, range_model: RangeModel) -> list[str]:
    """Put two range models to use, one after the other."""
    models = [range_model, dataclasses.replace(range_model, trained_until=range_model.trained_until + 1)]
    for at, each in enumerate(models):
        ranges.promote(DEFAULT_NAME, ranges.save(DEFAULT_NAME, each), at=at)
    return [each.version for each in models]


@pytest.fixture
def client(ranges: RangeRegistry, tmp_path: Path) -> Iterator[Client]:
    with client_of(PageData(MemoryStore(), registry=Registry(LocalFolder(tmp_path)), ranges=ranges)) as client:
        client.take_csrf()
        yield client


def test_range_models_are_listed_beside_the_others(
    client: Client, versions: list[str], range_model: RangeModel
) -> None:
    document = client.document("/models")
    assert document["models"] == []
    old, new = document["ranges"]
    assert [old["version"], new["version"]] == versions
    assert (old["current"], new["current"]) == (False, True)
    assert old["horizons"] == [1, 5, 20]
    assert (old["trained_until"], old["symbols"]) == (range_model.trained_until, list(range_model.symbols))


def test_a_range_model_is_rolled_back_and_promoted(client: Client, ranges: RangeRegistry, versions: list[str]) -> None:
    old, new = versions
    answer = client.request("POST", "/models/rollback", json={"ranges": True})
    assert answer.json() == {"name": "default", "version": old}
    assert ranges.current(DEFAULT_NAME) == old
    assert client.request("POST", "/models/rollback", json={"ranges": True}).status_code == 409
    assert client.request("POST", f"/models/{new}/promote").json() == {"name": "default", "version": new}
    assert ranges.current(DEFAULT_NAME) == new
    assert client.request("POST", "/models/range-20200101-00000000/promote").status_code == 404
