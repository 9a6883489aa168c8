"""A data directory belongs to its owner: nobody else on the machine can read what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import random_bars
from typer.testing import CliRunner

from tapeline.app import config
from tapeline.app.data_directory import (
    archive_in,
    collecting_alone,
    models_in,
    open_data_directory,
    processing_alone,
    users_in,
    watchlist_in,
)
from tapeline.cli.main import app
from tapeline.core.messages import Commit, Series
from tapeline.forecast.model import LightGBMModel
from tapeline.runtime.processor import Processor
from tapeline.web.users import Role


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(path: Path) -> dict[str, str]:
    """Return the mode of this folder and of all in it."""
    return {str(each.relative_to(path.parent)): oct(each.stat().st_mode & 0o777) for each in [path, *path.rglob("*")]}


def _process(home: Path) -> None:
    with processing_alone(config.load(data_dir=home)) as directory:
        step = Processor(("sma_5",)).step(random_bars(1, 10))
        directory.store.commit(Commit(step.rows, step.states, 10))
        assert len(list(home.glob("tapeline.db*"))) > 1, "with its journals"
        assert_private(home)


def _open(home: Path) -> None:
    with open_data_directory(config.load(data_dir=home), create=True):
        assert_private(home)


def _collect(home: Path) -> None:
    with collecting_alone(config.load(data_dir=home)):
        assert_private(home)


def _alerts(home: Path) -> None:
    done = CliRunner().invoke(app, ["alerts", "add", "rsi_14 < 30", "--data-dir", str(home)])
    assert done.exit_code == 0, done.output


DOORS: dict[str, Callable[[Path], object]] = {
    "process": _process,
    "open": _open,
    "collect": _collect,
    "alerts": _alerts,
    "watch-list": lambda home: watchlist_in(home).change(lambda kept: [*kept, "A"]),
    "users": lambda home: users_in(home).add("ann", Role.ADMIN, "correct horse battery"),
}


def assert_private(home: Path) -> None:
    found = modes(home)
    assert len(found) > 1
    expected = {name: "0o700" if (home.parent / name).is_dir() else "0o600" for name in found}
    assert found == expected


@pytest.mark.parametrize("door", list(DOORS))
def test_whatever_makes_the_folder_makes_it_private_with_all_that_is_in_it(door: str, tmp_path: Path) -> None:
    DOORS[door](tmp_path / "above" / "data")
    assert_private(tmp_path / "above")


def test_models_and_history_are_private(tmp_path: Path, model: LightGBMModel) -> None:
    home = tmp_path / "data"
    models = models_in(home)
    models.promote("default", models.save("default", model), at=1)
    assert_private(home)
    history = tmp_path / "other"
    archive_in(history).save(Series("S00", "1m", random_bars(1, 10)))
    assert_private(history)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    home.mkdir()
    home.chmod(0o750)
    watchlist_in(home).change(lambda kept: [*kept, "A"])
    assert modes(home) == {"shared": "0o750", "shared/symbols.txt": "0o600", "shared/symbols.lock": "0o600"}
