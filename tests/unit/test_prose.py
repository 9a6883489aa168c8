"""Check the English of what people read, as far as a machine can: phrases to avoid, and the width of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "src/tapeline/data/README.md"]
COLUMNS = 120

#: A phrase, and what to write in its place.
AVOID = {
    r"at the most": "at most",
    r"at the least": "at least",
    r"mend(s|ed|ing)?": "fix",
    r"so many": "the number, 'as many as' or 'this many'",
    r"what (becomes|became) of": "what happened to",
    r"(is|are|was|were) told": "name who reports it: 'reports', 'notifies'",
    r"(spoken|told) of": "named, reported",
    r"the mission": "the purpose",
    r"it is that": "start with the statement",
    r"such as it is": "leave it out",
}


def written() -> Iterator[Path]:
    """Yield every file whose words a user or a contributor reads, but for the history of changes."""
    yield from (path for path in PAGES if path.name != "CHANGELOG.md")
    kinds_of = {
        "src": (".py", ".js", ".html", ".css"), "tests": (".py", ".mjs"), "benchmarks": (".py",), "deploy": (".py",),
        "services": (".tf",), "network": (".tf",),
    }  # fmt: skip
    for folder, kinds in kinds_of.items():
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in kinds and path != Path(__file__) and not {"vendor", ".terraform"} & set(path.parts):
                yield path


def long_lines(text: str) -> list[int]:
    """Return the lines of a Markdown text that are too wide, outside tables and blocks of code."""
    found, code = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code and not line.lstrip().startswith("|") and len(line) > COLUMNS:
            found.append(number)
    return found


@pytest.mark.parametrize("phrase", AVOID)
def test_plain_words_are_used(phrase: str) -> None:
    pattern = re.compile(rf"\b{phrase}\b".replace(" ", r"\s+(?:[#/*]+\s*)?"), re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}"
        for path in written()
        for text in [path.read_text()]
        for match in pattern.finditer(text)
    ]
    assert not found, "\n".join([f"write instead: {AVOID[phrase]}", *found])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_of_markdown_is_too_wide(page: Path) -> None:
    assert long_lines(page.read_text()) == []


def test_tables_and_code_may_be_wide() -> None:
    wide = "x" * (COLUMNS + 1)
    assert long_lines(f"{wide}\n| {wide} |\n```\n{wide}\n```\n{wide}\n") == [1, 6]
