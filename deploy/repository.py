"""Say where the repository and its documentation site lie: `python deploy/repository.py OWNER/NAME`.

The setting is `[project.urls]` of pyproject.toml. Files that others read as they are, and that can ask nothing, repeat
it: this writes all of them. Until somebody has run it, the address is a stand-in that leads nowhere.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: The files that have the address.
FILES = ("pyproject.toml", "mkdocs.yml", "deploy/machine/tapeline.service")


def main() -> None:
    """Write the address of another repository, OWNER/NAME on GitHub, to every file that has it."""
    if len(sys.argv) != 2 or not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", sys.argv[1]):
        sys.exit("usage: python deploy/repository.py OWNER/NAME")
    old, new = known(), sys.argv[1]
    for name in FILES:
        path = ROOT / name
        path.write_text(changed(path.read_text(), old, new))


def known() -> str:
    """Return OWNER/NAME of the repository, as pyproject.toml has it."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    return str(urls["Source"]).removeprefix("https://github.com/")


def changed(text: str, old: str, new: str) -> str:
    """Return the text with one repository's addresses in place of another's, those of its site included."""
    pairs = [("github.com/{0}/{1}", r"(?![\w.-])"), ("githubusercontent.com/{0}/{1}", r"(?![\w.-])")]
    for form, end in [*pairs, ("{0}.github.io/{1}", r"(?![\w-])")]:
        was, becomes = (form.format(*each.split("/")) for each in (old, new))
        text = re.sub(re.escape(was) + end, becomes, text)
    return text


if __name__ == "__main__":
    main()
