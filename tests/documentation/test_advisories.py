"""The audit without a network finds what a copy of the advisories says of the pinned versions, and nothing else."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "advisories.py"))


def between(*events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": list(events)}]}


def write(folder: Path, library: str, number: int, *affected: dict[str, Any], **more: Any) -> None:
    package = {"package": {"ecosystem": "PyPI", "name": library}}
    advisory = {
        "id": f"PYSEC-2026-{number}", "modified": f"2026-01-{number:02}T00:00:00Z",
        "details": "Reads what it\nshould not.",
        "affected": [package | each for each in affected], **more,
    }  # fmt: skip
    path = folder / "vulns" / library.lower().replace("_", "-") / f"PYSEC-2026-{number}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(advisory))


@pytest.mark.parametrize(
    ("affected", "held"),
    [
        (between({"introduced": "0"}), True),
        (between({"introduced": "0"}, {"fixed": "2.5"}), False),
        (between({"introduced": "0"}, {"fixed": "2.5.1"}), True),
        (between({"introduced": "2.6"}), False),
        (between({"introduced": "1"}, {"fixed": "2"}, {"introduced": "2.5"}, {"fixed": "2.6"}), True),
        (between({"introduced": "1"}, {"fixed": "2"}, {"introduced": "2.6"}), False),
        (between({"introduced": "0"}, {"last_affected": "2.5"}), True),
        (between({"introduced": "0"}, {"last_affected": "2.4"}), False),
        (between({"introduced": "0"}, kind="GIT"), False),
        (between({"introduced": "2.0"}, {"fixed": "2.6"}, {"introduced": "0"}, {"fixed": "1.26"}), True),
        (between({"introduced": "2.6"}, {"fixed": "2.7"}, {"introduced": "0"}, {"fixed": "2.1"}), False),
        (between({"fixed": "2"}, {"introduced": "0"}), False),
        (between({"introduced": "0"}, {"limit": "2.6"}), True),
        (between({"introduced": "0"}, {"limit": "2.5"}), False),
        (between({"introduced": "0", "fixed": "2.10"}), True),
        ({"versions": ["2.5.0"]}, True),
        ({"package": {"ecosystem": "npm", "name": "my_library"}, **between({"introduced": "0"})}, False),
        ({"versions": ["2.4", "2.5"]}, True),
        ({"versions": ["2.4"]}, False),
    ],
)
def test_an_advisory_holds_for_the_versions_that_it_names(
    affected: dict[str, Any], held: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pins.txt").write_text("My_Library==2.5\nother==1.0; python_version < '3.14'\n")
    write(tmp_path, "my_library", 1, affected)
    write(tmp_path, "my_library", 2, between({"introduced": "0"}), withdrawn="2026-01-03T00:00:00Z")
    write(tmp_path, "unpinned", 3, between({"introduced": "0"}))
    failure = SCRIPT["main"](tmp_path, tmp_path / "pins.txt")
    printed = capsys.readouterr().out.splitlines()
    assert ("advisories for versions in pins.txt: 1" if held else "") == failure
    assert printed[:-1] == ["my-library 2.5: PYSEC-2026-1 (Reads what it should not.)"][:held]
    assert printed[-1] == (
        "2 libraries; 2 advisories about 1 of them, the newest of 2026-01-02; "
        f"{1 if held else 'none'} for the version that is pinned"
    )


@pytest.mark.parametrize(
    "content",
    [
        "", "id: x", "{", "- 1",
        "affected: [{package: {name: other}, ranges: [{type: ECOSYSTEM, events: [{introduced: x}]}]}]",
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_named_and_the_others_are_looked_at(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pins.txt").write_text("# of today\nother == 1.0+cpu  # of no index\n")
    write(tmp_path, "Other", 1, between({"introduced": "0"}))
    odd = tmp_path / "vulns" / "Other"
    odd.mkdir()
    (odd / "PYSEC-2026-0.yaml").write_text(content and f"modified: 2026-01-01\n{content}")
    assert SCRIPT["main"](tmp_path, tmp_path / "pins.txt") == "advisories for versions in pins.txt: 2"
    first, second, _ = capsys.readouterr().out.splitlines()
    assert "cannot be judged: " in first
    assert second == "other 1.0+cpu: PYSEC-2026-1 (Reads what it should not.)"


def test_nothing_read_is_a_failure(tmp_path: Path) -> None:
    assert "has no advisories; name a clone" in SCRIPT["main"](tmp_path)
    (tmp_path / "pins.txt").write_text("# none\n")
    assert "pins nothing" in SCRIPT["main"](tmp_path, tmp_path / "pins.txt")
