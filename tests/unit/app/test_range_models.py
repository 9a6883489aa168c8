"""The range model that a data directory begins with, also where another version of tapeline left one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import random_bars
from typer.testing import CliRunner

from tapeline.app import config
from tapeline.app.checking import flaws
from tapeline.app.data_directory import DataDirectory, processing_alone
from tapeline.app.range_models import range_model_in_use, train_first_range_model
from tapeline.app.system_health import SystemHealth
from tapeline.cli.main import app
from tapeline.core.market import Bars
from tapeline.core.times import MINUTE
from tapeline.feeds.files import Scan
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.range_model import RANGE, RangeModel

BARS = random_bars(2, 1000)
SCAN = Scan(
    rows=len(BARS), start=int(BARS.timestamp[0]), end=int(BARS.timestamp[-1]), interval=MINUTE, files=()
)  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    with processing_alone(config.load(data_dir=tmp_path)) as found:
        yield found


@pytest.fixture
def file(directory: DataDirectory, range_model: RangeModel) -> Path:
    """Put a model to use, and return its file."""
    directory.ranges.save(DEFAULT_NAME, range_model)
    directory.ranges.promote(DEFAULT_NAME, range_model.version, at=1)
    return directory.path / "models" / DEFAULT_NAME / range_model.version / RANGE


def written_by_another_version(file: Path, number: int = 1) -> bytes:
    content = json.dumps(json.loads(file.read_bytes()) | {"format": number}).encode()
    file.write_bytes(content)
    return content


def first(directory: DataDirectory, bars: Bars = BARS) -> list[str]:
    said: list[str] = []
    train_first_range_model(directory, lambda until: iter([bars[bars.timestamp <= until]]), SCAN, said.append)
    return said


@pytest.mark.parametrize("number", [1, 99])
def test_a_model_of_another_version_gives_way_and_is_kept(directory: DataDirectory, file: Path, number: int) -> None:
    old, content = file.parent.name, written_by_another_version(file, number)
    said = first(directory)
    new = directory.ranges.current(DEFAULT_NAME)
    assert said == [f"range model {old} was written by another version of tapeline: {new} takes its place"]
    assert directory.ranges.load(DEFAULT_NAME).interval == MINUTE
    assert file.read_bytes() == content
    assert SystemHealth(directory).troubles()["model"] == (), "an old version that nothing uses is no trouble"
    assert list(flaws(config.load(data_dir=directory.path))) == []


def test_too_few_bars_for_a_new_model_are_said_and_health_tells_of_it(directory: DataDirectory, file: Path) -> None:
    old = file.parent.name
    written_by_another_version(file)
    (line,) = first(directory, BARS[:100])
    assert line.startswith("no ranges: 100 bars give 0 rows to learn ranges from")
    assert directory.ranges.current(DEFAULT_NAME) == old
    (trouble,) = SystemHealth(directory).troubles()["model"]
    assert trouble == (
        f"range model default/{old}: the range model has format 1, this program reads 2: train again"
    )  # fmt: skip


def test_a_damaged_model_in_use_stays_and_is_in_health(directory: DataDirectory, file: Path) -> None:
    health = SystemHealth(directory)
    file.write_bytes(b"{")
    assert first(directory) == []
    said: list[str] = []
    assert range_model_in_use(directory, said.append) is None
    assert said[0].startswith("no ranges: the range model cannot be read: ")
    assert directory.ranges.current(DEFAULT_NAME) == file.parent.name
    (trouble,) = health.troubles()["model"]
    assert trouble.startswith(f"range model default/{file.parent.name}: the range model cannot be read: ")


def test_a_damaged_choice_of_the_model_in_use_ends_nothing_and_is_in_health(
    directory: DataDirectory, file: Path
) -> None:
    (file.parents[1] / "current-range.json").write_text("[]")
    assert first(directory) == []
    assert SystemHealth(directory).troubles()["model"] == (
        "default/current-range.json is damaged: not a JSON object",
    )  # fmt: skip


def test_the_one_in_use_stays(directory: DataDirectory, file: Path) -> None:
    assert first(directory) == []
    assert directory.ranges.current(DEFAULT_NAME) == file.parent.name


def test_the_doctor_and_check_tell_of_a_range_model(tmp_path: Path, range_model: RangeModel) -> None:
    def finding(command: str, fails: int) -> dict[str, str]:
        result = CliRunner().invoke(app, [command, "--data-dir", str(tmp_path), "--json"])
        assert result.exit_code == fails, result.output
        return next((each for each in json.loads(result.stdout) if "range model" in str(each)), {})

    with processing_alone(config.load(data_dir=tmp_path)) as directory:
        directory.ranges.save(DEFAULT_NAME, range_model)
        directory.ranges.promote(DEFAULT_NAME, range_model.version, at=1)
    file = tmp_path / "models" / DEFAULT_NAME / range_model.version / RANGE
    assert finding("doctor", 0) == {}
    written_by_another_version(file)
    found = finding("doctor", 0)
    assert (found["state"], found["advice"]) == ("note", "tapeline train, or models promote")
    assert "has format 1" in found["found"]
    assert finding("check", 0) == {}, "what a release stored is not damaged"
    file.write_bytes(b"{}")
    found = finding("doctor", 1)
    assert (found["state"], "is damaged: its format is None" in found["found"]) == ("fail", True)
    assert "is damaged" in finding("check", 1)["text"]
