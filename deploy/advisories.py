#!/usr/bin/env python3
"""Check the pinned libraries against a copy of the advisories about Python packages, without a network.

    git clone https://github.com/pypa/advisory-database
    make audit ADVISORIES=advisory-database

Each advisory is a file vulns/LIBRARY/ID.yaml in the form of https://ossf.github.io/osv-schema/. It prints a line for
each one that holds for a pinned version and exits with 1 when there is one, or when the folder has no advisories.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

PINS = Path(__file__).parents[1] / "constraints.txt"


def main(folder: Path, pins: Path = PINS) -> str:
    """Print what holds, and how much was looked at. Return why this is a failure, '' where it is none."""
    if not any((folder / "vulns").glob("*/*.yaml")):
        return f"{folder} has no advisories; name a clone of https://github.com/pypa/advisory-database"
    pinned = dict(_pinned(pins))
    about = [(name, each) for name in pinned for each in _advisories(folder / "vulns" / name)]
    holding = [(name, each) for name, each in about if holds(each, name, pinned[name])]
    for name, each in holding:
        print(f"{name} {pinned[name]}: {each['id']} ({_summary(each)})")
    libraries = {name for name, _ in about}
    newest = max((str(each["modified"])[:10] for _, each in about), default="no day")
    print(
        f"{len(pinned)} libraries; {len(about)} advisories about {len(libraries)} of them, the newest of {newest}; "
        f"{len(holding) or 'none'} for the version that is pinned"
    )
    return f"{len(holding)} advisories are for versions in {pins.name}" if holding else ""


def holds(advisory: Mapping[str, Any], name: str, version: Version) -> bool:
    """Return whether an advisory that was not withdrawn is about this version of the library."""
    if "withdrawn" in advisory:
        return False
    for affected in advisory["affected"]:
        if canonicalize_name(affected["package"]["name"]) != name:
            continue
        ranges = [each["events"] for each in affected.get("ranges", ()) if each["type"] == "ECOSYSTEM"]
        if str(version) in map(str, affected.get("versions", ())) or any(_within(each, version) for each in ranges):
            return True
    return False


def _within(events: Sequence[Mapping[str, Any]], version: Version) -> bool:
    """Return whether a version lies between an introduction and the fix after it."""
    inside = False
    for event in events:
        (kind, said), *_ = event.items()
        at = Version("0.dev0") if str(said) == "0" else Version(str(said))
        if kind == "introduced":
            inside = inside or version >= at
        elif kind == "fixed":
            inside = inside and version < at
        elif kind == "last_affected":
            inside = inside and version <= at
    return inside


def _pinned(pins: Path) -> Iterator[tuple[str, Version]]:
    for line in pins.read_text().splitlines():
        name, _, version = line.partition(";")[0].strip().partition("==")
        if version:
            yield canonicalize_name(name), Version(version)


def _advisories(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.yaml")):
        yield yaml.safe_load(path.read_bytes())


def _summary(advisory: Mapping[str, Any]) -> str:
    text = advisory.get("summary") or advisory.get("details") or ", ".join(advisory.get("aliases", ()))
    return " ".join(str(text).split())[:200]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {Path(sys.argv[0]).name} FOLDER: a clone of https://github.com/pypa/advisory-database")
    sys.exit(main(Path(sys.argv[1])) or 0)
