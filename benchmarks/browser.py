"""Measure the page in headless Chromium: until the first candles are drawn, and how evenly a chart of 20 panes moves.

The store is that of `page.py`: ten million one-minute rows of 500 symbols. The time of the first candles counts from
the navigation to the frame after the one in which pixels of a candle's colour are on the canvas, in a window that has
nothing in its cache, and again in one that has. The window is open and at rest before: this Chromium draws the frame of
a new one, its buttons and tabs, as a page of its own, which takes as much CPU as the chart.

While the chart is panned, the time between two frames (`requestAnimationFrame`) is noted, and the CPU that a frame
takes in all of Chromium's processes, beside an empty page that draws nothing, which is what this browser can do.
What it can do is shown by the pages of `smallest_pages.py`: the same bars in the same drawing library and nothing else.
Chromium draws without a graphics card here.

usage: browser.py [--rows 10000000] [--symbols 500] [--runs 9] [--panes 20] [--seconds 5] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from smallest_pages import SmallestPages

from page import Server, build, forget, wait_until_prepared

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

#: Twenty panes: the candles, and nineteen indicators with one of their own each.
PANED = (
    "rsi_14", "macd_12_26_9", "stoch_14_3_3", "cci_20", "willr_14", "mfi_14", "roc_12", "mom_10", "cmo_14", "trix_15",
    "adx_14", "aroon_25", "bop", "obv", "atr_14", "natr_14", "ultosc_7_14_28", "ppo_12_26", "stochrsi_14_3_3",
)  # fmt: skip

#: What the page is compared with, by the path of the smallest pages.
_SMALLEST = {
    "canvas": "a filled canvas", "candles": "the drawing library alone", "bars": "the same chart, nothing else",
}  # fmt: skip

#: Notes when pixels of the colours of candles are there, at the frame after.
_FIRST_CANDLES = """
window.firstCandles = new Promise((seen) => addEventListener("DOMContentLoaded", () => {
  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const colors = ["--up", "--down"].map((name) => // as a pixel is in memory, alpha first
      parseInt(`ff${(style.getPropertyValue(name).match(/\\w\\w/g) ?? []).reverse().join("")}`, 16));
    const isLarge = ({ width, height }) => width >= 300 && height >= 200;
    const canvas = [...document.querySelectorAll("[data-part=canvas] canvas")].find(isLarge); // the others lie above it
    const { data } = canvas?.getContext("2d").getImageData(canvas.width >> 1, 0, 64, canvas.height) ?? { data: [] };
    const there = new Uint32Array(data.buffer ?? []).some((pixel) => colors.includes(pixel));
    requestAnimationFrame(there ? () => seen(performance.now()) : look);
  };
  requestAnimationFrame(look);
}));
"""

#: Waits until the chart has that many panes; the page's policy refuses what Playwright's own waiting would evaluate.
_PANED = """async (panes) => {
  const { chart } = await import("/js/main.js");
  while (chart.drawing?.chart.panes().length !== panes) await new Promise(requestAnimationFrame);
}"""

#: Moves the chart a little at every frame for some seconds; returns the times between frames, ms.
_PAN = """async ([seconds, empty]) => {
  const chart = empty ? null : window.smallest ?? (await import("/js/main.js")).chart.drawing.chart;
  const scale = chart?.timeScale();
  const start = scale?.scrollPosition() ?? 0;
  const times = [];
  await new Promise((done) => {
    let began = null;
    const frame = (now) => {
      began ??= now;
      times.push(now);
      scale?.scrollToPosition(start - 60 - 50 * Math.sin((now - began) / 700), false);
      if (now - began < 1000 * seconds) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  return times.slice(1).map((time, i) => time - times[i]);
}"""


def first_candles(browser: Browser, url: str, symbol: str, *, again: bool = False) -> float:
    """Return the seconds until candles are seen, in a new browser context; `again`: at its second visit."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.add_init_script(_FIRST_CANDLES)
    for _ in range(1 + again):
        page.goto("about:blank")
        wait_until_rested(page)
        page.goto(f"{url}#chart/{symbol}/1m", wait_until="commit")
        found = page.evaluate("firstCandles") / 1000
    context.close()
    return float(found)


def wait_until_rested(page: Page) -> None:
    """Wait until this process's browsers do nothing, at most ten seconds."""
    end = time.monotonic() + 10
    used = -1.0
    while browser_cpu() - used > 0.01 and time.monotonic() < end:
        used = browser_cpu()
        page.wait_for_timeout(500)


def panning(
    browser: Browser, url: str, panes: int, seconds: float, *, smallest: bool = False
) -> tuple[list[float], float]:
    """Return the ms between frames while a chart of this many panes moves, and the ms of CPU; no panes: no page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    if smallest:
        page.goto(url)
        page.wait_for_timeout(3000)
    elif panes:
        shown = [{"spec": spec, "color": i % 8} for i, spec in enumerate(PANED[: panes - 1])]
        page.add_init_script(f"localStorage.setItem('tapeline.indicators', {json.dumps(json.dumps(shown))})")
        page.goto(f"{url}#chart/SYM007/1m")
        page.evaluate(_PANED, panes)
        page.wait_for_timeout(2000)  # for what comes after the first candles
    before = browser_cpu()
    found = page.evaluate(_PAN, [seconds, not panes])
    used = 1000 * (browser_cpu() - before)
    context.close()
    return [float(each) for each in found], used


def browser_cpu() -> float:
    """Return the seconds of CPU that the browsers of this process have used so far."""
    parents, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            is_browser = b"chrom" in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        if is_browser:
            used[int(folder.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_own(process: int) -> bool:
        return process == os.getpid() or (process in parents and is_own(parents[process]))

    return sum(seconds for process, seconds in used.items() if is_own(process))


def told(name: str, found: tuple[list[float], float]) -> str:
    """Return a line with the frames a second, how late they come, and what one takes."""
    gaps, used = found
    p50, p95, p99 = np.percentile(gaps, (50, 95, 99))
    late = sum(gap > 25 for gap in gaps) / len(gaps)
    figures = f"{1000 * len(gaps) / sum(gaps):>6.1f}{p50:>9.1f}{p95:>8.1f}{p99:>8.1f}{late:>9.1%}"
    return f"{name:<44}{figures}{used / len(gaps):>9.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--panes", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--keep", type=Path, help="Folder to build the store in, or to use as it is.")
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="tapeline-page-"))
    path = next(filter(None, map(shutil.which, BROWSERS)))
    symbols = [f"SYM{i:03d}" for i in np.random.default_rng(1).integers(chosen.symbols, size=100)]
    try:
        if not (folder / "tapeline.db").exists():
            build(folder, chosen.rows, chosen.symbols)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            first_candles_of_servers(browser, folder, symbols, chosen.runs)
            heading = f"{'fps':>6}{'p50 ms':>9}{'p95':>8}{'p99':>8}{'late':>9}{'CPU ms':>9}"
            print(f"\n{f'panning for {chosen.seconds:g} s':<44}{heading}")
            with Server(folder) as server:
                url = server.url.removesuffix("api/v1")
                print(told("an empty page", panning(browser, url, 0, chosen.seconds)))
                for panes in (1, chosen.panes):
                    found = panning(browser, url, panes, chosen.seconds)
                    print(told(f"{panes} pane{'s' if panes > 1 else ''}", found))
                specs = ",".join(PANED[: chosen.panes - 1])
                with SmallestPages(f"{server.url}/symbols/SYM007/bars?limit=1000&indicators={specs}") as pages:
                    found = panning(browser, f"{pages.url}bars", chosen.panes, chosen.seconds, smallest=True)
                print(told(f"for comparison: {chosen.panes} panes of the library", found))
            browser.close()
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)


def first_candles_of_servers(browser: Browser, folder: Path, symbols: list[str], runs: int) -> None:
    """Print how long the first candles take: of a new server, of a running one, and at a second visit."""
    found: dict[str, list[float]] = {
        "new server, file not cached, new browser": [], "running server, new browser": [],
        "running server, second visit": [],
    }  # fmt: skip
    new, running, second = found.values()
    for run in range(max(runs // 3, 1)):
        forget(folder)
        with Server(folder) as server:
            forget(folder)
            new.append(first_candles(browser, server.url.removesuffix("api/v1"), symbols[run]))
    with Server(folder) as server:
        url = server.url.removesuffix("api/v1")
        first_candles(browser, url, symbols[-1])
        wait_until_prepared(server)
        for symbol in symbols[-1 - runs : -1]:
            running.append(first_candles(browser, url, symbol))
            second.append(first_candles(browser, url, symbol, again=True))
        with SmallestPages(f"{server.url}/symbols/{symbol}/bars?limit=1000&indicators=sma_20,sma_50,rsi_14") as pages:
            for path, name in _SMALLEST.items():
                found[f"for comparison: {name}"] = [first_candles(browser, pages.url + path, "") for _ in range(runs)]
    print(f"{'from the navigation to the first candles':<44}{'median':>9}{'worst':>10}")
    for name, seconds in found.items():
        print(f"{name:<44}{statistics.median(seconds):>7.3f} s{max(seconds):>8.3f} s")


if __name__ == "__main__":
    main()
