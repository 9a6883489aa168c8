"""Join the page's files: nothing is lost, nothing is there twice, and what cannot be joined is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tapeline.web
from tapeline.web.joined_modules import joined
from tapeline.web.joined_page import joined_page

_ASSETS = Path(tapeline.web.__file__).with_name("assets")


def test_every_file_of_the_page_is_asked_for_once() -> None:
    answers = joined_page(_ASSETS)
    page = answers["index.html"]
    asked = re.findall(r'rel="(?:modulepreload|stylesheet|icon)" href="(.+?)"', page)
    assert len(asked) == 5
    text = "".join(answers[path] for path in asked if path in answers)
    inside = [*re.findall(r'"(js/[\w/]+\.js)": \$m', text)]
    files = [path.relative_to(_ASSETS).as_posix() for path in _ASSETS.rglob("*.*") if path.suffix in {".js", ".svg"}]
    assert sorted(path for path in asked + inside if not path.endswith("css")) == sorted(files)
    assert all(path.read_text() in text for path in [*(_ASSETS / "css").iterdir(), *(_ASSETS / "vendor").glob("*.js")])
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page)  # the policy of the page refuses these


def test_modules_run_in_their_order_with_what_they_import(tmp_path: Path) -> None:
    _write(tmp_path, "first.js", "export let state = 1;\n")
    _write(
        tmp_path,
        "deep/b.js",
        'import * as first from "../first.js";\nexport const two = () => first.state + 1;\nexport let last = 0;\n',
    )
    _write(
        tmp_path,
        "main.js",
        'import * as b from "./deep/b.js"; // why\nimport "./first.js";\nexport let chart = b.two();\n',
    )
    assert joined(tmp_path, "first.js") == "export let state = 1;\n\nexport const modules = {  };\n"
    assert joined(tmp_path, "main.js", before="first.js") == (
        'import * as $before from "./first.js";\n'
        "const $m0 = (() => {\nconst first = $before;\nconst two = () => first.state + 1;\nlet last = 0;\n\n"
        "return { two, get last() { return last; } };\n})();\n"
        "const b = $m0;\n\nexport let chart = b.two();\n\n"
        'export const modules = { ...$before.modules, "deep/b.js": $m0 };\n'
    )


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ('import { state } from "./first.js";', "a copy of what changes in first.js"),
        ("export default 1;", "cannot be joined: export default 1;"),
        ('import b from "./c.js";', "cannot be joined: import b"),
        ('import { main } from "./main.js";', "imports itself"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path: Path, text: str, refusal: str) -> None:
    _write(tmp_path, "first.js", "export let state = 1;\n")
    _write(tmp_path, "b.js", text + "\n")
    _write(tmp_path, "main.js", 'import * as b from "./b.js";\n')
    with pytest.raises(ValueError, match=refusal):
        joined(tmp_path, "main.js", before="first.js")


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
