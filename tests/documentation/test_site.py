"""Build the documentation site strictly, and run every command and every Python block of its tutorials."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tapeline.cli.main import app
from tapeline.indicators import CATALOGUE
from tests.stored import fill, session_bars

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
SOURCE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]


class _Links(HTMLParser):
    """Collect what a page loads, where it links to, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in {"script", "img", "iframe"} and "src" in found:
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in {"stylesheet", "icon"}:
            self.loads.append(found["href"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        self.anchors |= {found[name] for name in ("id", "name") if name in found}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, _Links]:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: _Links(path.read_text()) for path in folder.rglob("*.html")}


def test_the_site_loads_nothing_from_elsewhere(site: dict[Path, _Links]) -> None:
    assert len(site) > 30
    for path, page in site.items():
        assert [each for each in page.loads if re.match(r"(https?:)?//", each)] == [], path


def test_every_link_within_the_site_leads_somewhere(site: dict[Path, _Links]) -> None:
    broken = []
    for path, page in site.items():
        for link in page.links + page.loads:
            name, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:|/", name) or path.name == "404.html":
                continue
            goal = (path.parent / name).resolve() if name else path
            if not goal.exists() or (anchor and goal in site and anchor not in site[goal].anchors):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_every_indicator_has_a_picture_of_its_own(site: dict[Path, _Links]) -> None:
    (folder,) = {path.parent for path in site if path.name == "indicators_in_pictures.html"}
    drawn = {path.stem: path.read_text() for path in (folder / "pictures").glob("*.svg")}
    assert drawn.keys() == CATALOGUE.keys()
    assert len({svg.partition("</title>")[2] for svg in drawn.values()}) == len(CATALOGUE)
    assert [name for name, svg in drawn.items() if "nan" in svg or svg.count("<path") < 2] == []


def test_search_works_from_a_folder(site: dict[Path, _Links]) -> None:
    (index,) = {path.parent for path in site if path.name == "index.html" and (path.parent / "search").is_dir()}
    assert "tapeline.load" in (index / "search" / "search_index.js").read_text()


def test_links_out_of_the_documentation_lead_to_files_of_the_repository(site: dict[Path, _Links]) -> None:
    links = {link.partition("#")[0] for page in site.values() for link in page.links}
    found = {name for link in links if (name := link.partition(f"{SOURCE}/blob/main/")[2])}
    assert found
    assert [name for name in found if not (ROOT / name).exists()] == []


# -- tutorials ---------------------------------------------------------------------------------------------------------


#: Lines of tutorials that do not end, or ask somebody else, by their beginning: the test of each, and a text in it.
ELSEWHERE = {
    "tapeline demo": ("tests/browser/test_demo.py", '"demo"'),
    "tapeline run ": ("tests/e2e/test_run.py", '"run"'),
    "tapeline symbols add ": ("tests/unit/feeds/yahoo/test_symbol_search.py", '"symbols", "add"'),
    "tapeline upload ": ("tests/aws/test_cloud_commands.py", '"upload"'),
    "tapeline deploy-model ": ("tests/aws/test_deploy_model.py", "only_upload"),
    "tapeline dashboard": ("tests/aws/test_local.py", "Local("),
    "make aws-local": ("tests/aws/test_local.py", "exercised"),
    "make deploy": ("tests/terraform/test_steps.py", "test_the_steps_in_their_order"),
    "python3 deploy/steps.py set ": ("tests/terraform/test_steps.py", "test_set_takes_json_text_and_nothing"),
}

#: Tutorials that change the package, in a copy of the repository: tests/unit/test_extending.py.
CHANGING = {"your_own_indicator.md", "your_own_feed.md"}


def blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page", sorted(path for path in TUTORIALS.glob("*.md") if path.name not in CHANGING), ids=lambda path: path.stem
)
def test_every_block_of_a_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a tutorial begins with a run that fetches or plays bars, its data are forged here."""
    monkeypatch.chdir(tmp_path)
    place = "tapeline-data/demo" if page.stem == "first_look" else "tapeline-data"
    if page.stem != "your_own_file":
        fill(tmp_path / place, session_bars(("TSLA",), 1_549_843_200_000, 1_549_929_600_000))
    ran = 0
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, page.name, "exec"), {})
            ran += 1
            continue
        for line in text.splitlines():
            elsewhere = [test for beginning, test in ELSEWHERE.items() if f"{line} ".startswith(beginning)]
            for path, text_of_it in elsewhere:
                assert text_of_it in (ROOT / path).read_text(), f"{line}: {path}"
            words = shlex.split(line, comments=True)
            if not elsewhere:
                assert words[0] == "tapeline"
                done = CliRunner().invoke(app, words[1:])
                assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception}"
            ran += 1
    assert ran >= 4
