"""Make every picture of the guides from the packaged demo: `python -m tests.browser.make_pictures`, a minute.

What is seen depends on the packaged bars alone, and on which model is trained on them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import BROWSERS, FLAGS

IMAGES = Path(__file__).parents[2] / "docs" / "images"

#: Each picture: where on the page, the size of the window, and what must be there before it is taken.
PICTURES = {
    "dashboard.png": ("#chart/TSLA/5m", (1440, 900), "canvas"),
    "dashboard-model.png": ("#model", (1440, 900), "#model svg"),
    "dashboard-phone.png": ("#chart/TSLA/5m", (390, 844), "canvas"),
}

_SETTLED = 1500  # ms after that, for what is drawn last


def main() -> None:
    """Play the demo, serve what it left, and take the pictures."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tapeline"]
        subprocess.run([*command, "demo", "--exit", "--data-dir", folder], check=True)
        serving = subprocess.Popen(
            [*command, "dashboard", "--data-dir", folder, "--port", "0"], stderr=subprocess.PIPE, text=True
        )
        try:
            assert serving.stderr is not None
            url = next(found[0] for line in serving.stderr if (found := re.search(r"http://[\d.:]+/", line)))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
                for name, (route, (width, height), needed) in PICTURES.items():
                    page = browser.new_page(
                        viewport={"width": width, "height": height}, color_scheme="dark", reduced_motion="reduce"
                    )
                    page.goto(url + route)
                    page.locator(needed).first.wait_for(timeout=60_000)
                    page.wait_for_timeout(_SETTLED)
                    page.screenshot(path=IMAGES / name)
                    page.close()
                browser.close()
        finally:
            serving.terminate()
            serving.wait()


if __name__ == "__main__":
    main()
