"""A damaged model that nothing uses: one line in health, and everything else answers as if it were not there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.web_site import SPECS, Client, client_of, filled, sample_bars

from tapeline.backends.files.file_registry import LocalFolder
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.model import METADATA, TEXT, LightGBMModel
from tapeline.forecast.registry import Registry
from tapeline.web import PageData

PATHS = ["/symbols/S00/bars", "/predictions?symbol=S00", "/scores", "/models", "/symbols", "/latest"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model: LightGBMModel) -> Path:
    """A data directory whose rows were predicted by the model in use."""
    home = tmp_path_factory.mktemp("home")
    registry = Registry(LocalFolder(home / "models"))
    registry.promote(DEFAULT_NAME, registry.save(DEFAULT_NAME, model), at=0)
    with filled(home, sample_bars(2, 600), predictor=model):
        return home


@pytest.fixture
def spare(home: Path, model: LightGBMModel) -> Iterator[Path]:
    """The folder of a version that nothing uses."""
    folder = home / "models/default/20200101-00000000"
    folder.mkdir()
    for name, content in model.dump().items():
        (folder / name).write_bytes(content)
    yield folder
    for path in folder.iterdir():
        path.chmod(0o600)
        path.unlink()
    folder.rmdir()


@contextlib.contextmanager
def site_of(home: Path) -> Iterator[Client]:
    """Yield a client of the page over this data directory."""
    with contextlib.closing(Database(home / "tapeline.db")) as database:
        data = PageData(SqliteStore(database), registry=Registry(LocalFolder(home / "models")), indicators=SPECS)
        with client_of(data) as client:
            yield client


def answers(client: Client) -> dict[str, Any]:
    return {path: client.document(path) for path in PATHS}


def changes(metadata: dict[str, Any]) -> dict[str, bytes]:
    def changed(**values: Any) -> bytes:
        return json.dumps(metadata | values).encode()

    return {
        "a horizon of a billion": changed(horizon=10**9),
        "symbols that are no list": changed(symbols=5),
        "a text for a number": changed(no_trade_band="wide", interval="1m"),
        "no time": changed(trained_until=10**18),
        "another shape of the reference": changed(reference={"x": 1}),
        "too deep": b"[" * 100_000,
        "empty": b"",
        "a list": b"[]",
    }


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", list(changes({})))
def test_a_damaged_unused_model_is_a_line_in_health_and_nothing_else(
    home: Path, spare: Path, model: LightGBMModel, how: str
) -> None:
    for path in spare.iterdir():
        path.rename(path.with_suffix(".away"))
    with site_of(home) as client:
        expected = answers(client)
        assert client.document("/health")["errors"] == []
    for path in spare.iterdir():
        path.rename(path.with_suffix(".txt" if path.stem == Path(TEXT).stem else ".json"))
    (spare / METADATA).write_bytes(changes(json.loads(model.dump()[METADATA]))[how])
    with site_of(home) as client:
        assert answers(client) == expected
        found = client.document("/health")
    (line,) = found["errors"]
    assert line.startswith("model default/20200101-00000000: ")
    assert "\n" not in line
    assert (found["status"], found["internal_errors"]) == ("trouble", 0)


def test_what_was_known_of_a_model_stays_known_when_its_file_is_damaged(
    home: Path, model: LightGBMModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that it predicted go on being graded by the question that it was asked."""
    path = home / f"models/default/{model.version}" / METADATA
    monkeypatch.setattr("tapeline.web.versions._KEPT_SECONDS", -1.0)
    with site_of(home) as client:
        before = client.document("/symbols/S00/bars")
        path.write_bytes(b"{}")
        try:
            assert client.document("/symbols/S00/bars") == before
            assert f"model default/{model.version}" in client.document("/health")["errors"][0]
        finally:
            path.write_bytes(model.dump()[METADATA])
        assert client.document("/health")["errors"] == []
