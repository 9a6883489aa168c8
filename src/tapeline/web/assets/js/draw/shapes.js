// What can be drawn on a chart: lines and areas between points, each { t, p, date }: a time, a price, and whether the time is
// a date. Screens are not known here.
import { duration, price, signed, signedPercent } from "../format.js";

export const KINDS = {
  line: { label: "Trend line", points: 2, key: "T" },
  level: { label: "Horizontal line", points: 1, key: "H" },
  ray: { label: "Ray", points: 2, key: "J" },
  box: { label: "Rectangle", points: 2, key: "B" },
  fibonacci: { label: "Fibonacci levels", points: 2, key: "N" },
  measure: { label: "Measure", points: 2, key: "M" },
  text: { label: "Text", points: 1, key: "O" },
};

const RATIOS = [0, 0.236, 0.382, 0.5, 0.618, 0.786, 1];
const DAY = 86_400_000;
const MOST = 200; // shapes of one symbol
const LONGEST = 120; // characters

// The shapes of a kept document that this version of the page can draw.
export function usable(document) {
  const list = Array.isArray(document?.shapes) ? document.shapes : [];
  const isPoint = (point) => Number.isFinite(point?.t) && Number.isFinite(point?.p);
  return list.filter((shape) => Object.hasOwn(KINDS, shape?.kind) && shape.points?.length === KINDS[shape.kind].points && shape.points.every(isPoint))
    .slice(0, MOST).map(({ kind, points, text }) => ({ kind, points: points.map(known), ...(kind === "text" && { text: String(text ?? "").slice(0, LONGEST) }) }));
}

// Points drawn before dates were kept as such are dates where they are at UTC midnight.
const known = ({ t, p, date = t % DAY === 0 }) => ({ t, p, date: date === true });

// The prices of the levels between two prices, with their ratios: 0 at the second one, as retracements count.
export function levels([{ p: from }, { p: to }]) {
  return RATIOS.map((ratio) => ({ ratio, p: to + (from - to) * ratio }));
}

// What a measurement says: the move, in percent, over how many bars and how long.
export function measured([a, b], bars, decimals) {
  const count = bars.position(b.t, b.date) - bars.position(a.t, a.date);
  return `${signed(b.p - a.p, decimals)} (${signedPercent(b.p / a.p - 1)}), ${count} bar${Math.abs(count) === 1 ? "" : "s"}, ${duration(Math.abs(b.t - a.t))}`;
}

// The straight pieces of a shape on the screen, as [x1, y1, x2, y2]; `at` are its points there, `toY` turns a price into y.
export function pieces({ kind, points }, at, width, toY) {
  const [a, b] = at;
  if (kind === "level") return [[0, a.y, width, a.y]];
  if (kind === "line") return [[a.x, a.y, b.x, b.y]];
  if (kind === "ray") {
    const end = b.x === a.x ? { x: a.x, y: b.y > a.y ? 1e5 : -1e5 } : edge(a, b, b.x > a.x ? width : 0);
    return [[a.x, a.y, end.x, end.y]];
  }
  if (kind === "fibonacci") return levels(points).map(({ p }) => [Math.min(a.x, b.x), toY(p), Math.max(a.x, b.x), toY(p)]);
  if (kind === "text") return [[a.x, a.y, a.x + 60, a.y]];
  return [[a.x, a.y, b.x, a.y], [b.x, a.y, b.x, b.y], [b.x, b.y, a.x, b.y], [a.x, b.y, a.x, a.y]];
}

function edge(a, b, x) {
  return { x, y: a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x) };
}

// How far a place is from a piece, in pixels.
export function distance([x1, y1, x2, y2], x, y) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const share = dx || dy ? Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}

// The words of a price at a level.
export const levelText = ({ ratio, p }, decimals) => `${(ratio * 100).toFixed(1)}%  ${price(p, decimals)}`;
