"""Check the documentation site, which is built strictly: its links, its pictures, its search."""

from __future__ import annotations

import re
import tomllib

import pytest

from tapeline.indicators import CATALOGUE
from tests.documentation.site import ROOT, Site, build, links_elsewhere, links_within

SOURCE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build(tmp_path_factory.mktemp("site"))


def test_the_site_loads_nothing_from_elsewhere(site: Site) -> None:
    assert len(site) > 30
    for path, page in site.items():
        assert [each for each in page.loads if re.match(r"(https?:)?//", each)] == [], path


def test_every_link_within_the_site_leads_somewhere(site: Site) -> None:
    links = list(links_within(site))
    assert len(links) > 1000
    assert [f"{path.name}: {link}" for path, link, leads in links if not leads] == []


def test_every_link_out_of_the_site_is_an_address(site: Site) -> None:
    links = links_elsewhere(site)
    assert len(links) > 10
    assert [link for link, is_address in links.items() if not is_address] == []


def test_every_indicator_has_a_picture_of_its_own(site: Site) -> None:
    (folder,) = {path.parent for path in site if path.name == "indicators_in_pictures.html"}
    drawn = {path.stem: path.read_text() for path in (folder / "pictures").glob("*.svg")}
    assert drawn.keys() == CATALOGUE.keys()
    assert len({svg.partition("</title>")[2] for svg in drawn.values()}) == len(CATALOGUE)
    assert [name for name, svg in drawn.items() if "nan" in svg or svg.count("<path") < 2] == []


def test_every_picture_of_the_page_is_shown_and_made_by_the_script() -> None:
    """`python -m tests.browser.make_pictures` makes them from the packaged week of bars."""
    made = re.findall(r'Picture\("([\w-]+\.png)"', (ROOT / "tests/browser/make_pictures.py").read_text())
    guides = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    shown = re.findall(r"!\[[^\]]*\]\([^)]*images/([^)]+)\)", guides)
    assert sorted(made) == sorted(set(shown)) == sorted(path.name for path in (ROOT / "docs/images").iterdir())


def test_search_works_from_a_folder(site: Site) -> None:
    (index,) = {path.parent for path in site if path.name == "index.html" and (path.parent / "search").is_dir()}
    assert "tapeline.load" in (index / "search" / "search_index.js").read_text()


def test_links_out_of_the_documentation_lead_to_files_of_the_repository(site: Site) -> None:
    links = {link.partition("#")[0] for page in site.values() for link in page.links}
    found = {name for link in links if (name := link.partition(f"{SOURCE}/blob/main/")[2])}
    assert found
    assert [name for name in found if not (ROOT / name).exists()] == []
