"""Build the documentation site, and read where its pages link to."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]


class SitePage(HTMLParser):
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
            if found.get("data-md-component") == "source":  # of which the theme's script asks GitHub for the stars
                self.loads.append(found["href"])
        self.anchors |= {found[name] for name in ("id", "name") if name in found}


Site = Mapping[Path, SitePage]


def build(folder: Path) -> Site:
    """Build the site into a folder, strictly, and return its pages."""
    # Not --quiet, which hides warnings from --strict, too.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: SitePage(path.read_text()) for path in folder.rglob("*.html")}


def links_within(site: Site) -> Iterator[tuple[Path, str, bool]]:
    """Yield each link within the site: the page that has it, the link, and whether file and anchor are there."""
    for path, page in site.items():
        for link in page.links + page.loads:
            name, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:|/", name) or path.name == "404.html":
                continue
            goal = (path.parent / name).resolve() if name else path
            yield path, link, goal.is_file() and (not anchor or goal not in site or anchor in site[goal].anchors)


def links_elsewhere(site: Site) -> dict[str, bool]:
    """Return each address outside the site, and whether its form is one of an address."""
    found = sorted({link for page in site.values() for link in page.links if re.match(r"[a-z]+:", link)})
    return {link: _is_address(link) for link in found}


def _is_address(link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme == "mailto":
        return bool(re.fullmatch(r"[^@\s]+@[^@\s]+", parts.path))
    return parts.scheme in {"http", "https"} and bool(re.fullmatch(r"[\w.-]+(:\d+)?", parts.netloc)) and " " not in link
