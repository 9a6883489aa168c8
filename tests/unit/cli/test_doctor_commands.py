"""`tapeline doctor` on what is not installed. `tests/e2e/test_cli.py` shows its other checks."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tapeline.cli.doctor_commands import EXTRAS
from tapeline.cli.main import app

ROOT = Path(__file__).parents[3]
AWS_RESOURCES = ("bucket", "kinesis_stream", "rows_table", "state_table", "firehose_stream", "sagemaker_endpoint")


def diagnosis(folder: Path, fails: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["doctor", "--data-dir", str(folder), "--json"])
    assert result.exit_code == fails, result.output
    return {finding["check"]: finding for finding in json.loads(result.stdout)}


@pytest.fixture
def nothing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide the packages of every extra, and return a folder without settings."""
    monkeypatch.chdir(tmp_path)
    for _, packages in EXTRAS.values():
        for name in packages:
            monkeypatch.setitem(sys.modules, name, None)
    return tmp_path


def test_every_missing_extra_is_named_with_the_command_that_installs_it(nothing_extra: Path) -> None:
    found = diagnosis(nothing_extra)
    for extra, (_, packages) in EXTRAS.items():
        finding = found[f"extra {extra}"]
        assert finding["advice"] == f"pip install 'tapeline[{extra}]'"
        assert finding["state"] == "note"
        assert finding["found"].endswith(f"missing: {', '.join(packages)}")
    assert "lightgbm" not in found


def test_an_extra_is_missing_when_one_package_of_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "bt", None)
    found = diagnosis(tmp_path)
    assert found["extra research"]["found"].endswith("missing: bt")
    assert [check for check in found if check.startswith("extra")] == ["extra research"]


@pytest.mark.parametrize(
    ("setting", "extra"),
    [
        ("[alerts]\nnotify = 'ntfy://x'\n", "notify"),
        ("feed = 'yahoo'", "yahoo"),
        *((f"[aws]\n{name} = 'x'\n", "aws") for name in AWS_RESOURCES),
    ],
)
def test_a_missing_extra_that_a_setting_asks_for_is_a_failure(nothing_extra: Path, setting: str, extra: str) -> None:
    (nothing_extra / "tapeline.toml").write_text(setting)
    found = diagnosis(nothing_extra, fails=1)
    assert [check for check, finding in found.items() if finding["state"] == "fail"] == [f"extra {extra}"]
    assert found[f"extra {extra}"]["found"].startswith("setting ")


def test_the_extras_are_those_of_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert EXTRAS.keys() == declared.keys() - {"dev", "docs", "bench"}
    for extra, (_, packages) in EXTRAS.items():
        names = {
            re.split(r"[^\w-]", line)[0].replace("-", "_").replace("scikit_learn", "sklearn")
            for line in declared[extra]
        }
        assert names >= set(packages), extra
