#!/usr/bin/env python3
"""Check the pinned libraries against a copy of the advisories about Python packages, without a network.

    git clone https://github.com/pypa/advisory-database
    make audit ADVISORIES=advisory-database

Each advisory is a file vulns/LIBRARY/ID.yaml in the form of https://ossf.github.io/osv-schema/. It prints a line for
each one that holds for a pinned version, or that cannot be judged, and exits with 1 when there is one, or when nothing
was read.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PINS = Path(__file__).parents[1] / "constraints.txt"


def main(folder: Path, pins: Path = PINS) -> str:
    """Print what holds, and how much was looked at. Return why this is a failure, '' where it is none."""
    pinned = [*_pinned(pins)]
    if not pinned:
        return f"{pins} pins nothing"
    files = _files(folder)
    if not files:
        return f"{folder} has no advisories; name a clone of https://github.com/pypa/advisory-database"
    libraries, days, wrong, looked_at = set(), [], 0, 0
    for name, version in pinned:
        for path in files.get(name, ()):
            looked_at += 1
            libraries.add(name)
            try:
                advisory = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts only
                days.append(advisory["modified"][:10])
                said = _summary(advisory) if holds(advisory, name, version) else ""
            except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
                said = f"cannot be judged: {type(error).__name__} in {path}"
            if said:
                wrong += 1
                print(f"{name} {version}: {path.stem} ({said})")
    print(
        f"{len(pinned)} libraries; {looked_at} advisories about {len(libraries)} of them, the newest of "
        f"{max(days, default='no day')}; {wrong or 'none'} for the version that is pinned"
    )
    return f"advisories for versions in {pins.name}: {wrong}" if wrong else ""


def holds(advisory: Mapping[str, Any], name: str, version: Version) -> bool:
    """Return whether an advisory that was not withdrawn is about this version of the library.

    Raises `ValueError` for a version in it that is none.
    """
    if advisory.get("withdrawn", "null") not in {"", "null", "~"}:
        return False
    for affected in advisory["affected"]:
        package = affected["package"]
        if package.get("ecosystem", "PyPI") != "PyPI" or canonicalize_name(package["name"]) != name:
            continue
        listed = affected.get("versions") or ()
        if str(version) in listed or version.public in listed:
            return True
        ranges = [each["events"] for each in affected.get("ranges") or () if each["type"] == "ECOSYSTEM"]
        if any(_within(events, Version(version.public)) for events in ranges):
            return True
        if not ranges and any(Version(each) == Version(version.public) for each in listed):
            return True
    return False


def _within(events: Sequence[Mapping[str, str]], version: Version) -> bool:
    """Return whether a version lies between an introduction and the fix after it; events come in any order."""
    inside = False
    for at, kind in sorted(
        (Version("0.dev0" if at == "0" else at), kind) for each in events for kind, at in each.items()
    ):
        if at > version or (kind == "last_affected" and at == version):
            break
        inside = kind == "introduced"
    return inside


def _pinned(pins: Path) -> Iterator[tuple[str, Version]]:
    for line in pins.read_text().splitlines():
        wanted = line.partition("#")[0].strip()
        if wanted:
            library = Requirement(wanted)
            (specifier,) = library.specifier
            yield canonicalize_name(library.name), Version(specifier.version)


def _files(folder: Path) -> Mapping[str, Sequence[Path]]:
    """Return the advisories' files by library."""
    found = defaultdict(list)
    for path in sorted((folder / "vulns").glob("*/*.yaml")):
        found[canonicalize_name(path.parent.name)].append(path)
    return found


def _summary(advisory: Mapping[str, Any]) -> str:
    text = advisory.get("summary") or advisory.get("details") or advisory["id"]
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:200]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {Path(sys.argv[0]).name} FOLDER: a clone of https://github.com/pypa/advisory-database")
    sys.exit(main(Path(sys.argv[1])) or 0)
