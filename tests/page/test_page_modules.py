"""Run the tests of the page's pure modules, `*.test.mjs` beside this file, in Node and in Chromium: whichever is here.

In the browser, `browser_runner.mjs` stands for `node:test` and `node:assert/strict`: no test is written twice, and none
is skipped where either program is installed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.conftest import browser  # noqa: F401 - a fixture

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_TESTS = sorted(_HERE.glob("*.test.mjs"))
_COUNT = sum(len(re.findall(r"^test\(", path.read_text("utf-8"), re.MULTILINE)) for path in _TESTS)
_ORIGIN = "http://page.test/"

#: What is not a file of the repository, by path.
_MADE = {
    "": """<!doctype html><script type="importmap">{"imports": {
      "node:test": "/tests/page/browser_runner.mjs", "node:assert/strict": "/assert.mjs"
    }}</script>""",
    "assert.mjs": 'export { assert as default } from "/tests/page/browser_runner.mjs";',
}


def test_the_modules_work_in_node() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the same tests run in Chromium")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < (20, 19):
        pytest.skip(f"node {version.strip()} takes .js files for CommonJS; the same tests run in Chromium")
    ran = subprocess.run([node, "--test", *_TESTS], capture_output=True, text=True, cwd=_ROOT, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(rf"pass {_COUNT}\b", ran.stdout)


def test_the_modules_work_in_chromium(browser: Browser) -> None:  # noqa: F811
    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(_ORIGIN)
        body = _MADE[path] if path in _MADE else (_ROOT / path).read_text("utf-8")
        route.fulfill(body=body, content_type="text/javascript" if path else "text/html")

    context = browser.new_context(timezone_id="Asia/Tokyo")  # not the zone of any expected time
    context.route("**/*", answer)
    page = context.new_page()
    page.goto(_ORIGIN)
    modules = json.dumps([f"/{path.relative_to(_ROOT).as_posix()}" for path in _TESTS])
    found = page.evaluate(f"""async () => {{
      for (const module of {modules}) await import(module);
      return (await import("/tests/page/browser_runner.mjs")).run();
    }}""")
    context.close()
    assert found == {"count": _COUNT, "failures": []}
