// The indicators that this browser shows: specs in the order they were added, each with a colour for as long as it stays,
// and with a style of its own where somebody chose one.
import { remember, remembered } from "../prefs.js";

const DEFAULT = [
  { spec: "sma_20", color: 0 },
  { spec: "sma_50", color: 1 },
  { spec: "rsi_14", color: 2 },
];
const COLORS = 8;
const MOST = 24;
export const WIDTHS = [1, 2, 3, 4]; // pixels of a line, as the drawing library has them

export let chosen = usable(remembered("indicators", DEFAULT)) ?? DEFAULT;
export let predictions = remembered("predictions", true) === true;

// Those of remembered or kept entries that make sense, null for what is no list: it may come from another version of the page.
export function usable(list) {
  if (!Array.isArray(list)) return null;
  return list.filter((entry) => typeof entry?.spec === "string" && Number.isInteger(entry.color) && entry.color >= 0).slice(0, MOST)
    .map(({ spec, color, style }) => ({ spec, color, ...usableStyle(style) }));
}

const watchers = new Set();

// Calls back whenever something else is to be shown.
export function watch(callback) {
  watchers.add(callback);
}

// Tells all charts that something else is to be shown; resolves once they show it.
export function tell() {
  return Promise.all([...watchers].map((callback) => callback()));
}

export function shownIndicators() {
  return chosen.map((entry) => entry.spec);
}

// Those parts of a remembered or kept style that make sense, as { style: { lines: { suffix: { color, width } }, label } }; without
// any, {}.
export function usableStyle(style) {
  const lines = {};
  for (const [suffix, line] of Object.entries(style?.lines ?? {})) {
    const kept = {};
    if (/^#[0-9a-f]{6}$/i.test(line?.color)) kept.color = line.color;
    if (WIDTHS.includes(line?.width)) kept.width = line.width;
    if (Object.keys(kept).length) lines[suffix] = kept;
  }
  const label = style?.label === true;
  return label || Object.keys(lines).length ? { style: { lines, label } } : {};
}

// Adds a spec, or puts it in the place of another. One that is shown already keeps its place and colour.
export function put(spec, instead = null) {
  if (chosen.some((entry) => entry.spec === spec)) {
    if (instead && instead !== spec) drop(instead);
    return;
  }
  const old = chosen.find((entry) => entry.spec === instead);
  const used = new Set(chosen.map((entry) => entry.color));
  const free = [...Array(COLORS).keys()].find((color) => !used.has(color)) ?? chosen.length % COLORS;
  const added = { ...old, spec, color: old?.color ?? free };
  save(old ? chosen.map((entry) => (entry === old ? added : entry)) : [...chosen, added]);
}

export function drop(...specs) {
  save(chosen.filter((entry) => !specs.includes(entry.spec)));
}

// Gives one that is shown a style of its own.
export function restyle(spec, style) {
  save(chosen.map((entry) => (entry.spec === spec ? { spec, color: entry.color, ...usableStyle(style) } : entry)));
}

// Shows these in place of all that are shown.
export function replace(list, calls) {
  save(list);
  showPredictions(calls);
}

function save(list) {
  chosen = list;
  remember("indicators", chosen);
}

export function showPredictions(on) {
  predictions = on;
  remember("predictions", on);
}
