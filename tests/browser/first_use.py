"""Do what somebody does who sees the page for the first time, and count: `python -m tests.browser.first_use`.

Each task is done in a headless browser over the packaged week. Clicks and keys are counted, and so is how long the page
took to answer. How long a person takes is estimated by the keystroke-level model (Card, Moran and Newell, 1980): 1.35 s
to think before each step, 1.1 s to point, 0.2 s to click, 0.28 s a key, 0.4 s from mouse to keyboard or back.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.conftest import BROWSERS, FLAGS, Server
from tests.browser.page import drawn

_THINK, _POINT, _CLICK, _KEY, _HOME = 1.35, 1.1, 0.2, 0.28, 0.4


class Hand:
    """Do steps on a page, and count clicks, keys and the seconds that they would take a person."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = self.keys = 0
        self.seconds = 0.0

    def click(self, what: Locator, **options: object) -> None:
        what.click(**options)  # type: ignore[arg-type]
        self.clicks += 1
        self.seconds += _THINK + _POINT + _CLICK

    def type(self, text: str, *, then: str = "Enter") -> None:
        self.page.keyboard.type(text)
        self.page.keyboard.press(then)
        self.keys += len(text) + 1
        self.seconds += _THINK + _HOME + _KEY * (len(text) + 1)


def add_a_symbol(hand: Hand) -> None:
    """Add NVDA to the watch-list."""
    hand.click(hand.page.get_by_label("Symbol to add"))
    hand.type("nvda")
    expect(hand.page.locator(".rows li", has_text="NVDA")).to_be_visible()


def read_what_may_come(hand: Hand) -> None:
    """Read how far TSLA may move next."""
    hand.click(hand.page.locator(".row", has_text="TSLA"))
    expect(hand.page.locator("[data-part=words]")).to_contain_text(re.compile("TSLA .*between .* with 80% chance"))
    hand.seconds += 20 * _KEY  # a line of twenty words is read


def set_an_alert(hand: Hand) -> None:
    """Set an alert at a price of the chart."""
    drawn(hand.page)
    hand.click(hand.page.locator("[data-part=canvas]"), button="right", position={"x": 400, "y": 120})
    hand.click(hand.page.get_by_role("button", name="Set the alert"))
    expect(hand.page.locator(".toast").last).to_contain_text("An alert is set")


def find_the_alert(hand: Hand) -> None:
    """Find the alert again, after a reload."""
    hand.page.reload()
    hand.click(hand.page.locator("nav [data-tab=alerts]"))
    expect(hand.page.locator("#alerts .rules code")).to_have_text([re.compile("price crosses .* for TSLA")])


TASKS: tuple[Callable[[Hand], None], ...] = (add_a_symbol, read_what_may_come, set_an_alert, find_the_alert)


def main() -> None:
    """Print a line for each task."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)))
    server = Server("sample")
    server.tell("play 60")
    try:
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS)).new_page()
            page.goto(server.url)
            drawn(page)
            print("task\tclicks\tkeys\tpage (s)\tperson, estimated (s)")
            for task in TASKS:
                hand = Hand(page)
                began = time.perf_counter()
                task(hand)
                took = time.perf_counter() - began
                print(f"{task.__doc__}\t{hand.clicks}\t{hand.keys}\t{took:.1f}\t{hand.seconds:.0f}")
    finally:
        server.close()


if __name__ == "__main__":
    main()
