"""Hold the licences of what tapeline brings along, and the locked versions with their hashes."""

from __future__ import annotations

import importlib.util
import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def licences() -> Any:
    spec = importlib.util.spec_from_file_location("licences", ROOT / "deploy" / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_library_of_the_core_asks_anything_of_its_users() -> None:
    module = licences()
    libraries = list(module.found())
    assert len([name for name, _, part in libraries if part == "core"]) > 20
    asking = {name: licence for name, licence, part in libraries if part == "core" and not module.permissive(licence)}
    assert asking == {}
    assert {licence for _, licence, _ in libraries if re.search(r"GPL", licence)} == set()
    assert not module.permissive("GPL-3.0-only")
    assert not module.permissive("MIT AND LGPL-2.1-only")
    assert module.permissive("MIT AND (MPL-2.0 OR BSD-3-Clause)")


def test_the_list_of_licences_is_current() -> None:
    """What needs another Python or system is listed, but not installed here: exactly its rows are left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module = licences()
    extras = (project["optional-dependencies"][part] for part in module.PARTS if part != "core")
    wanted = itertools.chain(project["dependencies"], *extras)
    markers = {each.name: each.marker for each in map(module.Requirement, wanted) if each.marker}
    assert markers.keys() <= {"backports-zstd", "awslambdaric"}, "a row that this test may leave out is named here"
    elsewhere = tuple(f"| {name} |" for name, marker in markers.items() if not marker.evaluate())
    lines = (ROOT / "docs" / "licences.md").read_text().splitlines(keepends=True)
    assert [sum(line.startswith(f"| {name} |") for line in lines) for name in markers] == [1] * len(markers)
    assert "".join(line for line in lines if not line.startswith(elsewhere)) == module.page()


@pytest.mark.parametrize(("name", "least"), [("locked.txt", 60), ("build.txt", 6)])
def test_locked_versions_are_the_pinned_ones_with_hashes_and_without_addresses(name: str, least: int) -> None:
    text = (ROOT / "deploy" / name).read_text()
    assert "://" not in text
    hashes = r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    locked = re.findall(rf"^([\w.-]+)==(\S+)(?: ; .*?)? \\\n({hashes})", text, re.MULTILINE)
    lines = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    pins = dict(line.split("==") for line in lines)
    assert len(locked) > least
    assert {name: version for name, version, _ in locked if pins.get(name.lower(), version) != version} == {}
    assert len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) == len(locked)
