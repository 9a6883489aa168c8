// The chart as a picture and its bars as a table, saved on this machine.
import { h } from "../dom.js";

const HEAD = 34; // pixels above the picture, for its title

// What the chart shows, on one canvas. The library's own `takeScreenshot` never returns while a move of the window waits
// for its frame (5.2.1 merges the list of pending moves into itself), so the canvases are put together here.
export function canvasOf(drawing) {
  const root = drawing.chart.chartElement();
  const frame = root.getBoundingClientRect();
  const ratio = devicePixelRatio;
  const canvas = h("canvas", { width: Math.round(frame.width * ratio), height: Math.round(frame.height * ratio) });
  const context = canvas.getContext("2d");
  context.fillStyle = drawing.colors.line; // what shows between the canvases are lines between panes
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const part of root.querySelectorAll("canvas")) {
    const { left, top, width, height } = part.getBoundingClientRect();
    context.drawImage(part, (left - frame.left) * ratio, (top - frame.top) * ratio, width * ratio, height * ratio);
  }
  return canvas;
}

// Writes the legend's text where it stands over the chart, in its colours: all of it, also where the page has it folded.
function writeLegend(context, legend, { left, top }) {
  const ratio = devicePixelRatio;
  const folded = legend.classList.contains("folded");
  legend.classList.remove("folded");
  const range = document.createRange();
  const texts = document.createTreeWalker(legend, NodeFilter.SHOW_TEXT);
  context.textBaseline = "middle";
  while (texts.nextNode()) {
    const { currentNode: node } = texts;
    if (node.parentElement.closest("button") || !node.parentElement.checkVisibility()) continue;
    range.selectNodeContents(node);
    const place = range.getBoundingClientRect();
    const { color, fontWeight, fontSize, fontFamily } = getComputedStyle(node.parentElement);
    context.fillStyle = color;
    context.font = `${fontWeight} ${parseFloat(fontSize) * ratio}px ${fontFamily}`;
    context.fillText(node.data, (place.left - left) * ratio, (place.top + place.height / 2 - top) * ratio + HEAD);
  }
  legend.classList.toggle("folded", folded);
}

// Saves what is drawn as a PNG with a title and what the legend says.
export function savePicture(drawing, title, legend) {
  const { panel, ink, font } = drawing.colors;
  const chart = canvasOf(drawing);
  const canvas = h("canvas", { width: chart.width, height: chart.height + HEAD });
  const context = canvas.getContext("2d");
  context.fillStyle = panel;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, 0, HEAD);
  context.fillStyle = ink;
  context.font = `600 14px ${font}`;
  context.fillText(title, 12, 22);
  writeLegend(context, legend, drawing.chart.chartElement().getBoundingClientRect());
  canvas.toBlob((blob) => save(blob, `${title}.png`));
}

// Saves the bars that are here with their indicators.
export function saveTable(bars) {
  save(new Blob([tableOf(bars)], { type: "text/csv" }), `${bars.symbol} ${bars.interval}.csv`);
}

const NAMES = { t: "time", o: "open", h: "high", l: "low", c: "close", v: "volume", f: "final", s: "prediction", p: "probability", y: "outcome", x: "hours" };
const CODED = { f: ["false", "true"], s: ["", "UP", "DOWN", "HOLD"], y: ["", "UP", "DOWN", "HOLD"], x: ["regular", "pre", "post"] };

// The bars as CSV: ISO times in UTC, and a column for each value.
export function tableOf({ t, columns }) {
  const names = Object.keys(columns);
  const cell = (name, i) => {
    const value = columns[name][i];
    if (name === "t") return new Date(value).toISOString();
    return CODED[name] ? CODED[name][value] ?? "" : value ?? "";
  };
  const head = names.map((name) => NAMES[name] ?? name).map((name) => (/[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name));
  return [head.join(","), ...t.map((_, i) => names.map((name) => cell(name, i)).join(","))].join("\r\n") + "\r\n";
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name.replace(/[^\w.^= -]/g, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
