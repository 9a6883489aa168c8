"""Run `tapeline demo` as a newcomer does: the whole pipeline in one process, and its page in a browser."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, Server
from tests.browser.make_pictures import SERVED
from tests.browser.page import PIXELS, drawn, until

_URL = re.compile(r"http://127\.0\.0\.1:\d+/")


@contextmanager
def tapeline(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a command that serves the page; give the process and the address that it prints."""
    command = [sys.executable, "-m", "tapeline", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        printed = []
        for line in process.stderr:
            printed.append(line)
            if found := _URL.search(line):
                yield process, found[0]
                return
        pytest.fail("".join(printed))
    finally:
        process.kill()
        process.communicate()


def test_the_demo_shows_live_candles_stops_on_ctrl_c_and_keeps_its_data(
    open_page: Open, pictures: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with tapeline("demo", "--port", 0, "--data-dir", data) as (process, url):
        page = open_page(url)
        found = drawn(page)
        assert found["candles"] >= 1000
        expect(page.locator("[data-part=words]")).to_contain_text("80%")  # what may come of the next bars
        assert min(page.evaluate(PIXELS)) > 100
        newest = found["times"][-1]
        until(page, "chart._bars.t.at(-1) > arg", newest)
        page.screenshot(path=pictures / "demo.png")
        page.close()

        port = urlsplit(url).port
        command = [sys.executable, "-m", "tapeline", "dashboard", "--data-dir", data, "--port", port]
        second = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False)
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.strip().endswith("the port is in use; stop what uses it or choose another --port (0 takes "
                                              "a free one)")  # fmt: skip
        assert second.stderr.count("\n") == 1

        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        assert re.search(r"rows +[\d,]+", output)

    with tapeline("dashboard", "--data-dir", data, "--port", 0) as (process, url):
        page = open_page(url)
        assert drawn(page)["times"][-1] >= newest
        expect(page.locator("[data-part=status]")).to_have_text("Connected")
        page.close()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")


def test_the_pictures_of_the_guides_show_the_calls_of_the_demo_which_are_none() -> None:
    """A picture with UP or DOWN would promise what a newcomer's first page does not have."""
    server = Server(SERVED)
    try:
        with urllib.request.urlopen(server.url + "api/v1/symbols/TSLA/bars?limit=1000&format=csv") as answer:
            rows = csv.DictReader(answer.read().decode().splitlines())
            calls = {row["prediction"] for row in rows} - {""}  # no model was asked about the bars it learnt from
    finally:
        server.close()
    assert calls == {"HOLD"}
