"""Serve the smallest pages that show candles: the limits that the browser and the drawing library set to the page.

`/canvas` fills a canvas. `/candles` has the drawing library, and candles that it makes itself. `/bars` asks for bars as
the page does, and draws candles, volume and each indicator in a pane of its own with the drawing library: the same
series from the same answer, without the page around them.
"""

from __future__ import annotations

import http.server
import threading
import urllib.request
from pathlib import Path

import tapeline.web

_LIBRARY = Path(tapeline.web.__file__).with_name("assets") / "vendor" / "lightweight-charts.js"
_CANVAS = """
const canvas = Object.assign(document.createElement("canvas"), { width: 1070, height: 780 });
document.querySelector("div").append(canvas);
const drawn = canvas.getContext("2d");
drawn.fillStyle = "#26a69a";
drawn.fillRect(0, 0, 1070, 780);"""
_CANDLES = """
import { CandlestickSeries, createChart } from "./library.js";
const closes = Array.from({ length: 1001 }, (_, i) => 100 + 5 * Math.sin(i / 30) + Math.sin(i));
createChart(document.querySelector("div"), { autoSize: true })
  .addSeries(CandlestickSeries, { upColor: "#26a69a", downColor: "#ef5350" })
  .setData(closes.slice(1).map((close, i) => ({
    time: 60 * i, open: closes[i], high: Math.max(close, closes[i]), low: Math.min(close, closes[i]), close })));"""
_BARS = """
import { CandlestickSeries, HistogramSeries, LineSeries, createChart } from "./library.js";
const { columns, names, outputs } = await (await fetch("answer.json")).json();
const chart = window.smallest = createChart(document.querySelector("div"), {
  autoSize: true,
  layout: { background: { color: "#131720" }, textColor: "#94a0b0", fontSize: 11, attributionLogo: false },
  grid: { vertLines: { color: "#1a202a" }, horzLines: { color: "#1a202a" } }, timeScale: { barSpacing: 7 },
});
const points = (make) => columns.t.map((t, i) => ({ time: t / 1000, ...make(i) }));
const { o, h, l, c, v } = columns;
chart.addSeries(CandlestickSeries, { upColor: "#26a69a", downColor: "#ef5350", borderVisible: false })
  .setData(points((i) => ({ open: o[i], high: h[i], low: l[i], close: c[i] })));
chart.addSeries(HistogramSeries, { priceScaleId: "volume", lastValueVisible: false, priceLineVisible: false })
  .setData(points((i) => ({ value: v[i], color: c[i] < o[i] ? "#ef535055" : "#26a69a55" })));
const specs = [...new Set(names.map((name) => outputs[name].spec))].filter((spec) => !spec.startsWith("sma"));
for (const name of names) {
  const kind = name.endsWith("_hist") ? HistogramSeries : LineSeries;
  const values = columns[name];
  const pane = 1 + specs.indexOf(outputs[name].spec);
  chart.addSeries(kind, { lineWidth: 1, priceLineVisible: false, color: "#5b9cff" }, pane)
    .setData(points((i) => (values[i] === null ? {} : { value: values[i] })));
}
chart.panes().forEach((pane, i) => pane.setStretchFactor(i ? 1 : 3.2));"""
_SCRIPTS = {"/canvas": _CANVAS, "/candles": _CANDLES, "/bars": _BARS}


class SmallestPages:
    """Serve them from a thread; `answer` is the URL of the API's answer that `/bars` draws, which is asked for once."""

    def __init__(self, answer: str) -> None:
        with urllib.request.urlopen(answer, timeout=60) as found:
            bars = found.read()

        class Answers(_Answers):
            answer = bars

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> SmallestPages:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer = b""

    def do_GET(self) -> None:
        if self.path == "/library.js":
            kind, body = "text/javascript", _LIBRARY.read_bytes()
        elif self.path == "/answer.json":
            kind, body = "application/json", self.answer
        else:
            kind = "text/html"
            body = (
                "<!doctype html><style>:root { --up: #26a69a; --down: #ef5350 } div { width: 1070px; height: 780px }"
                f'</style><div data-part="canvas"></div><script type="module">{_SCRIPTS.get(self.path, "")}</script>'
            ).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
