"""Make every picture of the page in the guides: `python -m tests.browser.make_pictures`, a minute or two.

They show what `tapeline demo` shows a few minutes after its start: the packaged week of real minutes, in the middle of
a session, with the models that the demo trains on them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import BROWSERS, FLAGS, Server
from tests.browser.page import drawn

IMAGES = Path(__file__).parents[2] / "docs" / "images"

SERVED = "demo"

_PLAYED = 150  # minutes of the last session, which the demo plays one a second

_FIRED = 6  # alerts in the list of the picture of them

_SETTLED = 1500  # ms after that, for what is drawn last


@dataclass(frozen=True)
class Picture:
    """Hold a picture's file, the page's address, the window's size, and what is done with page and server before."""

    name: str
    route: str
    prepare: Callable[[Page, Server], object]
    size: tuple[int, int] = (1440, 900)
    dark: bool = True


def chart(page: Page, _: Server) -> None:
    """Show past ranges beside the fan."""
    page.keyboard.press("Alt+r")
    expect(page.locator("[data-part=trail]")).to_contain_text("held")


def four_charts(page: Page, _: Server) -> None:
    """Show four symbols."""
    page.keyboard.press("Alt+c")
    page.get_by_label("Four charts").check()
    page.keyboard.press("Escape")
    charts = page.locator("article.chart")
    for place, symbol in enumerate(("AAPL", "MSFT", "JPM", "GLD")):
        charts.nth(place).locator("[data-part=canvas]").click(position={"x": 200, "y": 120})
        page.locator(".row", has=page.get_by_text(symbol, exact=True)).click()
        expect(charts.nth(place).locator("h1")).to_have_text(symbol)
    expect(page.locator(".state[role]:visible")).to_have_count(0)


def model(page: Page, _: Server) -> None:
    """Wait for the grades of the expected move."""
    expect(page.locator("#model svg").first).to_be_visible()


def alerts(page: Page, server: Server) -> None:
    """Let a rule fire, and type another one, of which the page says how often it would have fired."""
    field = page.get_by_label("New rule")
    field.fill("price crosses above sma_20 for AAPL, TSLA, MSFT")
    field.press("Enter")
    fired = page.locator("#alerts tbody tr")
    while fired.count() < _FIRED:
        server.tell("play 5")
        page.wait_for_timeout(_SETTLED)
    page.locator(".toast").first.wait_for(state="detached", timeout=60_000)
    field.press_sequentially("price crosses below bbands_20_2_lower for TSLA")
    page.keyboard.press("Escape")
    expect(page.locator("#alerts .preview")).to_contain_text("Would have fired", timeout=60_000)


def screener(page: Page, _: Server) -> None:
    """Screen by trend and momentum."""
    tab = page.locator("#screener")
    tab.get_by_label("Rule").fill("price > sma_50 and rsi_14 > 50")
    tab.get_by_label("Columns").fill("close, bar_change, rsi_14, sma_50, volume")
    page.keyboard.press("Enter")
    tab.get_by_role("button", name="rsi_14").click()
    expect(tab.get_by_role("button", name="rsi_14 ▼")).to_be_visible()


PICTURES = (
    Picture("dashboard.png", "#chart/TSLA/1m", chart),
    Picture("dashboard-charts.png", "#chart/AAPL/5m", four_charts),
    Picture("dashboard-model.png", "#model", model),
    Picture("dashboard-screener.png", "#screener", screener, (1440, 760), dark=False),
    Picture("dashboard-phone.png", "#chart/TSLA/5m", lambda *_: None, (390, 844)),
    Picture("dashboard-alerts.png", "#alerts", alerts, (1440, 760), dark=False),  # the last, as it plays on
)


def main() -> None:
    """Serve the packaged week, and take the pictures."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)))
    server = Server(SERVED)
    server.tell(f"play {_PLAYED}")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
            for picture in PICTURES:
                width, height = picture.size
                page = browser.new_page(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if picture.dark else "light",
                    reduced_motion="reduce",
                )
                page.goto(server.url + picture.route)
                if picture.route.startswith("#chart"):
                    drawn(page)
                picture.prepare(page, server)
                page.mouse.move(0, 0)
                page.wait_for_timeout(_SETTLED)
                page.screenshot(path=IMAGES / picture.name)
                page.close()
            browser.close()
    finally:
        server.close()


if __name__ == "__main__":
    main()
