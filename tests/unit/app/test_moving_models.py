"""Models move with the rows that name them; which one is in use does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeline.app.moving_models import move_models
from tapeline.app.moving_series import Moved
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry


@pytest.fixture
def source(model: LightGBMModel, range_model: RangeModel, tmp_path: Path) -> LocalFolder:
    """Return a folder with a model of each kind in use."""
    folder = LocalFolder(tmp_path / "source")
    for registry, each in ((Registry(folder), model), (RangeRegistry(folder), range_model)):
        registry.save("default", each)  # type: ignore[arg-type]
        registry.promote("default", each.version, at=1)
    return folder


def test_every_model_that_is_not_there_yet_is_copied(
    source: LocalFolder, model: LightGBMModel, range_model: RangeModel, tmp_path: Path
) -> None:
    target = LocalFolder(tmp_path / "target")
    assert move_models(source, target) == ({"default": Moved(new=2)}, ())
    assert Registry(target).load("default", model.version).dump() == model.dump()
    assert RangeRegistry(target).load("default", range_model.version) == range_model
    assert Registry(target).current("default") is None
    assert RangeRegistry(target).current("default") is None
    assert move_models(source, target) == ({"default": Moved(same=2)}, ())


def test_a_damaged_model_is_left_out_and_named(source: LocalFolder, range_model: RangeModel, tmp_path: Path) -> None:
    source.write(f"default/{range_model.version}/range.json", b"{")
    moved, faults = move_models(source, LocalFolder(tmp_path / "target"))
    assert moved == {"default": Moved(new=1)}
    assert len(faults) == 1
    assert range_model.version in faults[0]
