"""Measure the page in headless Chromium: until the first candles are drawn, and how evenly a chart of 20 panes moves.

The store is that of `page.py`: ten million one-minute rows of 500 symbols. The time of the first candles counts from
the navigation to the frame after the one in which pixels of a candle's colour are on the canvas, in a browser that has
nothing in its cache, and again in one that has.

While the chart is panned, the time between two frames (`requestAnimationFrame`) is noted, and the CPU that a frame
takes in all of Chromium's processes, beside an empty page that draws nothing, which is what this browser can do.
What it can do until the first candles is shown by a page that has a thousand candles in it and nothing but the drawing
library, and by one that fills a canvas.
Chromium draws without a graphics card here.

usage: browser.py [--rows 10000000] [--symbols 500] [--runs 9] [--panes 20] [--seconds 5] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import shutil
import statistics
import tempfile
import threading
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

import tapeline.web
from page import Server, build, forget, wait_until_prepared

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

#: Twenty panes: the candles, and nineteen indicators with one of their own each.
PANED = (
    "rsi_14", "macd_12_26_9", "stoch_14_3_3", "cci_20", "willr_14", "mfi_14", "roc_12", "mom_10", "cmo_14", "trix_15",
    "adx_14", "aroon_25", "bop", "obv", "atr_14", "natr_14", "ultosc_7_14_28", "ppo_12_26", "stochrsi_14_3_3",
)  # fmt: skip

#: Notes when pixels of the colours of candles are there, at the frame after.
_FIRST_CANDLES = """
window.firstCandles = new Promise((seen) => addEventListener("DOMContentLoaded", () => {
  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const colors = ["--up", "--down"].map((name) => // as a pixel is in memory, alpha first
      parseInt(`ff${(style.getPropertyValue(name).match(/\\w\\w/g) ?? []).reverse().join("")}`, 16));
    const there = [...document.querySelectorAll("[data-part=canvas] canvas")].some((canvas) => {
      const { width, height } = canvas;
      if (width < 300 || height < 200) return false;
      const { data } = canvas.getContext("2d").getImageData(width >> 1, 0, 64, height); // little, for it takes time
      return new Uint32Array(data.buffer).some((pixel) => colors.includes(pixel));
    });
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
  const scale = empty ? null : (await import("/js/main.js")).chart.drawing.chart.timeScale();
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
        page.goto(f"{url}#chart/{symbol}/1m", wait_until="commit")
        found = page.evaluate("firstCandles") / 1000
    context.close()
    return float(found)


def panning(browser: Browser, url: str, panes: int, seconds: float) -> tuple[list[float], float]:
    """Return the ms between frames while a chart of this many panes moves, and the ms of CPU; no panes: no page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    if panes:
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
            browser.close()
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)


class SmallestPages(http.server.BaseHTTPRequestHandler):
    """Answer with a page of candles that has nothing but the drawing library, and with one of a filled canvas."""

    protocol_version = "HTTP/1.1"
    library = Path(tapeline.web.__file__).with_name("assets") / "vendor" / "lightweight-charts.js"
    candles = """
import { CandlestickSeries, createChart } from "./library.js";
const closes = Array.from({ length: 1001 }, (_, i) => 100 + 5 * Math.sin(i / 30) + Math.sin(i));
createChart(document.querySelector("div"), { autoSize: true })
  .addSeries(CandlestickSeries, { upColor: "#26a69a", downColor: "#ef5350" })
  .setData(closes.slice(1).map((close, i) => ({
    time: 60 * i, open: closes[i], high: Math.max(close, closes[i]), low: Math.min(close, closes[i]), close })));"""
    canvas = """
const canvas = Object.assign(document.createElement("canvas"), { width: 1100, height: 800 });
document.querySelector("div").append(canvas);
const drawn = canvas.getContext("2d");
drawn.fillStyle = "#26a69a";
drawn.fillRect(0, 0, 1100, 800);"""

    def do_GET(self) -> None:
        kind, body = "text/javascript", self.library.read_bytes()
        if self.path != "/library.js":
            kind = "text/html"
            script = self.candles if self.path == "/candles" else self.canvas
            body = (
                "<!doctype html><style>:root { --up: #26a69a; --down: #ef5350 } div { width: 1100px; height: 800px }"
                f'</style><div data-part="canvas"></div><script type="module">{script}</script>'
            ).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def first_candles_at_best(browser: Browser, runs: int) -> dict[str, list[float]]:
    """Return how long this browser takes for the smallest pages."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmallestPages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    found = {
        f"for comparison: {name}": [first_candles(browser, url + path, "") for _ in range(runs)]
        for path, name in (("canvas", "a filled canvas"), ("candles", "the drawing library alone"))
    }
    server.shutdown()
    return found


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
    found |= first_candles_at_best(browser, runs)
    print(f"{'from the navigation to the first candles':<44}{'median':>9}{'worst':>10}")
    for name, seconds in found.items():
        print(f"{name:<44}{statistics.median(seconds):>7.3f} s{max(seconds):>8.3f} s")


if __name__ == "__main__":
    main()
