"""Read what the page shows: what its chart holds, which pixels it draws, and what axe finds wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

_AXE = Path(__file__).with_name("vendor") / "axe.min.js"

#: Reads what the drawing library holds: how many values each series has, the newest candle, and the range in view.
_CHART = """async () => {
  const { chart } = await import("/js/main.js");
  const { _bars: bars, _drawing: drawing } = chart;
  const range = drawing.chart.timeScale().getVisibleLogicalRange();
  const points = (series) => series.data().filter((point) => "value" in point || "close" in point).length;
  return {
    bars: bars.length,
    times: bars.t,
    close: bars.columns.c.at(-1),
    candles: points(drawing._candles),
    panes: drawing.chart.panes().length,
    studies: Object.fromEntries(
      drawing.studies.flatMap((study) => study._series).map(([column, series]) => [column.name, points(series)]),
    ),
    markers: drawing._calls._markers.markers().length,
    colors: new Set(drawing._calls._markers.markers().map((marker) => marker.color)).size,
    range: [range.from, range.to],
    shown: [bars.t[Math.max(0, Math.round(range.from))], bars.t[Math.min(bars.length - 1, Math.round(range.to))]],
  };
}"""

#: Counts the pixels of the chart in the colours of rising and of falling candles.
PIXELS = """async () => {
  const { chart, modules } = await import("/js/main.js");
  const canvas = modules["js/chart/export.js"].canvasOf(chart._drawing); // takeScreenshot may never return
  const { up, down } = (await import("/js/theme.js")).palette();
  const context = canvas.getContext("2d");
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return [up, down].map((color) => {
    const [r, g, b] = color.match(/\\w\\w/g).map((digits) => parseInt(digits, 16));
    let count = 0;
    for (let i = 0; i < data.length; i += 4) count += data[i] === r && data[i + 1] === g && data[i + 2] === b;
    return count;
  });
}"""


def until(page: Page, condition: str, arg: object = None) -> None:
    """Wait until this is true of the page's `chart` or `layout`. Playwright's own waiting does not await an import."""
    page.evaluate(
        f"""async (arg) => {{
          const {{ chart, layout }} = await import("/js/main.js");
          const end = performance.now() + 60_000;
          while (!({condition})) {{
            if (performance.now() > end) throw new Error("waited 60 s in vain for " + {condition!r});
            await new Promise((done) => setTimeout(done, 20));
          }}
        }}""",
        arg,
    )


def drawn(page: Page) -> dict[str, Any]:
    """Wait for candles, their indicators and what is expected, which moves them, and return the chart's state."""
    expect(page.locator(".state[role]")).to_be_hidden()
    until(page, "chart._drawing?.bars && chart._catalogue && chart._bars === chart._drawing.bars")
    until(page, "chart.expected._answered === chart.expected._closed")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return dict(page.evaluate(_CHART))


def newest(page: Page, time: int) -> None:
    """Wait until the chart's newest bar is the one of this time."""
    until(page, "chart._bars?.t.at(-1) === arg", time)


def kept(page: Page, name: str, condition: str) -> None:
    """Wait until this is true of the document `kept` of this name that the server keeps for the user."""
    until(page, f"((kept) => {condition})(await (await fetch('/api/v1/desk/{name}')).json())")


def problems(page: Page) -> list[str]:
    """Return what axe finds that keeps people from using the page."""
    page.evaluate(_AXE.read_text())
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
