"""Join the page's modules: nothing is lost, nothing is there twice, and what cannot be joined is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tapeline.web
from tapeline.web.joined_modules import joined

_ASSETS = Path(tapeline.web.__file__).with_name("assets")


def test_every_module_of_the_page_is_asked_for_once() -> None:
    page = (_ASSETS / "index.html").read_text()
    asked = re.findall(r'rel="(?:modulepreload|later)" href="(.+?)"', page)
    inside = re.findall(r'"(js/[\w/]+\.js)": \$m', joined(_ASSETS, "js/main.js", "js/first.js"))
    modules = [
        path.relative_to(_ASSETS).as_posix() for part in ("js", "vendor") for path in (_ASSETS / part).rglob("*.js")
    ]
    assert sorted(asked + inside) == sorted(modules)
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page)  # the policy of the page refuses these


def test_modules_run_in_their_order_with_what_they_import(tmp_path: Path) -> None:
    _write(tmp_path, "first.js", "export let state = 1;\n")
    _write(tmp_path, "deep/b.js", 'import { state as now } from "../first.js";\nexport const two = () => now + 1;\n')
    _write(
        tmp_path,
        "main.js",
        'import * as b from "./deep/b.js"; // why\nimport "./first.js";\nexport let chart = b.two();\n',
    )
    assert joined(tmp_path, "main.js", "first.js") == (
        'import * as $o0 from "./first.js";\n'
        "const $m0 = (() => {\nconst { state: now } = $o0;\nconst two = () => now + 1;\n\nreturn { two };\n})();\n"
        'const b = $m0;\n\nexport let chart = b.two();\n\nexport const modules = { "deep/b.js": $m0 };\n'
    )


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("export let count = 0;", "must not change"),
        ("export default 1;", "cannot be joined: export default 1;"),
        ('import b from "./c.js";', "cannot be joined: import b"),
        ('import { main } from "./main.js";', "imports itself"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path: Path, text: str, refusal: str) -> None:
    _write(tmp_path, "first.js", "")
    _write(tmp_path, "b.js", text + "\n")
    _write(tmp_path, "main.js", 'import * as b from "./b.js";\n')
    with pytest.raises(ValueError, match=refusal):
        joined(tmp_path, "main.js", "first.js")


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
