"""Apply each worked change of docs/extending.md and of two tutorials to a copy of the repository, and run it there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/extending.md"
TUTORIALS = {"An indicator": "your_own_indicator.md", "A feed": "your_own_feed.md"}
COPIED = ("src", "tests", "docs", "pyproject.toml", "README.md")

#: The most files that a task may touch.
MOST = {
    "An indicator": 3, "A feed": 4, "A storage backend": 4, "An API endpoint with its widget": 3,
    "An alert channel": 6, "A stored field": 3,
}  # fmt: skip


def tasks() -> dict[str, list[tuple[str, str]]]:
    """Return the code blocks of each tutorial and of each section of the page: the language, and the text."""
    sections = re.split(r"^## (.*)\n", PAGE.read_text(), flags=re.MULTILINE)[1:]
    texts = {title: (PAGE.parent / "tutorials" / name).read_text() for title, name in TUTORIALS.items()}
    texts |= dict(zip(sections[::2], sections[1::2], strict=True))
    return {title: re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for title, text in texts.items()}


def apply(diff: str, folder: Path) -> None:
    """Apply a unified diff without line numbers: the old lines of each hunk must be in the file exactly once."""
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        head, *hunks = re.split(r"^@@\n", part, flags=re.MULTILINE)
        old_name, new_name = re.fullmatch(r"(\S+)\n\+\+\+ b/(\S+)\n", head).groups()  # type: ignore[union-attr]
        path = folder / new_name
        text = "" if old_name == "/dev/null" else path.read_text()
        assert bool(text) == path.exists(), f"{new_name} is already there"
        for hunk in hunks:
            lines = hunk.splitlines()
            old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
            new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
            found = len(re.findall(rf"^{re.escape(old)}", text, re.MULTILINE)) if text else 1
            assert found == 1, f"{new_name} has these lines {found} times, not once:\n{old}"
            text = text.replace(old, new) if text else new
        path.write_text(text)


def run(commands: str, folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TAPELINE_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment |= {"PYTHONPATH": str(folder / "src"), "PYTEST_ADDOPTS": "-q -p no:cacheprovider"}
    done = subprocess.run(
        ["sh", "-eux", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the files that are part of the repository."""
    files = [path for name in COPIED for path in ((folder / name).rglob("*") if "." not in name else [folder / name])]
    return {
        path.relative_to(folder): path.read_bytes()
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_page_has_these_tasks_and_says_how_many_files_each_touches() -> None:
    assert list(tasks()) == list(MOST)
    stated = dict(re.findall(r"^\| \[(.*)\]\(.*\) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE))
    assert stated.keys() == MOST.keys()
    assert all(int(stated[task]) <= most for task, most in MOST.items())


@pytest.mark.parametrize("task", MOST)
def test_a_task_is_complete_and_touches_as_many_files_as_it_says(task: str, tmp_path: Path) -> None:
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target)  # compiled modules and kernels come along
        else:
            shutil.copy2(source, target)
    before = contents(tmp_path)
    for language, text in tasks()[task]:
        if language == "diff":
            apply(text, tmp_path)
        else:
            run(text, tmp_path)
    after = contents(tmp_path)
    changed = sorted(str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    stated = re.search(rf"^\| \[{task}\].* \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)
    assert stated is not None
    assert len(changed) == int(stated[1]), changed
