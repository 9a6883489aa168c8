// Small plots: calibration, names with bars, and lines over time.
import { h, svg } from "./dom.js";
import { price, share } from "./format.js";

// Mean probability against the share that rose; on the diagonal is right.
export function calibrationPlot(bins) {
  const size = 240;
  const pad = 42;
  const values = bins.flatMap((bin) => [bin.mean, bin.share]);
  const low = Math.max(0, Math.floor(Math.min(...values, 0.4) * 10) / 10);
  const high = Math.min(1, Math.ceil(Math.max(...values, 0.6) * 10) / 10);
  const at = (value) => pad + ((value - low) / (high - low)) * (size - pad - 16);
  const x = (value) => at(value);
  const y = (value) => size - at(value);
  const ticks = [];
  for (let value = low; value <= high + 1e-9; value += 0.1) ticks.push(value);
  const most = Math.max(...bins.map((bin) => bin.count), 1);
  return svg("svg", {
    class: "plot", viewBox: `0 0 ${size} ${size}`, role: "img",
    "aria-label": `Calibration: ${bins.map((bin) => `said ${share(bin.mean, 0)}, rose ${share(bin.share, 0)}`).join("; ")}`,
  },
  ticks.map((value) => [
    svg("line", { class: "grid", x1: x(value), x2: x(value), y1: y(low), y2: y(high) }),
    svg("line", { class: "grid", x1: x(low), x2: x(high), y1: y(value), y2: y(value) }),
    svg("text", { x: x(value), y: size - pad + 14, "text-anchor": "middle" }, share(value, 0)),
    svg("text", { x: pad - 5, y: y(value) + 3, "text-anchor": "end" }, share(value, 0)),
  ]),
  svg("line", { class: "diagonal", x1: x(low), y1: y(low), x2: x(high), y2: y(high) }),
  bins.map((bin) => [
    svg("circle", { class: "dot", cx: x(bin.mean), cy: y(bin.share), r: 2 + 4 * Math.sqrt(bin.count / most) },
      svg("title", {}, `said ${share(bin.mean)}, rose ${share(bin.share)}, ${bin.count.toLocaleString("en-US")} bars`)),
  ]),
  svg("text", { x: (size + pad) / 2, y: size - 4, "text-anchor": "middle" }, "said: P(UP)"),
  svg("text", { class: "turned", x: 9, y: (size - pad) / 2, "text-anchor": "middle", transform: `rotate(-90 9 ${(size - pad) / 2})` }, "share that rose"));
}

// Names with values from 0 up, as bars beside each other.
export function barList(items, show, most = Math.max(...items.map(([, value]) => value), 1e-9)) {
  return h("ul", { class: "bar-list" }, items.map(([name, value, mark]) => {
    const bar = h("i");
    bar.style.width = `${Math.max(0, Math.min(1, value / most)) * 100}%`;
    return h("li", { class: mark ?? "" }, h("span", { title: name }, name), h("span", { class: "bar" }, bar), h("b", {}, show(value)));
  }));
}

// Lines over time: `lines` are { name, values, style }, all as long as `times`. `when` says a time.
export function linePlot(times, lines, { when, title, show = (value) => share(value, 0) }) {
  const [width, height, left, bottom] = [350, 140, 34, 18];
  const values = lines.flatMap((line) => line.values).filter((value) => typeof value === "number");
  if (times.length < 2 || !values.length) return null;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = (high - low || 0.1) * 0.08;
  const x = (i) => left + (i / (times.length - 1)) * (width - left - 6);
  const y = (value) => 6 + (1 - (value - low + room) / (high - low + 2 * room || 1)) * (height - bottom - 6);
  const path = (line) => {
    let pen = "M";
    let d = "";
    line.values.forEach((value, i) => {
      if (typeof value !== "number") pen = "M";
      else {
        d += `${pen}${price(x(i), 1).replace(",", "")} ${price(y(value), 1).replace(",", "")}`;
        pen = "L";
      }
    });
    return d;
  };
  const marks = [low, (low + high) / 2, high];
  return h("figure", {},
    svg("svg", { class: "plot wide", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${lines.map((line) => line.name).join(" and ")} over time, last ${lines.map((line) => show(line.values.at(-1))).join(" and ")}` },
      marks.map((value) => [
        svg("line", { class: "grid", x1: left, x2: width - 6, y1: y(value), y2: y(value) }),
        svg("text", { x: left - 5, y: y(value) + 3, "text-anchor": "end" }, show(value)),
      ]),
      lines.map((line) => svg("path", { class: line.style, d: path(line) })),
      svg("text", { x: left, y: height - 4 }, when(times[0])),
      svg("text", { x: width - 6, y: height - 4, "text-anchor": "end" }, when(times.at(-1)))),
    h("figcaption", {}, title, lines.map((line) => h("span", { class: `key ${line.style}` }, line.name))));
}
