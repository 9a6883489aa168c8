// Small plots: calibration, names with bars, and lines over time.
import { h, svg } from "./dom.js";
import { integer, percent } from "./format.js";

const rounded = (value) => value.toFixed(1);

// Mean probability against the share that rose; a calibrated model lies on the diagonal.
export function calibrationPlot(bins) {
  const size = 240;
  const pad = 42;
  const values = bins.flatMap((bin) => [bin.mean, bin.share]);
  const low = Math.max(0, Math.floor(Math.min(...values, 0.4) * 10) / 10);
  const high = Math.min(1, Math.ceil(Math.max(...values, 0.6) * 10) / 10);
  const toX = (value) => pad + ((value - low) / (high - low)) * (size - pad - 16);
  const toY = (value) => size - toX(value);
  const ticks = [];
  for (let value = low; value <= high + 1e-9; value += 0.1) ticks.push(value);
  const most = Math.max(...bins.map((bin) => bin.count), 1);
  return svg("svg", {
    class: "plot", viewBox: `0 0 ${size} ${size}`, role: "img",
    "aria-label": `Calibration: ${bins.map((bin) => `predicted ${percent(bin.mean, 0)}, rose ${percent(bin.share, 0)}`).join("; ")}`,
  },
  ticks.map((value) => [
    svg("line", { class: "grid", x1: toX(value), x2: toX(value), y1: toY(low), y2: toY(high) }),
    svg("line", { class: "grid", x1: toX(low), x2: toX(high), y1: toY(value), y2: toY(value) }),
    svg("text", { x: toX(value), y: size - pad + 14, "text-anchor": "middle" }, percent(value, 0)),
    svg("text", { x: pad - 5, y: toY(value) + 3, "text-anchor": "end" }, percent(value, 0)),
  ]),
  svg("line", { class: "diagonal", x1: toX(low), y1: toY(low), x2: toX(high), y2: toY(high) }),
  bins.map((bin) => svg("circle", { class: "dot", cx: toX(bin.mean), cy: toY(bin.share), r: 2 + 4 * Math.sqrt(bin.count / most) },
    svg("title", {}, `predicted ${percent(bin.mean)}, rose ${percent(bin.share)}, ${integer(bin.count)} bars`))),
  svg("text", { x: (size + pad) / 2, y: size - 4, "text-anchor": "middle" }, "predicted P(UP)"),
  svg("text", { x: 9, y: (size - pad) / 2, "text-anchor": "middle", transform: `rotate(-90 9 ${(size - pad) / 2})` }, "share that rose"));
}

// Bars from 0 on beside each other: `items` are [name, value, CSS class], `show` formats a value.
export function barList(items, show, most = Math.max(...items.map(([, value]) => value), 1e-9)) {
  return h("ul", { class: "bar-list" }, items.map(([name, value, style]) => {
    const bar = h("i");
    bar.style.width = `${Math.max(0, Math.min(1, value / most)) * 100}%`;
    return h("li", { class: style }, h("span", { title: name }, name), h("span", { class: "bar" }, bar), h("b", {}, show(value)));
  }));
}

// Counts beside each other, with a line where each would be if all were alike. `x` says what is counted along.
export function countPlot(counts, { x, name }) {
  const [width, height, left, bottom] = [350, 190, 8, 30];
  const total = counts.reduce((sum, count) => sum + count, 0);
  const even = total / counts.length;
  const most = Math.max(...counts, even) * 1.08 || 1;
  const step = (width - 2 * left) / counts.length;
  const toY = (count) => height - bottom - (count / most) * (height - bottom - 4);
  return svg("svg", { class: "plot wide", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${name}: ${counts.map((count) => percent(count / total, 0)).join(", ")}` },
    counts.map((count, i) => svg("rect", { class: "count", x: rounded(left + i * step + 1), y: rounded(toY(count)), width: rounded(step - 2), height: rounded(height - bottom - toY(count)) },
      svg("title", {}, `${integer(count)} of ${integer(total)}, ${percent(count / total)}`))),
    svg("line", { class: "diagonal", x1: left, x2: width - left, y1: rounded(toY(even)), y2: rounded(toY(even)) }),
    [0, counts.length / 2, counts.length].map((i) => svg("text", { x: left + i * step, y: height - bottom + 12, "text-anchor": ["start", "middle", "end"][Math.round((i / counts.length) * 2)] }, percent(i / counts.length, 0))),
    svg("text", { x: width / 2, y: height - 4, "text-anchor": "middle" }, x));
}

// Shares over time: `lines` are { name, values, style }, as long as `times`; null where a value is missing. The marks at
// the left are at the lowest and the highest value and between, unless `marks` says where.
export function linePlot(times, lines, { formatTime, title, marks = null }) {
  const [width, height, left, bottom] = [350, 190, 34, 18];
  const values = lines.flatMap((line) => line.values).filter((value) => value !== null);
  if (times.length < 2 || !values.length) return null;
  const show = (value) => percent(value, 0);
  const low = Math.min(...values, ...(marks ?? []));
  const high = Math.max(...values, ...(marks ?? []));
  const margin = (high - low || 0.1) * 0.08;
  const toX = (i) => left + (i / (times.length - 1)) * (width - left - 6);
  const toY = (value) => 6 + (1 - (value - low + margin) / (high - low + 2 * margin)) * (height - bottom - 6);
  const path = (line) => line.values.map((value, i) => {
    if (value === null) return "";
    return `${(line.values[i - 1] ?? null) === null ? "M" : "L"}${rounded(toX(i))} ${rounded(toY(value))}`;
  }).join("");
  const names = lines.map((line) => line.name).join(" and ");
  return h("figure", {},
    svg("svg", {
      class: "plot wide", viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `${names} over time, last ${lines.map((line) => show(line.values.at(-1))).join(" and ")}`,
    },
    (marks ?? [low, (low + high) / 2, high]).map((value) => [
      svg("line", { class: "grid", x1: left, x2: width - 6, y1: toY(value), y2: toY(value) }),
      svg("text", { x: left - 5, y: toY(value) + 3, "text-anchor": "end" }, show(value)),
    ]),
    lines.map((line) => svg("path", { class: line.style, d: path(line) })),
    svg("text", { x: left, y: height - 4 }, formatTime(times[0])),
    svg("text", { x: width - 6, y: height - 4, "text-anchor": "end" }, formatTime(times.at(-1)))),
    h("figcaption", {}, title, lines.map((line) => h("span", { class: `key ${line.style}` }, line.name))));
}
