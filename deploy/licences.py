"""List the licence of every library that tapeline brings along: `python deploy/licences.py > docs/licences.md`.

The parts are the core, and each extra that is for running. A library is listed in the first part that needs it. What
the environment has is listed, so run it where everything is installed (`make` does that).
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]

#: Parts that run at a user's; what tests, builds or measures is nobody's dependency.
PARTS = ("core", "yahoo", "train", "sql", "notify", "aws", "research", "calendars")

#: Licences under which a library may be in the core. None of them asks anything of what is built with it.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0",
    "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unicode-3.0", "Unlicense", "Zlib", "bzip2-1.0.6",
}  # fmt: skip

#: The names that packages give to licences in their older metadata.
_NAMES = {
    "Apache Software License": "Apache-2.0", "Apache License 2.0": "Apache-2.0", "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0", "Apache": "Apache-2.0",
    "BSD License": "BSD", "BSD 3-Clause": "BSD-3-Clause", "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT", "The MIT License (MIT)": "MIT", "Expat license": "MIT", "MIT license": "MIT",
    "Python Software Foundation License": "PSF-2.0", "ISC License (ISCL)": "ISC", "ISC License": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}  # fmt: skip

#: What metadata does not say, from the library's own LICENSE file.
_READ = {"peewee": "MIT", "python-dateutil": "Apache-2.0 OR BSD-3-Clause"}


def main() -> None:
    """Write the page."""
    sys.stdout.write(page())


def page() -> str:
    """Return the page docs/licences.md."""
    lines = [
        "# Licences",
        "",
        "Made by `python deploy/licences.py`; a test fails when it is not current, and when the core needs a library",
        "whose licence asks anything of its users.",
        "",
        "tapeline itself is MIT; the page's chart library (Apache-2.0, parts 0BSD) with its notice and the sample of",
        "bars (ISC) lie in the package.",
        "",
        "| library | licence | part |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {name} | {licence} | {part} |" for name, licence, part in sorted(found(), key=lambda each: each[0])]
    return "\n".join(lines) + "\n"


def found() -> Iterator[tuple[str, str, str]]:
    """Yield each library's name, licence, and the first part that needs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    seen: set[str] = set()
    for part in PARTS:
        wanted = project["dependencies"] if part == "core" else project["optional-dependencies"][part]
        for library in _closure(wanted, seen):
            name = _normal(library.metadata["Name"])
            yield name, licence_of(library), part


def licence_of(library: Distribution) -> str:
    """Return a library's licence as its metadata has it, in SPDX's words."""
    name = _normal(library.metadata["Name"])
    if name in _READ:
        return _READ[name]
    if expression := library.metadata.get("License-Expression"):
        return str(expression)
    classified = [
        each.rpartition(" :: ")[2]
        for each in library.metadata.get_all("Classifier") or []
        if each.startswith("License ::") and not each.endswith("OSI Approved")
    ]
    short = str(library.metadata.get("License") or "").strip()
    words = [short] if short and len(short) < 40 and "\n" not in short else classified
    return " OR ".join(dict.fromkeys(_NAMES.get(each, each) for each in words)) or "unknown"


def permissive(licence: str) -> bool:
    """Return whether a licence, also one of several to choose from or all together, is among the permissive ones."""
    for word, enough in ((" OR ", any), (" AND ", all)):
        parts = _split(licence, word)
        if len(parts) > 1:
            return enough(permissive(part) for part in parts)
    return permissive(licence[1:-1]) if licence.startswith("(") else licence in PERMISSIVE


def _split(licence: str, word: str) -> list[str]:
    """Return the parts of an expression between the words that stand outside its brackets."""
    parts = [""]
    for piece in re.split(f"({word})", licence):
        inside = parts[-1].count("(") > parts[-1].count(")")
        if piece == word and not inside:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _closure(wanted: Iterable[str], seen: set[str]) -> Iterator[Distribution]:
    queue = [Requirement(each) for each in wanted]
    while queue:
        requirement = queue.pop()
        name = _normal(requirement.name)
        extras = requirement.extras or {""}
        if not any(requirement.marker is None or requirement.marker.evaluate({"extra": e}) for e in extras):
            continue
        if name not in seen:
            seen.add(name)
            try:
                library = distribution(name)
            except PackageNotFoundError:
                continue  # for another system
            yield library
            for inner in library.requires or []:
                needed = Requirement(inner)
                if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                    queue.append(needed)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
