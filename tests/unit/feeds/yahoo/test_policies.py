"""The page `docs/yahoo.md` has a table of all policies; every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path


def test_the_tests_that_the_page_names_exist() -> None:
    root = Path(__file__).parents[4]
    named = re.findall(r"`([\w/]*test_\w+)(?:::(\w+))?`", (root / "docs" / "yahoo.md").read_text())
    assert len(named) > 40
    for file, test in named:
        path = root / f"{file}.py" if "/" in file else Path(__file__).with_name(f"{file}.py")
        assert f"def {test}(" in path.read_text() if test else path.exists(), (file, test)
