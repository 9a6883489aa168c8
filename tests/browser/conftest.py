"""Open pages in a headless browser; console errors, failed requests and requests to other hosts fail a test."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
_MISSING = f"no browser found ({', '.join(BROWSERS)}): on Debian or Ubuntu run `apt-get install chromium`"

#: Turns what the content security policy refuses into a console error.
_VIOLATIONS = """
addEventListener("securitypolicyviolation", (e) => console.error(`refused: ${e.violatedDirective} ${e.blockedURI}`))
"""

#: Makes every question and every answer take up to SLOW_ANSWERS ms more, each another time, so that tests and page code
#: that rely on an order which nothing guarantees fail at once instead of once in fifty runs. What a closing page still
#: sends goes at once. The events of a stream come late as well, in their order.
_SLOW = """
const ask = window.fetch;
const late = () => new Promise((done) => setTimeout(done, Math.random() ** 2 * MOST));
window.fetch = async (path, options = {}) => {
  if (!options.keepalive) await late();
  const answer = await ask(path, options);
  await late();
  return answer;
};
window.EventSource = class extends EventSource {
  #last = Promise.resolve();
  addEventListener(name, listener) {
    super.addEventListener(name, (event) => {
      const tell = () => this.readyState !== EventSource.CLOSED && listener(event);
      this.#last = Promise.all([this.#last, late()]).then(tell);
    });
  }
};
"""
_SLOW_MS = int(os.environ.get("SLOW_ANSWERS", "0"))

#: How many times slower than this machine the page's computer is.
_SLOW_CPU = float(os.environ.get("SLOW_CPU", "1"))

#: How long what a test waits for may take, ms: long, as the machine may be busy with something else.
_PATIENCE = 60_000

Open = Callable[..., Page]


@pytest.fixture(scope="module")  # not longer: while it runs, no other test of this process can start an event loop
def browser() -> Iterator[Browser]:
    """Start the Chromium that is installed. Without one, tests fail in CI and are skipped elsewhere."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(_MISSING)
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open pages of a size, dark or light; the test fails at its end on anything that went wrong on them.

    Problems that match the pattern `expected` are left out.
    """
    wrong: list[str] = []
    contexts: list[BrowserContext] = []

    def open_(url: str, width: int = 1440, height: int = 900, *, dark: bool = True, expected: str = "") -> Page:
        def note(problem: str) -> None:
            if not (expected and re.search(expected, problem)):
                wrong.append(problem)

        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            timezone_id="Asia/Tokyo",  # the exchange's zone is shown wherever the viewer is
        )
        context.set_default_timeout(_PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: note(f"console: {m.text}") if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on("request", lambda r: wrong.append(f"request to {r.url}") if _elsewhere(r.url) else None)
        page.on("requestfailed", lambda r: note(f"failed: {r.url} {r.failure}") if _unasked(r) else None)
        page.on("response", lambda r: note(f"status of {r.status}: {r.url}") if r.status >= 400 else None)
        page.add_init_script(_VIOLATIONS)
        if _SLOW_MS:
            page.add_init_script(_SLOW.replace("MOST", str(_SLOW_MS)))
        if _SLOW_CPU > 1:
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": _SLOW_CPU})
        page.goto(url)
        return page

    yield open_
    found = list(wrong)
    for context in contexts:  # what a closing page still keeps must not reach the next test's server
        context.set_offline(True)
        for page in context.pages:
            with contextlib.suppress(Error):
                page.evaluate("() => { window.fetch = () => new Promise(() => {}); }")
        context.close()
    assert not found


def _unasked(request: Request) -> bool:
    """Return whether a failed request was not ended by the page, as streams of events are when others are wanted."""
    return "/events" not in request.url and request.failure != "net::ERR_ABORTED"


def _elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where screenshots go: the folder that TAPELINE_SCREENSHOTS names, or a temporary one."""
    folder = Path(os.environ.get("TAPELINE_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Server:
    """Run `tests.browser.server` in a process of its own and steer it line by line."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.browser.server", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.url = self._answer()
        except BaseException:
            self.close()
            raise

    def tell(self, line: str) -> str:
        """Send a line and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, f"the server ended with exit code {self._process.wait(10)}"
        return answer

    def pause(self) -> None:
        """Leave its connections open and send nothing more, as a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Server]:
    """Serve the packaged week of real minutes, 60% of it processed."""
    server = Server("sample")
    yield server
    server.close()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """Return the shared server, which has forgotten what users arranged: layouts, lists, drawings.

    `play N` processes N more minutes; `form PRICE` makes the next minute form, with all bars at this price.
    """
    shared_server.tell("forget")
    return shared_server


@pytest.fixture
def guarded_server() -> Iterator[Server]:
    """Serve a page with log-ins and one symbol, ABC: ann is an administrator, bob may look."""
    server = Server("guarded")
    yield server
    server.close()


@pytest.fixture(scope="module")
def shared_empty_server() -> Iterator[Server]:
    """Serve a store without rows."""
    server = Server("empty")
    yield server
    server.close()


@pytest.fixture
def empty_server(shared_empty_server: Server) -> Server:
    """Return the shared server of a store without rows, which has forgotten all that earlier tests did to it.

    `fail TEXT` makes it unreadable, `heal` ends that, `put SYMBOL` adds 100 bars.
    """
    shared_empty_server.tell("forget")
    return shared_empty_server


@pytest.fixture
def mortal_server() -> Iterator[Server]:
    """Serve a store without rows from a process that a test may stop and end."""
    server = Server("empty")
    yield server
    server.close()
